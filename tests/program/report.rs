//! `preflight report`.

use serde_json::Value;

use crate::program::Folder;

/// A folder with reports of a healthy sandbox and of one with a problem.
fn folder() -> Folder {
    let folder = Folder::new();
    assert_eq!(folder.run(&["run", "--sandbox", "--no-report", "--report=json=go.json"]).status, 0);
    assert_eq!(folder.run(&["run", "--sandbox=metadata-case", "--no-report", "--report=json=no-go.json"]).status, 1);
    folder
}

#[test]
fn a_saved_report_is_shown_in_any_format_and_as_json_unchanged() {
    let folder = folder();
    let json = folder.run(&["report", "no-go.json", "--format=json"]);
    assert_eq!((json.status, json.stdout.as_str()), (0, folder.read("no-go.json").as_str()));
    for (format, start) in [
        ("table", "NO-GO: "),
        ("markdown", "# acme: NO-GO\n"),
        ("junit", "<?xml "),
        ("sarif", "{\n"),
        ("html", "<!DOCTYPE html>"),
        ("github", "NO-GO: "),
    ] {
        let ended = folder.run(&["report", "no-go.json", &format!("--format={format}")]);
        assert!(ended.stdout.starts_with(start), "{format}: {}", ended.all());
        assert!(ended.stdout.contains("stripe/product-metadata") || format == "junit", "{format}: {}", ended.stdout);
    }
}

#[test]
fn check_makes_the_verdict_the_exit_status() {
    let folder = folder();
    assert_eq!(folder.run(&["report", "no-go.json", "--check"]).status, 1);
    assert_eq!(folder.run(&["report", "go.json", "--check"]).status, 0);
    assert_eq!(folder.run(&["report", "go.json", "no-go.json", "--check"]).status, 1);
}

#[test]
fn several_reports_are_shown_with_the_worst_first() {
    let folder = folder();
    let table = folder.run(&["report", "go.json", "no-go.json"]);
    assert!(table.stdout.starts_with(" 1. NO-GO: acme, live mode, "), "{}", table.stdout);
    assert!(
        table.stdout.lines().nth(1).is_some_and(|line| line.starts_with(" 2. GO: acme, live mode, ")),
        "{}",
        table.stdout
    );
    let json = folder.run(&["report", "go.json", "no-go.json", "--format=json"]);
    let reports: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&reports[0]["verdict"], &reports[1]["verdict"]), (&"no-go".into(), &"go".into()));
    for format in ["junit", "sarif", "markdown", "html", "github"] {
        let ended = folder.run(&["report", "go.json", "no-go.json", &format!("--format={format}")]);
        assert!(ended.status == 0 && ended.stdout.contains("stripe/product-metadata"), "{format}: {}", ended.all());
    }
}

#[test]
fn diff_shows_what_is_new_and_what_is_fixed() {
    let folder = folder();
    let worse = folder.run(&["report", "no-go.json", "--diff", "go.json"]);
    assert!(worse.stdout.contains("\nNEW FAILURES\n- stripe/product-metadata: "), "{}", worse.stdout);
    let better = folder.run(&["report", "go.json", "--diff", "no-go.json"]);
    assert!(better.stdout.contains("\nFIXED\n- stripe/product-metadata: "), "{}", better.stdout);
    let same = folder.run(&["report", "go.json", "--diff", "go.json"]);
    assert!(same.stdout.ends_with("Nothing changed.\n"), "{}", same.stdout);
    let json = folder.run(&["report", "no-go.json", "--diff", "go.json", "--format=json"]);
    let report: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(report["since_last"]["new"].as_array().unwrap().len(), 1, "{report:#}");
}

#[test]
fn a_file_that_is_no_report_is_named_with_the_reason() {
    let folder = Folder::new();
    folder.write("package.json", "{ \"name\": \"acme\" }\n");
    for (file, reason) in
        [("package.json", "this is not a report of `preflight run --format=json`"), ("none.json", "No such file")]
    {
        let ended = folder.run(&["report", file]);
        assert_eq!(ended.status, 64, "{}", ended.all());
        assert!(ended.stderr.contains(&format!("{file}: {reason}")), "{}", ended.stderr);
    }
}

#[test]
fn with_fail_on_new_only_a_new_failure_is_exit_status_1() {
    let folder = Folder::new();
    let run = |sandbox: &str| folder.run(&["run", sandbox, "--fail-on=new"]);
    assert_eq!(run("--sandbox=portal-no-cancel").status, 1, "there is no run to compare with");
    let known = run("--sandbox=portal-no-cancel");
    assert_eq!(known.status, 0, "{}", known.all());
    assert!(known.stdout.starts_with("NO-GO: ") && known.stderr.contains("--fail-on=new"), "{}", known.all());
    assert_eq!(run("--sandbox=portal-no-cancel,metadata-case").status, 1);
    assert_eq!(folder.run(&["run", "--sandbox", "--watch", "--fail-on=new"]).status, 64);
}
