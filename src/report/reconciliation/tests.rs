//! What comes from outside cannot break a table, a spreadsheet or a document.

use std::time::Duration;

use jiff::Timestamp;

use super::{csv, json, render};
use crate::config::Mode;
use crate::holder::HolderKind;
use crate::reconcile::{Bucket, DriftedAccount, Monthly, NotCompared, Reconciliation};
use crate::report::Style;

const HOSTILE: [&str; 6] = [
    "=HYPERLINK(\"http://evil.example\")",
    "\u{1b}[2J\u{1b}]0;title\u{7}pro",
    "pro\r\n::error::stop\n##[command]x",
    "\"pro\",\"=1+1\"",
    "\u{202e}orp\u{200b}",
    "@SUM(A1:A9)",
];

fn account(text: &str) -> DriftedAccount {
    let text = || text.to_owned();
    DriftedAccount {
        bucket: Bucket::WrongTier,
        holder: Some(text()),
        customer: Some(text()),
        subscriptions: vec![text()],
        status: Some(text()),
        plan: Some(text()),
        pays_for: Some(text()),
        monthly: Monthly::unknown(),
        message: text(),
        fix: text(),
    }
}

fn found(accounts: Vec<DriftedAccount>, not_compared: Vec<NotCompared>) -> Reconciliation {
    Reconciliation {
        project: "acme".to_owned(),
        mode: Mode::Live,
        started_at: Timestamp::UNIX_EPOCH,
        took: Duration::from_secs(1),
        since: None,
        subscriptions: 1,
        kind: HolderKind::User,
        holders: 1,
        agree: 0,
        accounts,
        not_compared,
        is_interrupted: false,
        resumed: None,
        can_go_on: false,
    }
}

fn is_safe(text: &str) -> bool {
    !text.chars().any(|letter| (letter.is_control() && !matches!(letter, '\n' | '\r')) || letter == '\u{202e}')
}

#[test]
fn text_from_outside_cannot_break_the_table() {
    for hostile in HOSTILE {
        let open = NotCompared { reason: hostile.to_owned(), accounts: 2 };
        let text = render(&found(vec![account(hostile)], vec![open]), Style::plain());
        assert!(is_safe(&text) && !text.contains('\r'), "{text:?}");
        assert!(!text.lines().any(|line| line.trim_start().starts_with("::")) && !text.contains("##["), "{text}");
    }
}

#[test]
fn text_from_outside_cannot_start_a_formula_or_a_line_in_a_spreadsheet() {
    for hostile in HOSTILE {
        let text = csv::render(&found(vec![account(hostile)], Vec::new()));
        assert!(is_safe(&text), "{text:?}");
        let lines: Vec<&str> = text.split_terminator("\r\n").collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(!lines[1].contains(['\r', '\n']));
        for begin in ["=", "+", "-", "@"] {
            assert!(!lines[1].contains(&format!(",{begin}")) || lines[1].contains(",\""), "{text}");
            assert!(!lines[1].split(',').any(|field| field.starts_with(begin)), "{text}");
            assert!(!lines[1].contains(&format!(",\"{begin}")), "{text}");
        }
    }
}

#[test]
fn text_from_outside_cannot_break_the_document() {
    for hostile in HOSTILE {
        let text = json::render(&found(vec![account(hostile)], Vec::new()), 1);
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        let plan = document["accounts"][0]["plan"].as_str().unwrap();
        assert!(is_safe(plan) && !plan.contains(['\n', '\r']), "{plan:?}");
        assert!(!text.contains("##["));
    }
}

#[test]
fn unknown_amounts_are_said_to_be_unknown() {
    let found = found(vec![account("user_1"), account("user_2")], Vec::new());
    assert!(render(&found, Style::plain()).contains("At risk: 2 unknown amounts."));
    assert!(csv::render(&found).contains(",unknown,"));
}

#[test]
fn many_accounts_are_counted_and_listed_with_v() {
    let found = found((0..30).map(|number| account(&format!("user_{number} differs"))).collect(), Vec::new());
    let style = Style::plain();
    assert!(render(&found, style).contains("and 10 more: -v shows them"));
    let all = render(&found, Style { verbose: 1, ..style });
    assert_eq!(all.matches(" differs").count(), 30 * 2);
}
