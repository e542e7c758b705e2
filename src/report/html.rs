//! The HTML report: one file that needs nothing else, for a browser, a phone or paper.

mod several;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::checklist::{self, LineResult};
use super::color::Color;
use super::outline;
use super::text::{disarm, is_web_address, shown, value};
use super::unverified::unverified;
use crate::finding::{Evidence, Finding, Severity};
use crate::run::{CheckFinding, CheckReport, Decision, Report, Status};

pub use several::render_all;

/// The page's only style. It follows the reader's choice of light or dark, and the paper.
const STYLE: &str = include_str!("html/style.css");

/// Forbids everything but the style above, in case a text got through as markup.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The whole report as one HTML page without scripts.
#[must_use]
pub fn render(report: &Report) -> String {
    let title = format!("{}: {}{}", shown(&report.project), kind(report), outline::verdict(report.decision));
    let verdict = html! { h1 { (kind(report)) (outline::verdict(report.decision)) } };
    page(&title, &of_report(report, "", &verdict))
}

fn page(title: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { main { (body) } }
        }
    };
    disarm(&page.into_string())
}

/// Everything about one deployment, with what its links start with and its verdict as a heading.
fn of_report(report: &Report, anchors: &str, verdict: &Markup) -> Markup {
    html! {
        (head(report, verdict))
        (actions(report, anchors))
        (waivers(report))
        (findings("Failures", anchors, &outline::failures(report)))
        (findings("Warnings", anchors, &outline::warnings(report)))
        (not_verified(report))
        (findings("Notes", anchors, &outline::notes(report)))
        @if report.rehearsal.is_none() { (checklist(report)) }
        (checks(report))
        (requests(report))
    }
}

/// What kind of report it is, before the verdict.
const fn kind(report: &Report) -> &'static str {
    if report.rehearsal.is_some() { "rehearsal " } else { "" }
}

/// The class of a color; without one, a text has the page's own.
const fn class(color: Color) -> &'static str {
    match color {
        Color::Success => "good",
        Color::Failure => "bad",
        Color::Warning => "open",
        Color::Dim | Color::Bold => "dim",
    }
}

fn word(status: Status) -> Markup {
    html! { span.word.(class(Color::of_status(status))) { (status.word()) } }
}

fn head(report: &Report, verdict: &Markup) -> Markup {
    let (mode, started, took) = (report.mode.word(), outline::started_at(report), outline::took(report.duration));
    html! {
        header.(class(Color::of_decision(report.decision))) {
            @if let Some(changed) = &report.changed { p.alarm { (shown(changed)) } }
            p.project { (shown(&report.project)) }
            (verdict)
            p.coverage { (outline::coverage(report)) (outline::summary_after(report)) }
            @if let (Decision::Go, Some(not_covered)) = (report.decision, outline::not_covered(report)) {
                p { strong { (not_covered) } }
            }
            @if let Some(interruption) = report.interruption { p { strong { (outline::interruption(interruption)) } } }
            @if let Some(left_open) = &report.left_open { p { strong { (shown(left_open)) } } }
            @if let Some(since) = &report.since_last { p { (outline::since_last(since)) "." } }
            p.dim {
                "Checked in " (mode) " mode on " (started) " in " (took) " by preflight " (env!("CARGO_PKG_VERSION")) "."
            }
        }
    }
}

/// What to do next: the failures to fix, in order, each with a link to its details.
fn actions(report: &Report, anchors: &str) -> Markup {
    let failures = outline::failures(report);
    html! {
        section {
            @if failures.is_empty() {
                h2 { "Next" }
                p { (shown(&report.next_action())) }
            } @else {
                h2 { "Fix these first" }
                ol {
                    @for (at, found) in failures.iter().enumerate() {
                        li {
                            a href=(format!("#{}", anchor(anchors, "Failures", at))) { (outline::name(found)) }
                            ": " (shown(&found.reported.finding.fix.summary))
                        }
                    }
                }
            }
        }
    }
}

