//! What is said when preflight itself breaks down.

use std::io::Write;
use std::panic;

/// From now on a panic says where it was and nothing of what was in its hands: that may be a secret.
pub fn report_without_payload() {
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|location| place(location.file(), location.line()));
        let _ = std::io::stderr().lock().write_all(message(place.as_deref().unwrap_or("an unknown place")).as_bytes());
    }));
}

fn message(place: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "error: this is a defect of preflight {version}, and says nothing about your deployment: it broke down at {place}.\n\
         Please report that place. What it worked on is not shown, since it may be a secret.\n"
    )
}

/// A place in a source file, without the folders of the machine on which it was built.
fn place(file: &str, line: u32) -> String {
    let parts: Vec<&str> = file.split(['/', '\\']).collect();
    // The folder above `src` names the package; ours has none.
    let start = parts.iter().rposition(|part| matches!(*part, "src" | "checks")).unwrap_or(parts.len() - 1);
    let start = if file.starts_with(['/', '\\']) { start.saturating_sub(1) } else { start };
    format!("{}:{line}", parts[start..].join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_of_ours_is_named_from_the_top_of_the_repository() {
        assert_eq!(place("src/world/mod.rs", 7), "src/world/mod.rs:7");
        assert_eq!(place("src/../checks/stripe/account.rs", 7), "checks/stripe/account.rs:7");
    }

    #[test]
    fn a_place_in_a_package_names_the_package_and_no_folder_of_the_machine() {
        assert_eq!(place("/home/ana/packages/tabled-0.22.0/src/lib.rs", 7), "tabled-0.22.0/src/lib.rs:7");
    }
}
