//! What `-v` adds to the terminal report: every check, every request, and the evidence of every finding.

use tabled::builder::Builder;
use tabled::settings::object::Columns;
use tabled::settings::{Modify, Padding, Style as Border, Width};

use super::{ITEM, TerminalPage};
use crate::finding::{Evidence, Finding};
use crate::report::color::Color;
use crate::report::outline;
use crate::report::paragraph::{one_line, wrap};
use crate::report::text::{code_line, cut, shown, value};
use crate::run::{CheckFinding, CheckReport, Report};
use crate::world::LoggedRequest;

/// On wider rows it is hard to match a check with its time.
const GRID: usize = 140;
/// Where the text after a label starts.
const LABEL: usize = 12;

impl TerminalPage {
    /// A finding with its evidence.
    pub(super) fn detail(&mut self, word: &str, color: Color, found: &CheckFinding<'_>) {
        let finding = &found.reported.finding;
        self.item(word, color, &outline::name(found));
        self.text.push_str(&wrap(&shown(&finding.message), "  ", "  ", self.width));
        self.labeled("expected", &value(&finding.expected));
        self.labeled("seen", &value(&finding.actual));
        for (at, evidence) in finding.evidence.iter().enumerate() {
            self.evidence(if at == 0 { "evidence" } else { "" }, evidence, finding);
        }
        self.labeled("fix", &shown(&finding.fix.summary));
        for line in &finding.fix.code_lines() {
            self.copied("", &format!("  {}", code_line(line)));
        }
        for command in &finding.fix.commands() {
            self.copied("", &format!("$ {}", shown(command)));
        }
        for link in &finding.fix.links() {
            self.copied("", &shown(link));
        }
        self.copied("verify", &format!("$ {}", shown(&found.reported.verify)));
    }

    /// What else the check could not verify, after the last of its findings.
    pub(super) fn also(&mut self, findings: &[CheckFinding<'_>], at: usize) {
        if let Some(also) = outline::also(findings, at) {
            self.labeled("also", &shown(&also));
        }
    }

    /// A label, then text with a hanging indent.
    fn labeled(&mut self, label: &str, text: &str) {
        let first = format!("  {label:<10}");
        self.text.push_str(&wrap(text, &first, &" ".repeat(LABEL), self.width));
    }

    /// A label, then text in one piece even if it is wider than the line: half of it is useless.
    fn copied(&mut self, label: &str, text: &str) {
        self.text.push_str(&format!("  {label:<10}{text}\n"));
    }

    fn evidence(&mut self, label: &str, evidence: &Evidence, finding: &Finding) {
        let mut request = shown(&evidence.request);
        if let Some(status) = evidence.status {
            request.extend([" returned ", &status.to_string()]);
        }
        if let Some(id) = &evidence.request_id {
            request.extend([" (", &shown(id), ")"]);
        }
        self.labeled(label, &request);
        let (field, seen) = outline::shown_by(evidence, finding);
        let seen = match (shown(field), seen) {
            (field, seen) if field.is_empty() => seen,
            (field, seen) if seen.is_empty() => field,
            (field, seen) => format!("{field}: {seen}"),
        };
        if !seen.is_empty() {
            self.labeled("", &seen);
        }
    }

    /// Every check with its status, what it saw in short, and its time.
    pub(super) fn grid(&mut self, report: &Report) {
        if report.checks.is_empty() {
            return;
        }
        self.heading("ALL CHECKS");
        let name =
            |check: &CheckReport| shown(check.id.as_str().split_once('/').map_or(check.id.as_str(), |(_, name)| name));
        let names = report.checks.iter().map(|check| name(check).chars().count()).max().unwrap_or(0).min(24);
        let times = report.checks.iter().map(|check| outline::took(check.duration).len()).max().unwrap_or(0);
        // Two spaces separate the columns, and the longest status has seven letters.
        let seen = self.style.width.min(GRID).saturating_sub(2 + 7 + 2 + names + 2 + 2 + times).max(12);
        for group in report.checks.chunk_by(|left, right| left.id.group() == right.id.group()) {
            let heading = group.first().map(|check| shown(check.id.group())).unwrap_or_default();
            self.text.push_str(&self.style.paint(&heading, Color::Dim));
            self.text.push('\n');
            let mut rows = Builder::default();
            for check in group {
                let (status, text, time) = match &check.earlier {
                    Some(earlier) => (earlier.status, outline::age(report, earlier), String::new()),
                    None => (check.status, shown(&outline::seen(check)), outline::took(check.duration)),
                };
                // It is shown in full below.
                let text = cut(one_line(&text, "", seen).trim_end(), seen - 1);
                rows.push_record([status.word().to_owned(), name(check), text, format!("{time:>times$}")]);
            }
            let mut table = rows.build();
            table.with(Border::empty()).with(Padding::new(0, 2, 0, 0));
            for (column, width) in [7, names, seen].into_iter().enumerate() {
                table.with(Modify::new(Columns::one(column)).with(Width::wrap(width)).with(Width::increase(width)));
            }
            self.rows(&table.to_string(), group);
        }
    }

    /// The lines of a table, with each status in its color. A row starts with its status and continues after spaces.
    fn rows(&mut self, table: &str, checks: &[CheckReport]) {
        let mut statuses =
            checks.iter().map(|check| check.earlier.as_ref().map_or(check.status, |earlier| earlier.status));
        for line in table.lines() {
            let line = line.trim_end();
            match (line.starts_with(' '), line.split_once(' ')) {
                (false, Some((word, rest))) => {
                    let color = statuses.next().map_or(Color::Dim, Color::of_status);
                    self.text.extend(["  ", &self.style.paint(word, color), " ", rest, "\n"]);
                }
                _ => self.text.extend(["  ", line, "\n"]),
            }
        }
    }

    /// What each check saw when it passed.
    pub(super) fn passed(&mut self, checks: &[CheckReport]) {
        let verified: Vec<&CheckReport> = checks.iter().filter(|check| check.status.is_verified()).collect();
        if verified.is_empty() {
            return;
        }
        self.heading("VERIFIED");
        for check in verified {
            self.item(
                check.status.word(),
                Color::of_status(check.status),
                &format!("{}: {}", check.id, shown(&check.title)),
            );
            for seen in &check.seen {
                self.text.push_str(&wrap(&shown(seen), &" ".repeat(ITEM), &" ".repeat(ITEM), self.width));
            }
        }
    }

    /// Every request.
    pub(super) fn requests(&mut self, requests: &[LoggedRequest]) {
        if requests.is_empty() {
            return;
        }
        self.heading("REQUESTS");
        for request in requests {
            let status = request.status.map_or_else(|| "none".to_owned(), |status| status.to_string());
            let took = outline::took(request.duration);
            let mut words = format!("{}: {} {}", request.provider, shown(&request.method), shown(&request.path));
            if let Some(id) = &request.request_id {
                words.extend([" (", &shown(id), ")"]);
            }
            if request.attempts > 1 {
                words.extend([", ", &request.attempts.to_string(), " attempts"]);
            }
            if let Some(trouble) = &request.trouble {
                words.extend([": ", &shown(trouble)]);
            }
            self.text.push_str(&wrap(&words, &format!("{status:<4} {took:>7}  "), &" ".repeat(14), self.width));
        }
    }
}
