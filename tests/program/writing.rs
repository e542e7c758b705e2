//! Reports and results that cannot be written.

use std::fs::{self, File};
use std::process::Stdio;

use crate::program::{Folder, ProgramOutput, ended};

#[test]
fn an_unwritable_report_is_an_error_and_the_result_is_printed() {
    let folder = Folder::new();
    folder.write("taken", "a file");
    let ended = folder.run(&["run", "--sandbox=price-test-mode", "--report-dir=taken/reports"]);
    assert_eq!(ended.status, 1);
    assert!(ended.stdout.contains("stripe/price-mode: other-mode"), "{}", ended.stdout);
    for part in ["error: ", "taken", "--report-dir", "--no-report"] {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
}

#[test]
fn a_go_without_a_report_is_an_error() {
    let folder = Folder::new();
    folder.write("taken", "a file");
    let ended = folder.run(&["run", "--sandbox", "--report-dir=taken/reports"]);
    assert_eq!(ended.status, 70, "{}", ended.all());
    assert!(ended.stdout.contains("GO"), "{}", ended.stdout);
}

#[test]
fn the_exit_code_in_every_report_is_the_exit_status() {
    let folder = Folder::new();
    folder.write("taken", "a file");
    let ended = folder.run(&["run", "--sandbox", "--format=json", "--report=markdown=taken/report.md"]);
    for text in [ended.stdout, folder.read("reports/preflight.json")] {
        let report: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(report["exit_code"], ended.status);
    }
    assert_eq!(ended.status, 70);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error_and_the_result_is_printed() {
    let ended = Folder::new().run(&["run", "--sandbox=price-test-mode", "--no-report", "--report=json=/dev/full"]);
    assert_eq!(ended.status, 1, "{}", ended.all());
    assert!(ended.stderr.contains("error: ") && ended.stderr.contains("/dev/full"), "{}", ended.stderr);
    assert!(ended.stdout.contains("stripe/price-mode: other-mode"), "{}", ended.stdout);
}

#[test]
#[cfg(target_os = "linux")]
fn an_unprintable_result_is_an_error() {
    for arguments in [&["run", "--sandbox"][..], &["list"]] {
        let folder = Folder::new();
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut command = folder.command(arguments);
        let child = command.stdout(full).stderr(Stdio::piped()).spawn().unwrap();
        let ended = ProgramOutput::of(child.wait_with_output().unwrap());
        assert_eq!(ended.status, 70, "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.contains("standard output"), "{arguments:?}: {}", ended.stderr);
    }
}

#[test]
fn an_old_report_is_replaced() {
    let folder = Folder::new();
    fs::create_dir(folder.path("reports")).unwrap();
    folder.write("reports/preflight.json", &"old ".repeat(100_000));
    assert_eq!(folder.run(&["run", "--sandbox"]).status, 0);
    assert!(!folder.read("reports/preflight.json").contains("old old"));
}

#[test]
fn each_full_run_is_a_line_of_the_history_and_the_next_one_says_what_changed() {
    let folder = Folder::new();
    let first = folder.run(&["run", "--sandbox=price-test-mode"]);
    assert!(!first.stdout.contains("Since the last run"), "{}", first.stdout);
    // A part of the checks says nothing about the others.
    folder.run(&["run", "--sandbox", "--only=clerk"]);
    let second = folder.run(&["run", "--sandbox=jwt-template-missing", "--format=json"]);
    let report: serde_json::Value = serde_json::from_str(&second.stdout).unwrap();
    let since = &report["since_last"];
    assert_eq!(since["fixed"][0], "stripe/price-mode: other-mode (tier pro)", "{since}");
    assert_eq!((&since["new"][0], since["same"].as_array().unwrap().len()), (&"clerk/jwt-template: missing".into(), 0));
    assert_eq!(folder.read("reports/history.jsonl").lines().count(), 2);
}

#[test]
fn no_report_writes_nothing() {
    let folder = Folder::new();
    assert_eq!(folder.run(&["run", "--sandbox", "--no-report"]).status, 0);
    assert_eq!(fs::read_dir(folder.path(".")).unwrap().count(), 0);
}

#[test]
fn the_environment_takes_precedence_over_an_env_file() {
    let folder = Folder::with(crate::exit_status::UNREACHABLE);
    folder.write(".env", "STRIPE_SECRET_KEY=sk_live_YOUR_KEY_HERE\n");
    let arguments = ["run", "--env-file=.env", "--only=config/hygiene"];
    let placeholder = |ended: ProgramOutput| ended.stdout.contains("config/hygiene: placeholder");
    assert!(placeholder(folder.run(&arguments)));
    assert!(!placeholder(ended(folder.command(&arguments).envs(crate::secrets::PLANTED))));
}
