//! The terminal report: the verdict, what is wrong and how to fix it, every check, and the verdict again at the end.

use tabled::builder::Builder;
use tabled::settings::object::Columns;
use tabled::settings::{Modify, Padding, Style as Border, Width};

use super::Style;
use super::color::Color;
use super::outline;
use super::paragraph::{wrap, wrap_command};
use super::text::{cut, disarm, shown};
use crate::finding::Evidence;
use crate::run::{CheckFinding, CheckReport, Decision, Report, Status, WaiverEffect, WaiverReport};
use crate::world::LoggedRequest;

/// Prose is hard to read on longer lines, however wide the terminal is.
const PROSE: usize = 100;
/// On wider rows it is hard to match a check with its time.
const GRID: usize = 140;
/// The column where the text after a label starts.
const LABEL: usize = 12;

/// The whole report for a terminal.
#[must_use]
pub fn render(report: &Report, style: Style) -> String {
    let mut page = TerminalPage { style, width: style.width.clamp(20, PROSE), text: String::new() };
    page.head(report);
    let failures = outline::failures(report);
    page.findings("FAILED", Status::Fail, &failures);
    // With --fail-on=warn, warnings alone can make the verdict NO-GO.
    if !style.quiet || (report.decision == Decision::NoGo && failures.is_empty()) {
        page.findings("WARNINGS", Status::Warn, &outline::warnings(report));
        page.stale_waivers(&report.waivers);
    }
    if !style.quiet {
        page.unverified(report);
        page.grid(report);
        if style.verbose > 0 {
            page.passed(&report.checks);
            page.requests(&report.requests);
        }
        page.end(report);
    }
    disarm(&page.text)
}

struct TerminalPage {
    style: Style,
    width: usize,
    text: String,
}

impl TerminalPage {
    fn head(&mut self, report: &Report) {
        if let Some(changed) = &report.changed {
            self.line(&shown(changed), Color::Failure);
        }
        self.verdict(report, &outline::coverage(report));
        let (project, mode) = (shown(&report.project), report.mode.word());
        let started = outline::started_at(report);
        if let (Decision::Go, Some(not_covered)) = (report.decision, outline::not_covered(report)) {
            self.line(&not_covered, Color::Warning);
        }
        self.line(&format!("{project}, {mode} mode, {started}, {}", outline::took(report.duration)), Color::Dim);
        if let Some(interruption) = report.interruption {
            self.line(outline::interruption(interruption), Color::Warning);
        }
        if let Some(left_open) = &report.left_open {
            self.line(&shown(left_open), Color::Warning);
        }
        for waiver in report.waivers.iter().filter(|waiver| waiver.effect == WaiverEffect::Used) {
            self.waiver(waiver);
        }
    }

    fn verdict(&mut self, report: &Report, then: &str) {
        let word = outline::verdict(report.decision);
        let lines = wrap(&format!("{word}: {then}"), "", "", self.width);
        let rest = lines.strip_prefix(word).unwrap_or_default();
        self.text.push_str(&self.style.paint(word, Color::of_decision(report.decision)));
        self.text.push_str(rest);
    }

    /// A paragraph, colored line by line so that no color crosses a line end.
    fn line(&mut self, text: &str, color: Color) {
        for line in wrap(text, "", "", self.width).lines() {
            self.text.push_str(&self.style.paint(line, color));
            self.text.push('\n');
        }
    }

    fn heading(&mut self, heading: &str) {
        self.text.push('\n');
        self.text.push_str(&self.style.paint(heading, Color::Bold));
        self.text.push('\n');
    }

    /// A status, then text with a hanging indent.
    fn item(&mut self, word: &str, color: Color, text: &str) {
        let lines = wrap(text, &format!("{word:<9}"), &" ".repeat(9), self.width);
        let rest = lines.strip_prefix(word).unwrap_or_default();
        self.text.push_str(&self.style.paint(word, color));
        self.text.push_str(rest);
    }

    /// A label, then text with a hanging indent.
    fn labeled(&mut self, label: &str, text: &str) {
        let first = format!("  {label:<10}");
        self.text.push_str(&wrap(text, &first, &" ".repeat(LABEL), self.width));
    }

