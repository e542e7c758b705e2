//! Several reports at a glance: their verdicts, and every check that did not pass in one of them, the worst first.

use std::cmp::Reverse;

use super::Style;
use super::checklist::badness;
use super::color::Color;
use super::outline;
use super::paragraph::wrap;
use super::text::{code_cell, disarm, markdown, shown};
use crate::check::CheckId;
use crate::run::{Report, Status};

/// What stands for a check that a report does not have.
pub(super) const ABSENT: &str = "-";
/// The room for a status and the space after it.
const COLUMN: usize = 9;

/// The matrix for a terminal. Where it does not fit, each check has a line of words.
#[must_use]
pub fn render(reports: &[Report], style: Style) -> String {
    let mut text = String::new();
    for (at, report) in reports.iter().enumerate() {
        let first = format!("{:>2}. ", at + 1);
        let (verdict, rest) = (outline::verdict(report.decision), about(report));
        let lines = wrap(&format!("{verdict}: {rest}"), &first, "    ", style.width);
        let rest = lines.get(first.len() + verdict.len()..).unwrap_or_default();
        text.extend([&first, &style.paint(verdict, Color::of_decision(report.decision)), rest]);
    }
    let rows = rows(reports);
    let widest = rows.iter().map(|(id, _)| id.as_str().len()).max().unwrap_or(0) + 2;
    if !rows.is_empty() {
        text.push('\n');
    }
    if widest + COLUMN * reports.len() > style.width {
        for (id, statuses) in &rows {
            let words = statuses.iter().enumerate().map(|(at, status)| format!("{} {}", at + 1, word(*status)));
            let words = words.collect::<Vec<String>>().join(", ");
            text.push_str(&wrap(&words, &format!("{}: ", shown(id.as_str())), "  ", style.width));
        }
        return disarm(&text);
    }
    if !rows.is_empty() {
        let numbers = (1..=reports.len()).map(|number| format!("{number:<COLUMN$}")).collect::<Vec<String>>().concat();
        text.push_str(&format!("{:<widest$}{}\n", "check", numbers.trim_end()));
    }
    for (id, statuses) in &rows {
        text.push_str(&format!("{:<widest$}", shown(id.as_str())));
        for (at, status) in statuses.iter().enumerate() {
            let color = status.map_or(Color::Dim, Color::of_status);
            let room = if at + 1 < statuses.len() { COLUMN.saturating_sub(word(*status).len()) } else { 0 };
            text.extend([style.paint(word(*status), color).as_str(), &" ".repeat(room)]);
        }
        text.push('\n');
    }
    disarm(&text)
}

/// The matrix as GitHub-flavored markdown.
#[must_use]
pub fn render_markdown(reports: &[Report]) -> String {
    let mut text = String::new();
    for (at, report) in reports.iter().enumerate() {
        text.push_str(&format!(
            "{}. **{}**: {}\n",
            at + 1,
            outline::verdict(report.decision),
            markdown(&about(report))
        ));
    }
    let rows = rows(reports);
    if !rows.is_empty() {
        let numbers: Vec<String> = (1..=reports.len()).map(|number| number.to_string()).collect();
        text.push_str(&format!("\n| check | {} |\n|{}\n", numbers.join(" | "), " --- |".repeat(reports.len() + 1)));
    }
    for (id, statuses) in &rows {
        let words: Vec<&str> = statuses.iter().map(|status| word(*status)).collect();
        text.push_str(&format!("| {} | {} |\n", code_cell(id.as_str()), words.join(" | ")));
    }
    disarm(&text)
}

/// A deployment, and what was seen of it.
pub(super) fn about(report: &Report) -> String {
    let (project, mode) = (shown(&report.project), report.mode.word());
    format!("{project}, {mode} mode, {}, {}", outline::started_at(report), outline::coverage(report))
}

fn word(status: Option<Status>) -> &'static str {
    status.map_or(ABSENT, Status::word)
}

/// Every check that did not pass in one of the reports, with its status in each.
pub(super) fn rows(reports: &[Report]) -> Vec<(CheckId, Vec<Option<Status>>)> {
    let mut ids: Vec<&CheckId> = Vec::new();
    for check in reports.iter().flat_map(Report::ran) {
        if !ids.contains(&&check.id) {
            ids.push(&check.id);
        }
    }
    let row = |id: &CheckId| {
        let status = |report: &Report| report.ran().find(|check| check.id == *id).map(|check| check.status);
        (id.clone(), reports.iter().map(status).collect::<Vec<_>>())
    };
    let worst = |statuses: &[Option<Status>]| statuses.iter().flatten().map(|status| badness(*status)).max();
    let mut rows: Vec<_> = ids.into_iter().map(row).collect();
    rows.retain(|(_, statuses)| worst(statuses) > Some(badness(Status::Flaky)));
    rows.sort_by_key(|(_, statuses)| Reverse(worst(statuses)));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn each_report_has_a_line_and_each_check_that_did_not_pass_a_row_the_worst_first() {
        let text = render(&[sample::no_go(), sample::go()], Style { width: 120, ..Style::plain() });
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                " 1. NO-GO: acme, live mode, 2026-11-20 10:12:03 UTC, 3 of 7 required checks verified",
                " 2. GO: acme, live mode, 2026-11-20 10:12:03 UTC, 4 of 4 required checks verified",
                "",
                "check               1        2",
                "stripe/price-mode   fail     pass",
                "webhook/endpoint    unknown  -",
                "stripe/price-terms  skipped  -",
                "stripe/account      waived   -",
                "webhook/events      warn     -",
            ]
        );
    }

    #[test]
    fn a_matrix_that_is_too_wide_is_written_in_words() {
        let text = render(&[sample::no_go(), sample::go()], Style { width: 36, ..Style::plain() });
        assert!(text.contains("\nstripe/price-mode: 1 fail, 2 pass\n"), "{text}");
    }

    #[test]
    fn in_markdown_it_is_a_list_and_a_table() {
        let text = render_markdown(&[sample::no_go(), sample::go()]);
        assert!(text.starts_with("1. **NO-GO**: acme, live mode") && text.contains("\n| check | 1 | 2 |\n"), "{text}");
        assert!(text.contains("\n| `stripe/price-mode` | fail | pass |\n"), "{text}");
    }

    #[test]
    fn where_everything_passed_there_is_no_table() {
        assert_eq!(render(&[sample::go(), sample::go()], Style::plain()).matches("check ").count(), 0);
        assert!(!render_markdown(&[sample::go()]).contains('|'));
    }

    #[test]
    fn a_row_has_a_cell_for_each_report_whatever_is_in_it() {
        for text in sample::HOSTILE {
            let text = render_markdown(&[sample::hostile(text), sample::go()]);
            let rows = text.lines().filter(|line| line.starts_with('|'));
            assert!(rows.map(|row| row.replace("\\|", "").matches('|').count()).all(|bars| bars == 4), "{text}");
        }
    }
}
