//! `run --failed` and `run --watch`.

use crate::exit_status::UNREACHABLE;
use crate::program::Folder;

const TWO: &str = "--sandbox=metadata-case,events-all";

#[test]
fn only_what_failed_is_asked_again_and_the_rest_has_its_age() {
    let folder = Folder::new();
    assert_eq!(folder.run(&["run", TWO]).status, 1);
    let full = folder.read("reports/preflight.json");
    let ended = folder.run(&["run", TWO, "--failed"]);
    assert_eq!(ended.status, 1, "{}", ended.all());
    for part in [
        "NO-GO: 0 of 1 selected check verified, and 51 others are from the report of ",
        "stripe        1 fail; 9 pass, 1 na (",
        "warn     webhook/events, ",
        "STILL FAILING  stripe/product-metadata\n",
    ] {
        assert!(ended.stdout.contains(part), "{part}: {}", ended.stdout);
    }
    assert_eq!(folder.read("reports/preflight.json"), full);
}

#[test]
fn a_program_can_tell_an_older_line_from_a_new_one() {
    let folder = Folder::new();
    folder.run(&["run", TWO]);
    let ended = folder.run(&["run", TWO, "--failed", "--format=json"]);
    let report: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    let checks = report["checks"].as_array().unwrap();
    let line = |id: &str| checks.iter().find(|check| check["id"] == id).unwrap();
    assert_eq!(line("stripe/price-mode")["status"], "skipped");
    assert_eq!(line("stripe/price-mode")["reason"], "excluded by --failed");
    assert_eq!(line("stripe/price-mode")["earlier"]["status"], "pass");
    assert!(line("stripe/product-metadata")["earlier"].is_null());
}

#[test]
fn with_fail_on_warn_a_warning_is_asked_again() {
    let folder = Folder::new();
    folder.run(&["run", "--sandbox=events-all"]);
    let ended = folder.run(&["run", "--sandbox=events-all", "--failed", "--fail-on=warn"]);
    assert_eq!(ended.status, 1, "{}", ended.all());
    assert!(ended.stdout.contains("NO-GO: 1 of 1 selected check verified"), "{}", ended.stdout);
}

#[test]
fn if_everything_passed_no_check_runs() {
    let folder = Folder::new();
    assert_eq!(folder.run(&["run", "--sandbox"]).status, 0);
    let ended = folder.run(&["run", "--sandbox", "--failed"]);
    assert_eq!(ended.status, 4, "{}", ended.all());
    assert!(ended.stdout.contains("no checks ran, because the report of "), "{}", ended.stdout);
    assert!(ended.stdout.ends_with("To check everything, run: preflight run --sandbox\n"), "{}", ended.stdout);
}

#[test]
fn without_a_report_of_the_same_configuration_failed_is_a_usage_error() {
    let folder = Folder::with(UNREACHABLE);
    let refused = |why: &str, arguments: &[&str]| {
        let ended = folder.run(&[&["run", "--failed"], arguments].concat());
        assert_eq!((ended.status, ended.stdout.as_str()), (64, ""), "{}", ended.all());
        let message = ended.stderr.split_whitespace().collect::<Vec<&str>>().join(" ");
        assert!(message.contains(why) && message.contains("first, run: preflight run"), "{message}");
    };
    refused("does not exist", &[]);
    folder.run(&["run"]);
    refused("another configuration", &["--mode=test"]);
    refused("another configuration", &["--sandbox=metadata-case"]);
    let report = folder.read("reports/preflight.json");
    let version = format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"));
    folder.write("reports/preflight.json", &report.replacen(&version, "\"version\": \"0.0.1\"", 1));
    refused("another version of preflight, 0.0.1", &[]);
    folder.write("reports/preflight.json", "{");
    refused("cannot be used: this is not a report", &[]);
    folder.write("reports/preflight.json", &report);
    folder.write("preflight.toml", &format!("{UNREACHABLE}# another text\n"));
    refused("another configuration", &[]);
}

#[test]
fn a_healthy_deployment_is_not_watched() {
    let ended = Folder::new().run(&["run", "--sandbox", "--watch"]);
    assert_eq!(ended.status, 0, "{}", ended.all());
    assert_eq!(ended.stdout.matches("GO: ").count(), 2, "one report: {}", ended.stdout);
}

#[test]
fn without_a_terminal_nothing_is_sent_again() {
    let ended = Folder::new().run(&["run", "--sandbox=worker-accepts-stale", "--watch"]);
    assert_eq!(ended.status, 1, "{}", ended.all());
    let text = ended.stderr.split_whitespace().collect::<Vec<&str>>().join(" ");
    assert!(text.contains("it sends something: webhook/rejects-forged."), "{text}");
}

#[test]
#[cfg(unix)]
fn ctrl_c_ends_the_wait_for_the_next_round() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    let folder = Folder::new();
    let mut command = folder.command(&["run", "--sandbox=metadata-case", "--watch"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.starts_with("Repeating what does not pass every 10 s: stripe/product-metadata.")));
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
}