    fn findings(&mut self, heading: &str, status: Status, found: &[CheckFinding<'_>]) {
        if found.is_empty() {
            return;
        }
        self.heading(heading);
        for (at, finding) in found.iter().enumerate() {
            if at > 0 {
                self.text.push('\n');
            }
            self.finding(status, finding);
            if let Some(also) = outline::also(found, at) {
                self.labeled("also", &shown(&also));
            }
        }
    }

    fn finding(&mut self, status: Status, found: &CheckFinding<'_>) {
        let finding = &found.reported.finding;
        let name = match found.reported.subject.as_str() {
            "" => found.name(),
            subject => format!("{} ({})", found.name(), shown(subject)),
        };
        self.item(status.word(), Color::of_status(status), &name);
        self.text.push_str(&wrap(&shown(&finding.message), "  ", "  ", self.width));
        self.labeled("expected", &shown(&finding.expected));
        self.labeled("seen", &shown(&finding.actual));
        for (at, evidence) in finding.evidence.iter().enumerate() {
            self.evidence(if at == 0 { "evidence" } else { "" }, evidence);
        }
        self.labeled("fix", &shown(&finding.fix.summary));
        for command in &finding.fix.commands {
            self.command("", command);
        }
        for link in &finding.fix.links {
            // Never broken, even if it is wider than the line: half a link is useless.
            self.text.extend([&" ".repeat(LABEL), &shown(link), "\n"]);
        }
        self.command("verify", &found.reported.verify);
    }

    fn command(&mut self, label: &str, command: &str) {
        let first = format!("  {label:<10}$ ");
        self.text.push_str(&wrap_command(&shown(command), &first, &" ".repeat(LABEL), self.width));
    }

    fn evidence(&mut self, label: &str, evidence: &Evidence) {
        let mut request = shown(&evidence.request);
        if let Some(status) = evidence.status {
            request.extend([" returned ", &status.to_string()]);
        }
        if let Some(id) = &evidence.request_id {
            request.extend([" (", &shown(id), ")"]);
        }
        self.labeled(label, &request);
        let seen = match (shown(&evidence.field), shown(&evidence.seen)) {
            (field, seen) if field.is_empty() => seen,
            (field, seen) if seen.is_empty() => field,
            (field, seen) => format!("{field}: {seen}"),
        };
        if !seen.is_empty() {
            self.labeled("", &seen);
        }
    }

    fn waiver(&mut self, waiver: &WaiverReport) {
        let (name, until) = (shown(&outline::waived(waiver)), waiver.waiver.expires);
        let (owner, reason) = (shown(&waiver.waiver.owner), shown(&waiver.waiver.reason));
        if waiver.effect == WaiverEffect::Used {
            let text = format!("{name} until {until}, by {owner}: {reason}");
            self.item(Status::Waived.word(), Color::Warning, &text);
        } else {
            let text = format!("{name}, {}, by {owner}: {reason}", outline::effect(waiver));
            self.item(Status::Warn.word(), Color::Warning, &text);
        }
    }

    fn stale_waivers(&mut self, waivers: &[WaiverReport]) {
        let stale: Vec<&WaiverReport> = waivers.iter().filter(|waiver| waiver.effect != WaiverEffect::Used).collect();
        if stale.is_empty() {
            return;
        }
        self.heading("WAIVERS");
        for waiver in stale {
            self.waiver(waiver);
        }
    }

    fn unverified(&mut self, report: &Report) {
        let groups = outline::unverified(report);
        if groups.is_empty() {
            return;
        }
        self.heading("NOT VERIFIED");
        for group in groups {
            let names: Vec<&str> = group.checks.iter().map(|id| id.as_str()).collect();
            let needed = if group.required { "" } else { " (not required)" };
            self.item(group.status.word(), Color::of_status(group.status), &format!("{}{needed}", names.join(", ")));
            if !group.reason.is_empty() {
                self.text.push_str(&wrap(&shown(&group.reason), &" ".repeat(9), &" ".repeat(9), self.width));
            }
        }
    }

    fn grid(&mut self, report: &Report) {
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
        let verbose = self.style.verbose;
        let longest = |check: &CheckReport| match check.status {
            // It is shown in full above.
            Status::Unknown | Status::Skipped => seen,
            _ if verbose > 0 => usize::MAX,
            _ => seen * 4,
        };
        for group in report.checks.chunk_by(|left, right| left.id.group() == right.id.group()) {
            let heading = group.first().map(|check| shown(check.id.group())).unwrap_or_default();
            self.text.push_str(&self.style.paint(&heading, Color::Dim));
            self.text.push('\n');
            let mut rows = Builder::default();
            for check in group {
                let text = cut(&shown(&outline::seen(check)), longest(check) - 1);
                let (text, time) = (wrap(&text, "", "", seen), format!("{:>times$}", outline::took(check.duration)));
                rows.push_record([check.status.word().to_owned(), name(check), text.trim_end().to_owned(), time]);
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
        let mut statuses = checks.iter().map(|check| check.status);
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

    fn passed(&mut self, checks: &[CheckReport]) {
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
                self.text.push_str(&wrap(&shown(seen), &" ".repeat(9), &" ".repeat(9), self.width));
            }
        }
    }

    fn requests(&mut self, requests: &[LoggedRequest]) {
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

    fn end(&mut self, report: &Report) {
        self.text.push('\n');
        let summary = outline::summary(report);
        let then = match (report.decision, summary.is_empty()) {
            (Decision::NothingRan, _) | (_, true) => outline::coverage(report),
            _ => format!("{} ({summary})", outline::coverage(report)),
        };
        self.verdict(report, &then);
        if let (Decision::Go, Some(not_covered)) = (report.decision, outline::not_covered(report)) {
            self.line(&not_covered, Color::Warning);
        }
        let next = wrap(&shown(&report.next_action()), "Next: ", "      ", self.width);
        self.text.push_str(&next);
    }
}

#[cfg(test)]
mod tests;
