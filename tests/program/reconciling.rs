//! `preflight reconcile` as a user runs it.

use serde_json::Value;

use crate::program::{Folder, ProgramOutput, ended, preflight};

const FAST: &str = "--rate=1000";

fn reconcile(scenario: &str, format: &str) -> ProgramOutput {
    preflight(&["reconcile", &format!("--sandbox={scenario}"), &format!("--format={format}"), FAST])
}

#[test]
fn the_exit_status_says_whether_there_is_drift() {
    for (scenario, status, outcome) in
        [("healthy", 0, "NO DRIFT"), ("paid-but-free", 1, "DRIFT: 1 account"), ("provider-dark", 2, "INCOMPLETE")]
    {
        let ended = reconcile(scenario, "table");
        assert_eq!(ended.status, status, "{}", ended.all());
        assert!(ended.stdout.starts_with(outcome), "{}", ended.stdout);
        assert_eq!(ended.stderr, "");
    }
}

#[test]
fn a_date_or_a_rate_that_makes_no_sense_is_a_usage_error() {
    for flag in ["--since=yesterday", "--rate=0", "--pause=-1s", "--format=junit"] {
        assert_eq!(preflight(&["reconcile", "--sandbox", flag]).status, 64, "{flag}");
    }
    for flag in ["--since=2026-11-01", "--since=2026-11-01T08:00:00Z", "--pause=0s"] {
        assert_eq!(preflight(&["reconcile", "--sandbox", flag]).status, 0, "{flag}");
    }
}

#[test]
fn the_json_is_one_document_in_the_published_shape() {
    for scenario in ["healthy", "drift", "provider-dark"] {
        let ended = reconcile(scenario, "json");
        let document: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(crate::schema::validated("reconcile", &document), Ok(()), "{scenario}");
        assert_eq!(document["exit_code"], ended.status, "{scenario}");
    }
}

#[test]
fn the_csv_has_a_line_for_each_account() {
    let ended = reconcile("drift", "csv");
    let lines: Vec<&str> = ended.stdout.split_terminator("\r\n").collect();
    assert!(lines[0].starts_with("bucket,user,customer,subscriptions,"), "{}", lines[0]);
    let paid_but_free = "paid-but-free,user_2adaAcme0000000000000000000,cus_QpanAda0000001,sub_1Rlivecme7LaunchAda00001,\
                         active,,pro,29.00,USD,";
    assert!(lines.iter().any(|line| line.starts_with(paid_but_free)), "{}", ended.stdout);
    // What is planted, Ada, and the canary.
    assert_eq!(lines.len(), 1 + 9 + 1 + 1);
}

#[test]
fn no_email_address_is_shown() {
    for format in ["table", "json", "csv"] {
        let ended = reconcile("drift", format);
        assert!(ended.status == 1 && !ended.all().contains('@'), "{}", ended.all());
    }
}

#[test]
fn the_table_fits_into_narrow_terminals() {
    for width in [60, 80] {
        let folder = Folder::new();
        let mut command = folder.command(&["reconcile", "--sandbox=drift", FAST]);
        let narrow = ended(command.env("COLUMNS", width.to_string()));
        let longest = narrow.stdout.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(longest <= width, "{longest}: {}", narrow.stdout);
        assert!(!narrow.stdout.contains('\u{1b}'));
    }
}
