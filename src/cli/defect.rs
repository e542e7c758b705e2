//! The message for when preflight itself crashes.

use std::io::Write;
use std::panic;

/// Installs a panic hook that prints the location of a panic but not its message, which may contain a secret.
pub fn report_without_payload() {
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|location| place(location.file(), location.line()));
        let _ =
            std::io::stderr().lock().write_all(message(place.as_deref().unwrap_or("an unknown location")).as_bytes());
    }));
}

fn message(place: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "error: preflight {version} crashed at {place}. This is a bug in preflight, not in your deployment.\n\
         Report this location. The message is hidden because it may contain a secret.\n"
    )
}

/// A location in a source file, without the folders of the machine it was built on.
fn place(file: &str, line: u32) -> String {
    let parts: Vec<&str> = file.split(['/', '\\']).collect();
    // The folder above `src` names the package, except in this one.
    let start = parts.iter().rposition(|part| matches!(*part, "src" | "checks")).unwrap_or(parts.len() - 1);
    let start = if file.starts_with(['/', '\\']) { start.saturating_sub(1) } else { start };
    format!("{}:{line}", parts[start..].join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_in_preflight_starts_at_the_repository() {
        assert_eq!(place("src/world/mod.rs", 7), "src/world/mod.rs:7");
        assert_eq!(place("src/../checks/stripe/account.rs", 7), "checks/stripe/account.rs:7");
    }

    #[test]
    fn a_location_in_a_dependency_starts_at_the_package() {
        assert_eq!(place("/home/ana/packages/tabled-0.22.0/src/lib.rs", 7), "tabled-0.22.0/src/lib.rs:7");
    }
}
