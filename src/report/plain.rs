//! A finding as plain lines, for the formats that have a place for text but no markup.

use super::outline;
use super::text::{code_line, shown, value};
use crate::finding::{Evidence, Finding};
use crate::run::CheckFinding;

/// What was expected and seen, the evidence, the fix, and the command that verifies it. The message is not repeated.
#[must_use]
pub fn details(found: &CheckFinding<'_>) -> Vec<String> {
    let finding = &found.reported.finding;
    let mut lines =
        vec![format!("expected: {}", value(&finding.expected)), format!("seen: {}", value(&finding.actual))];
    lines.extend(finding.evidence.iter().map(|evidence| format!("evidence: {}", one(evidence, finding))));
    lines.extend(fix(found));
    lines
}

/// The fix, and the command that verifies it.
#[must_use]
pub fn fix(found: &CheckFinding<'_>) -> Vec<String> {
    let fix = &found.reported.finding.fix;
    let mut lines = vec![format!("Fix: {}", shown(&fix.summary))];
    lines.extend(fix.code_lines().iter().map(|line| format!("  {}", code_line(line))));
    lines.extend(fix.commands().iter().map(|command| format!("$ {}", shown(command))));
    lines.extend(fix.links().iter().map(|link| shown(link)));
    lines.push(format!("Verify: {}", shown(&found.reported.verify)));
    lines
}

/// The request, its answer, and what it shows.
fn one(evidence: &Evidence, finding: &Finding) -> String {
    let mut line = shown(&evidence.request);
    if let Some(status) = evidence.status {
        line.push_str(&format!(" returned {status}"));
    }
    if let Some(id) = &evidence.request_id {
        line.push_str(&format!(" (request ID {})", shown(id)));
    }
    let (field, seen) = outline::shown_by(evidence, finding);
    let parts: Vec<String> = [shown(field), seen].into_iter().filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { line } else { format!("{line}; {}", parts.join(": ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_finding_has_its_evidence_its_fix_and_the_command_that_verifies_it() {
        let report = sample::no_go();
        let lines = details(&outline::failures(&report)[0]);
        assert_eq!(
            lines,
            [
                "expected: a live price of the product Pro Plan",
                "seen: price_1Qtest000000000, which exists in test mode only",
                "evidence: GET /v1/prices/price_1Qtest000000000 returned 404 (request ID req_8fA2kd91); error.message: \
                 a similar object exists in test mode, but a live mode key was used",
                "Fix: Set the live ID price_1Qlive000000000 (on product Pro Plan).",
                "$ wrangler secret put STRIPE_PRICE_ID_PRO",
                "https://dashboard.stripe.com/products/prod_live00000000",
                "Verify: preflight run --only stripe/price-mode",
            ]
        );
    }

    #[test]
    fn each_line_is_one_line_whatever_is_in_it() {
        for text in sample::HOSTILE {
            let report = sample::hostile(text);
            let lines = outline::failures(&report).iter().flat_map(details).collect::<Vec<String>>();
            assert!(lines.iter().all(|line| !line.chars().any(char::is_control)), "{lines:?}");
        }
    }
}
