//! Several reports on one page.

use maud::{Markup, html};

use super::{class, kind, of_report, page, word};
use crate::report::color::Color;
use crate::report::text::shown;
use crate::report::{matrix, outline};
use crate::run::{Decision, Report};

/// Several reports as one page: their verdicts, the checks that did not pass, and then each.
#[must_use]
pub fn render_all(reports: &[Report]) -> String {
    let ready = reports.iter().filter(|report| report.decision == Decision::Go).count();
    let is = if ready == 1 { "is" } else { "are" };
    let title = format!("{ready} of {} deployments {is} GO", reports.len());
    let each = reports.iter().enumerate().map(|(at, report)| {
        let id = part(at);
        let verdict = html! { h2.verdict id=(id) { (at + 1) ". " (kind(report)) (outline::verdict(report.decision)) } };
        of_report(report, &format!("{id}-"), &verdict)
    });
    let body = html! {
        header.(if ready == reports.len() { "good" } else { "bad" }) { h1 { (title) } }
        (overview(reports))
        @for report in each { (report) }
    };
    page(&title, &body)
}

/// What links to a deployment's part of the page lead to.
fn part(at: usize) -> String {
    format!("deployment-{}", at + 1)
}

/// The verdicts, and every check that did not pass somewhere, the worst first.
fn overview(reports: &[Report]) -> Markup {
    let rows = matrix::rows(reports);
    html! {
        section {
            h2 { "Deployments" }
            table {
                thead { tr { th scope="col" { "number" } th scope="col" { "verdict" } th scope="col" { "deployment" } } }
                tbody {
                    @for (at, report) in reports.iter().enumerate() {
                        tr {
                            td data-label="number" { a href=(format!("#{}", part(at))) { (at + 1) } }
                            td data-label="verdict" {
                                span.word.(class(Color::of_decision(report.decision))) { (outline::verdict(report.decision)) }
                            }
                            td data-label="deployment" { (matrix::about(report)) }
                        }
                    }
                }
            }
        }
        @if !rows.is_empty() {
            section {
                h2 { "Checks that did not pass" }
                div.wide {
                    table {
                        thead {
                            tr {
                                th scope="col" { "check" }
                                @for at in 0..reports.len() { th scope="col" { (at + 1) } }
                            }
                        }
                        tbody {
                            @for (id, statuses) in &rows {
                                tr {
                                    td data-label="check" { code { (shown(id.as_str())) } }
                                    @for (at, status) in statuses.iter().enumerate() {
                                        td data-label=(at + 1) {
                                            @if let Some(status) = status { (word(*status)) } @else { (matrix::ABSENT) }
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
}