fn anchor(start: &str, heading: &str, at: usize) -> String {
    format!("{start}{}-{}", heading.to_ascii_lowercase(), at + 1)
}

fn waivers(report: &Report) -> Markup {
    html! {
        @if !report.waivers.is_empty() {
            section {
                h2 { "Waivers" }
                table {
                    thead { tr { th scope="col" { "waiver" } th scope="col" { "effect" } th scope="col" { "owner" } th scope="col" { "reason" } } }
                    tbody {
                        @for waiver in &report.waivers {
                            tr {
                                td data-label="waiver" { code { (shown(&outline::waived(waiver))) } }
                                td data-label="effect" { (shown(&outline::effect(waiver))) }
                                td data-label="owner" { (shown(&waiver.waiver.owner)) }
                                td data-label="reason" { (shown(&waiver.waiver.reason)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn findings(heading: &str, anchors: &str, findings: &[CheckFinding<'_>]) -> Markup {
    html! {
        @if !findings.is_empty() {
            section {
                h2 { (heading) }
                @for (at, found) in findings.iter().enumerate() {
                    (one(&anchor(anchors, heading, at), found, outline::also(findings, at)))
                }
            }
        }
    }
}

fn one(id: &str, found: &CheckFinding<'_>, also: Option<String>) -> Markup {
    let finding = &found.reported.finding;
    let class = match finding.code.severity() {
        Severity::Failure => class(Color::Failure),
        Severity::Warning => class(Color::Warning),
        Severity::Note => "note",
    };
    let (code, commands, pages) = (finding.fix.code_lines(), finding.fix.commands(), finding.fix.links());
    html! {
        article.(class) id=(id) {
            h3 { (outline::name(found)) }
            p { (shown(&finding.message)) }
            dl {
                dt { "expected" }
                dd { (value(&finding.expected)) }
                dt { "seen" }
                dd { (value(&finding.actual)) }
                @for evidence in &finding.evidence {
                    dt { "evidence" }
                    dd { (shown_evidence(evidence, finding)) }
                }
                dt { "fix" }
                dd {
                    p { (shown(&finding.fix.summary)) }
                    @if !code.is_empty() { (block(&code)) }
                    @if !commands.is_empty() { (block(&commands)) }
                    @for page in &pages { p { (link(page)) } }
                }
                dt { "verify" }
                dd { code { (shown(&found.reported.verify)) } }
                @if let Some(also) = also {
                    dt { "also" }
                    dd { (shown(&also)) }
                }
            }
        }
    }
}

fn shown_evidence(evidence: &Evidence, finding: &Finding) -> Markup {
    let (field, seen) = outline::shown_by(evidence, finding);
    let parts: Vec<String> = [shown(field), seen].into_iter().filter(|part| !part.is_empty()).collect();
    html! {
        code { (shown(&evidence.request)) }
        @if let Some(status) = evidence.status { " returned " (status) }
        @if let Some(id) = &evidence.request_id { " (request ID " code { (shown(id)) } ")" }
        @if !parts.is_empty() { "; " code { (parts.join(": ")) } }
    }
}

fn block(lines: &[String]) -> Markup {
    let lines: Vec<String> = lines.iter().map(|line| shown(line)).collect();
    html! { pre { code { (lines.join("\n")) } } }
}

/// A link if it is a plain web address, otherwise text.
fn link(text: &str) -> Markup {
    let text = shown(text);
    html! {
        @if is_web_address(&text) { a href=(text) rel="noreferrer" { (text) } } @else { code { (text) } }
    }
}

fn not_verified(report: &Report) -> Markup {
    let groups = unverified(report);
    html! {
        @if !groups.is_empty() {
            section {
                h2 { "Not verified" }
                ul {
                    @for group in &groups {
                        li {
                            (word(group.status)) " " (shown(&group.reason)) " "
                            span.dim { "(" (shown(&outline::listed(&group.checks))) ")" }
                        }
                    }
                }
            }
        }
    }
}

fn checklist(report: &Report) -> Markup {
    html! {
        section {
            h2 { "Launch checklist" }
            table {
                thead { tr { th scope="col" { "part" } th scope="col" { "item" } th scope="col" { "result" } th scope="col" { "verified by" } } }
                tbody {
                    @for result in &checklist::results(report) {
                        tr {
                            td data-label="part" { (result.line.part) }
                            td data-label="item" { (result.line.text) }
                            td data-label="result" { (result_word(result)) }
                            td data-label="verified by" { (verified_by(report, result)) }
                        }
                    }
                }
            }
        }
    }
}

/// The result of a line, colored as the status that it is named for.
fn result_word(result: &LineResult<'_>) -> Markup {
    let status = Status::ALL.into_iter().find(|status| status.word() == result.word);
    let color = status.map_or(Color::Warning, Color::of_status);
    html! { span.word.(class(color)) { (result.word) } }
}

fn verified_by(report: &Report, result: &LineResult<'_>) -> Markup {
    let mut parts: Vec<String> = result.checks.iter().map(|check| shown(check.id.as_str())).collect();
    let rehearsed = result.rehearsed.iter();
    parts.extend(rehearsed.map(|check| format!("{} ({})", shown(&check.id), outline::age(report, &check.result))));
    if result.lacks_rehearsal() {
        parts.push("not yet: preflight rehearse --events".to_owned());
    }
    if !result.line.by_hand.is_empty() {
        parts.push(format!("by hand: {}", result.line.by_hand));
    }
    html! { (parts.join(", ")) }
}

fn checks(report: &Report) -> Markup {
    html! {
        section {
            h2 { "All checks" }
            table {
                thead { tr { th scope="col" { "check" } th scope="col" { "status" } th scope="col" { "details" } th scope="col" { "time" } } }
                tbody { @for check in report.listed() { (row(report, check)) } }
            }
        }
    }
}

fn row(report: &Report, check: &CheckReport) -> Markup {
    let (status, age, details, time) = match &check.earlier {
        Some(earlier) => {
            let age = format!(", {}", outline::age(report, earlier));
            (earlier.status, age, earlier.detail.clone(), String::new())
        }
        None => (check.status, String::new(), outline::seen(check), outline::took(check.duration)),
    };
    html! {
        tr {
            td data-label="check" {
                code { (shown(check.id.as_str())) }
                @if !check.required { " " span.dim { "(not required)" } }
            }
            td data-label="status" { (word(status)) (age) }
            td data-label="details" { (shown(&details)) }
            td.time data-label="time" { (time) }
        }
    }
}

fn requests(report: &Report) -> Markup {
    html! {
        section {
            h2 { "Requests" }
            @if report.requests.is_empty() {
                p { "No requests were made." }
            } @else {
                details {
                    summary { (report.requests.len()) " requests, in the order of the responses" }
                    table {
                        thead {
                            tr {
                                th scope="col" { "provider" } th scope="col" { "request" } th scope="col" { "status" }
                                th scope="col" { "time" } th scope="col" { "attempts" } th scope="col" { "request ID" }
                            }
                        }
                        tbody {
                            @for request in &report.requests {
                                tr {
                                    td data-label="provider" { (shown(request.provider)) }
                                    td data-label="request" { code { (shown(&request.method)) " " (shown(&request.path)) } }
                                    td data-label="status" { (outcome(request)) }
                                    td.time data-label="time" { (outline::took(request.duration)) }
                                    td.time data-label="attempts" { (request.attempts) }
                                    td data-label="request ID" {
                                        @if let Some(id) = &request.request_id { code { (shown(id)) } }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn outcome(request: &crate::world::LoggedRequest) -> String {
    match (request.status, &request.trouble) {
        (Some(status), _) => status.to_string(),
        (None, Some(trouble)) => shown(trouble),
        (None, None) => "no response".to_owned(),
    }
}

#[cfg(test)]
mod tests;
