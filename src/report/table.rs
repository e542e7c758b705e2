//! The terminal report. Its last screen is the one that is read, so it ends with the verdict and what to fix first.

mod detail;

use super::Style;
use super::color::Color;
use super::outline;
use super::paragraph::{one_line, wrap};
use super::text::{disarm, shown};
use super::unverified::{Unverified, unverified};
use crate::change::Actor;
use crate::run::{CheckFinding, Decision, NextAction, Report, Status, WaiverEffect, WaiverReport};

/// Prose is hard to read on longer lines, however wide the terminal is.
const PROSE: usize = 100;
/// Where the text after a status starts.
const ITEM: usize = 9;
/// Where the text after a number starts.
const NUMBERED: usize = 4;
/// What to do after several fixes.
const RUN_AGAIN: &str = "Then run preflight again.";
/// How many checks with the same reason are named; more are counted.
const NAMED: usize = 4;

/// The whole report for a terminal.
#[must_use]
pub fn render(report: &Report, style: Style) -> String {
    let mut page = TerminalPage { style, width: style.width.clamp(20, PROSE), text: String::new() };
    if style.quiet {
        page.brief(report);
    } else {
        page.head(report);
        if style.verbose > 0 {
            page.grid(report);
            page.passed(&report.checks);
            page.requests(&report.requests);
        } else {
            page.groups(report);
        }
        page.notes(report);
        page.unverified(report);
        page.earlier(report);
        page.warnings(report);
        page.failures(report);
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
        self.alarms(report);
        self.verdict(report, &outline::coverage(report));
        let (project, mode) = (shown(&report.project), report.mode.word());
        let started = outline::started_at(report);
        self.line(&format!("{project}, {mode} mode, {started}, {}", outline::took(report.duration)), Color::Dim);
        self.asides(report);
    }

    /// The verdict, and a line for each failure and for each required check that is not verified.
    fn brief(&mut self, report: &Report) {
        self.alarms(report);
        self.verdict(report, &outline::coverage(report));
        self.asides(report);
        let mut deciding: Vec<(Status, CheckFinding<'_>)> =
            outline::failures(report).into_iter().map(|found| (Status::Fail, found)).collect();
        // With --fail-on=warn, warnings alone can make the verdict NO-GO.
        if report.decision == Decision::NoGo && deciding.is_empty() {
            deciding.extend(outline::warnings(report).into_iter().map(|found| (Status::Warn, found)));
            self.stale_waivers(&report.waivers);
        }
        for (status, found) in deciding {
            let text = format!("{}: {}", outline::name(&found), shown(&found.reported.finding.message));
            self.brief_item(status, &text);
        }
        for check in report.open() {
            self.brief_item(check.status, &format!("{}: {}", check.id, shown(&outline::why(check))));
        }
    }

    fn brief_item(&mut self, status: Status, text: &str) {
        let (word, color) = (status.word(), Color::of_status(status));
        let line = one_line(text, &format!("{word:<ITEM$}"), self.style.width);
        self.text.extend([&self.style.paint(word, color), line.strip_prefix(word).unwrap_or_default()]);
    }

    /// What must not be missed: it comes before the verdict.
    fn alarms(&mut self, report: &Report) {
        if let Some(changed) = &report.changed {
            self.line(&shown(changed), Color::Failure);
        }
    }

    /// What limits the verdict.
    fn asides(&mut self, report: &Report) {
        if let (Decision::Go, Some(not_covered)) = (report.decision, outline::not_covered(report)) {
            self.line(&not_covered, Color::Warning);
        }
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
        let lines = wrap(text, &format!("{word:<ITEM$}"), &" ".repeat(ITEM), self.width);
        let rest = lines.strip_prefix(word).unwrap_or_default();
        self.text.push_str(&self.style.paint(word, color));
        self.text.push_str(rest);
    }

    /// One line for each group, because what passed needs no attention.
    fn groups(&mut self, report: &Report) {
        let groups = outline::groups(report);
        let longest = groups.iter().map(|(group, _)| group.len()).max().unwrap_or(0);
        if !groups.is_empty() {
            self.text.push('\n');
        }
        for (group, counts) in groups {
            let indent = longest + 2;
            self.text.push_str(&wrap(&counts, &format!("{:<indent$}", shown(group)), &" ".repeat(indent), self.width));
        }
    }

    fn failures(&mut self, report: &Report) {
        let failures = outline::failures(report);
        if failures.is_empty() {
            return;
        }
        self.heading("FAILED");
        for (at, found) in failures.iter().enumerate() {
            if self.style.verbose > 0 {
                self.separate(at);
                self.detail(Status::Fail.word(), Color::of_status(Status::Fail), found);
                self.also(&failures, at);
            } else {
                let (finding, indent) = (&found.reported.finding, " ".repeat(NUMBERED));
                self.numbered(at, Color::Failure, &format!("{}: {}", outline::name(found), shown(&finding.message)));
                let fix = format!("Fix: {}", shown(&finding.fix.summary));
                self.text.push_str(&wrap(&fix, &indent, &indent, self.width));
            }
        }
    }

    fn warnings(&mut self, report: &Report) {
        let warnings = outline::warnings(report);
        if !warnings.is_empty() {
            self.heading("WARNINGS");
        }
        for (at, found) in warnings.iter().enumerate() {
            if self.style.verbose > 0 {
                self.separate(at);
                self.detail(Status::Warn.word(), Color::of_status(Status::Warn), found);
                self.also(&warnings, at);
            } else {
                let text = format!("{}: {}", outline::name(found), shown(&found.reported.finding.message));
                self.item(Status::Warn.word(), Color::of_status(Status::Warn), &text);
            }
        }
        self.stale_waivers(&report.waivers);
    }

    /// What is worth knowing, in no color of trouble. While something fails, only the verbose report shows it.
    fn notes(&mut self, report: &Report) {
        if self.style.verbose == 0 && !outline::failures(report).is_empty() {
            return;
        }
        let notes = outline::notes(report);
        if !notes.is_empty() {
            self.heading("NOTES");
        }
        for (at, found) in notes.iter().enumerate() {
            if self.style.verbose > 0 {
                self.separate(at);
                self.detail("note", Color::Dim, found);
            } else {
                let text = format!("{}: {}", outline::name(found), shown(&found.reported.finding.message));
                self.item("note", Color::Dim, &text);
            }
        }
    }

    fn separate(&mut self, at: usize) {
        if at > 0 {
            self.text.push('\n');
        }
    }

    /// A number, then text with a hanging indent.
    fn numbered(&mut self, at: usize, color: Color, text: &str) {
        let number = format!("{:>2}.", at + 1);
        let lines = wrap(text, &format!("{number:<NUMBERED$}"), &" ".repeat(NUMBERED), self.width);
        self.text.extend([&self.style.paint(&number, color), lines.strip_prefix(number.as_str()).unwrap_or_default()]);
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
        let groups = unverified(report);
        if groups.is_empty() {
            return;
        }
        self.heading("NOT VERIFIED");
        for group in groups {
            let text = format!("{}: {}", self.names(&group), shown(&group.reason));
            self.item(group.status.word(), Color::of_status(group.status), text.trim_end_matches(": "));
        }
    }

    /// What did not simply pass in an older report and was not checked again.
    fn earlier(&mut self, report: &Report) {
        let concerns = outline::earlier_concerns(report);
        if !concerns.is_empty() {
            self.heading("NOT CHECKED AGAIN");
        }
        for (status, text) in concerns {
            self.item(status.word(), Color::of_status(status), &text);
        }
    }

    /// The checks with the same reason, or how many there are.
    fn names(&self, group: &Unverified<'_>) -> String {
        if group.checks.len() > NAMED && self.style.verbose == 0 {
            let required = group.checks.iter().filter(|check| check.required).count();
            return match required {
                0 => format!("{} checks, none required", group.checks.len()),
                all if all == group.checks.len() => format!("{all} required checks"),
                _ => format!("{} checks, {required} required", group.checks.len()),
            };
        }
        outline::listed(&group.checks)
    }

    fn end(&mut self, report: &Report) {
        self.text.push('\n');
        self.verdict(report, &format!("{}{}", outline::coverage(report), outline::summary_after(report)));
        if let (Decision::Go, Some(not_covered)) = (report.decision, outline::not_covered(report)) {
            self.line(&not_covered, Color::Warning);
        }
        if let Some(since) = &report.since_last {
            self.line(&outline::since_last(since), Color::Dim);
        }
        let actions = report.next_actions();
        let [first, rest @ ..] = actions.as_slice() else {
            let next = wrap(&shown(&report.next_action()), "Next: ", "      ", self.width);
            return self.text.push_str(&next);
        };
        self.heading("Fix these first");
        for (at, action) in actions.iter().enumerate() {
            self.action(at, action);
        }
        let verify = if rest.is_empty() {
            format!("Then run: {}", shown(&first.found.reported.verify))
        } else {
            RUN_AGAIN.to_owned()
        };
        self.text.extend([verify.as_str(), "\n"]);
        let by_machine = actions.iter().filter(|action| action.who == Actor::Machine).count();
        if by_machine > 0 {
            let what =
                if by_machine == actions.len() { "these changes".to_owned() } else { format!("{by_machine} of them") };
            self.text.push_str(&format!(
                "To have {what} made for you: {}\n",
                shown(&format!("preflight fix{}", report.flags))
            ));
        }
    }

    /// One line: the command or the page, in one piece so that it can be copied, or else what to do. The number says which
    /// failure it is for, so a long command needs no name.
    fn action(&mut self, at: usize, action: &NextAction<'_>) {
        let number = format!("{:>2}. ", at + 1);
        let named = format!("{number}{}: ", action.found.check.id);
        // With a choice or a change in the code, the command alone would be wrong.
        let is_to_copy = action.who != Actor::Developer && !action.found.reported.finding.fix.is_choice;
        let copied = match (action.commands.as_slice(), action.links.as_slice()) {
            ([], [link]) if is_to_copy => std::slice::from_ref(link),
            (commands, _) if is_to_copy => commands,
            _ => &[],
        };
        match copied {
            [] => self.text.push_str(&one_line(&shown(&action.found.reported.finding.fix.summary), &named, self.width)),
            [one] if named.len() + shown(one).len() <= self.style.width => {
                self.text.extend([named.as_str(), &shown(one), "\n"]);
            }
            several => {
                for (at, one) in several.iter().enumerate() {
                    let indent = if at == 0 { &number } else { "    " };
                    self.text.extend([indent, &shown(one), "\n"]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
