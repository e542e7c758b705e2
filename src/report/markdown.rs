//! The markdown report: the verdict, each failure with its fix, the launch checklist, and every check and request.

use super::checklist::{self, LineResult};
use super::outline;
use super::text::{code, code_block, code_cell, disarm, link, markdown, shown, value};
use super::unverified::unverified;
use crate::run::{CheckFinding, CheckReport, Decision, Report, WaiverReport};

/// The whole report as GitHub-flavored markdown.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut page = MarkdownPage(String::new());
    page.head(report);
    page.waivers(&report.waivers);
    page.findings("Failures", &outline::failures(report));
    page.findings("Warnings", &outline::warnings(report));
    page.unverified(report);
    page.findings("Notes", &outline::notes(report));
    if report.rehearsal.is_none() {
        page.checklist(report);
    }
    page.checks(report);
    page.requests(report);
    disarm(&page.0)
}

struct MarkdownPage(String);

impl MarkdownPage {
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    fn paragraph(&mut self, text: &str) {
        self.line(text);
        self.0.push('\n');
    }

    fn heading(&mut self, level: usize, text: &str) {
        self.paragraph(&format!("{} {text}", "#".repeat(level)));
    }

    fn row(&mut self, cells: &[String]) {
        self.line(&format!("| {} |", cells.join(" | ")));
    }

    fn columns(&mut self, names: &[&str]) {
        self.line(&format!("| {} |", names.join(" | ")));
        self.line(&format!("|{}", " --- |".repeat(names.len())));
    }

    fn head(&mut self, report: &Report) {
        if let Some(changed) = &report.changed {
            self.paragraph(&format!("**{}**", markdown(changed)));
        }
        let what = if report.rehearsal.is_some() { "rehearsal " } else { "" };
        self.heading(1, &format!("{}: {what}{}", markdown(&report.project), outline::verdict(report.decision)));
        self.paragraph(&format!("**{}**{}", outline::coverage(report), outline::summary_after(report)));
        if let (Decision::Go, Some(not_covered)) = (report.decision, outline::not_covered(report)) {
            self.paragraph(&format!("**{not_covered}**"));
        }
        if let Some(interruption) = report.interruption {
            self.paragraph(&format!("**{}**", markdown(outline::interruption(interruption))));
        }
        if let Some(left_open) = &report.left_open {
            self.paragraph(&format!("**{}**", markdown(left_open)));
        }
        if let Some(since) = &report.since_last {
            self.paragraph(&format!("{}.", outline::since_last(since)));
        }
        self.paragraph(&format!("Next: {}", markdown(&report.next_action())));
        let (mode, started, took) = (report.mode.word(), outline::started_at(report), outline::took(report.duration));
        self.paragraph(&format!(
            "Checked in {mode} mode on {started} in {took} by preflight {}.",
            env!("CARGO_PKG_VERSION")
        ));
    }

    fn waivers(&mut self, waivers: &[WaiverReport]) {
        if waivers.is_empty() {
            return;
        }
        self.heading(2, "Waivers");
        self.columns(&["waiver", "effect", "owner", "reason"]);
        for waiver in waivers {
            self.row(&[
                code_cell(&outline::waived(waiver)),
                markdown(&outline::effect(waiver)),
                markdown(&waiver.waiver.owner),
                markdown(&waiver.waiver.reason),
            ]);
        }
        self.0.push('\n');
    }

    fn findings(&mut self, heading: &str, findings: &[CheckFinding<'_>]) {
        if findings.is_empty() {
            return;
        }
        self.heading(2, heading);
        for (at, found) in findings.iter().enumerate() {
            self.finding(found);
            if let Some(also) = outline::also(findings, at) {
                self.paragraph(&format!("Also: {}", markdown(&also)));
            }
        }
    }

    fn finding(&mut self, found: &CheckFinding<'_>) {
        let finding = &found.reported.finding;
        let subject = match found.reported.subject.as_str() {
            "" => String::new(),
            subject => format!(" ({})", markdown(subject)),
        };
        self.heading(3, &format!("{}{subject}", markdown(&found.name())));
        self.paragraph(&markdown(&finding.message));
        self.line(&format!("- expected: {}", markdown(&value(&finding.expected))));
        self.line(&format!("- seen: {}", markdown(&value(&finding.actual))));
        for evidence in &finding.evidence {
            let mut line = format!("- evidence: {}", code(&evidence.request));
            if let Some(status) = evidence.status {
                line.extend([" returned ", &status.to_string()]);
            }
            if let Some(id) = &evidence.request_id {
                line.extend([" (request ID ", &code(id), ")"]);
            }
            let (field, seen) = outline::shown_by(evidence, finding);
            let shown: Vec<String> = [field, &seen].into_iter().filter(|part| !part.is_empty()).map(code).collect();
            if !shown.is_empty() {
                line.extend(["; ", &shown.join(": ")]);
            }
            self.line(&line);
        }
        self.0.push('\n');
        self.paragraph(&format!("**Fix:** {}", markdown(&finding.fix.summary)));
        let lines = finding.fix.code_lines();
        if !lines.is_empty() {
            // Lines of a file that is not the Worker's code begin with its name.
            let language = if lines.first().is_some_and(|line| line.starts_with('#')) { "toml" } else { "ts" };
            self.line(&code_block(language, &lines));
        }
        if !finding.fix.commands().is_empty() {
            self.line(&code_block("sh", &finding.fix.commands()));
        }
        for page in &finding.fix.links() {
            self.line(&format!("- {}", link(page)));
        }
        if !finding.fix.links().is_empty() {
            self.0.push('\n');
        }
        self.paragraph(&format!("**Verify:** {}", code(&found.reported.verify)));
    }

    fn unverified(&mut self, report: &Report) {
        let groups = unverified(report);
        if groups.is_empty() {
            return;
        }
        self.heading(2, "Not verified");
        for group in groups {
            let needed = |check: &CheckReport| if check.required { "" } else { " (not required)" };
            let named = |check: &&CheckReport| format!("{}{}", code(check.id.as_str()), needed(check));
            let checks: Vec<String> = group.checks.iter().map(named).collect();
            let reason = markdown(&group.reason);
            self.line(&format!("- **{}** {reason} ({})", group.status.word(), checks.join(", ")));
        }
        self.0.push('\n');
    }

    fn checklist(&mut self, report: &Report) {
        self.heading(2, "Launch checklist");
        self.columns(&["part", "item", "result", "verified by"]);
        let mut part = "";
        for result in &checklist::results(report) {
            let named = if result.line.part == part { String::new() } else { format!("**{}**", result.line.part) };
            part = result.line.part;
            let text = markdown(result.line.text);
            self.row(&[named, text, format!("**{}**", result.word), verified_by(report, result)]);
        }
        self.0.push('\n');
    }

    fn checks(&mut self, report: &Report) {
        self.heading(2, "All checks");
        self.columns(&["check", "status", "details", "time"]);
        for check in report.listed() {
            let needed = if check.required { "" } else { " (not required)" };
            let (status, details, time) = match &check.earlier {
                Some(earlier) => {
                    let status = format!("{}, {}", earlier.status.word(), outline::age(report, earlier));
                    (status, earlier.detail.clone(), String::new())
                }
                None => (check.status.word().to_owned(), outline::seen(check), outline::took(check.duration)),
            };
            self.row(&[format!("{}{needed}", code_cell(check.id.as_str())), status, markdown(&details), time]);
        }
        self.0.push('\n');
    }

    fn requests(&mut self, report: &Report) {
        self.heading(2, "Requests");
        if report.requests.is_empty() {
            self.paragraph("No requests were made.");
            return;
        }
        self.columns(&["provider", "request", "status", "time", "attempts", "request ID"]);
        for request in &report.requests {
            let status = match (request.status, &request.trouble) {
                (Some(status), _) => status.to_string(),
                (None, Some(trouble)) => markdown(trouble),
                (None, None) => "no response".to_owned(),
            };
            self.row(&[
                markdown(request.provider),
                code_cell(&format!("{} {}", shown(&request.method), shown(&request.path))),
                status,
                outline::took(request.duration),
                request.attempts.to_string(),
                request.request_id.as_deref().map(code_cell).unwrap_or_default(),
            ]);
        }
    }
}

/// The checks behind a line of the checklist, and what to try by hand.
fn verified_by(report: &Report, result: &LineResult<'_>) -> String {
    let mut parts: Vec<String> = result.checks.iter().map(|check| code_cell(check.id.as_str())).collect();
    let rehearsed = result.rehearsed.iter();
    parts.extend(rehearsed.map(|check| format!("{} ({})", code_cell(&check.id), outline::age(report, &check.result))));
    if result.lacks_rehearsal() {
        parts.push(format!("not yet: {}", code_cell("preflight rehearse --events")));
    }
    if !result.line.by_hand.is_empty() {
        parts.push(format!("by hand: {}", result.line.by_hand));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests;
