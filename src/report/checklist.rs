//! The launch checklist, and the result of each of its lines.

use crate::run::{CheckReport, Rehearsed, Report, Status};

/// One line of the launch checklist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChecklistLine {
    /// The part of the checklist.
    pub part: &'static str,
    /// What must be true.
    pub text: &'static str,
    /// The checks that verify it.
    pub checks: &'static [&'static str],
    /// The checks of a rehearsal that verify it, too: with signed events, or else with a real subscription.
    pub rehearsals: &'static [&'static [&'static str]],
    /// What to try by hand, if checks alone cannot verify the line; otherwise empty.
    pub by_hand: &'static str,
}

/// The result of one line.
#[derive(Debug, Clone)]
pub struct LineResult<'a> {
    /// The line.
    pub line: ChecklistLine,
    /// The status of its worst check. `partly` if the checks passed but do not cover the whole line, and `not checked` if
    /// none of them ran.
    pub word: &'static str,
    /// The checks that verified it.
    pub checks: Vec<&'a CheckReport>,
    /// The checks of the last rehearsal that verified it.
    pub rehearsed: Vec<&'a Rehearsed>,
}

impl LineResult<'_> {
    /// Whether a rehearsal is missing.
    #[must_use]
    pub fn lacks_rehearsal(&self) -> bool {
        let has = |id: &&str| self.rehearsed.iter().any(|rehearsed| rehearsed.id == *id);
        let rehearsals = self.line.rehearsals;
        !rehearsals.is_empty() && !rehearsals.iter().any(|checks| checks.iter().all(has))
    }
}

/// The checklist, in order.
pub const LINES: [ChecklistLine; 18] = [
    line("Stripe live mode", "Stripe is in live mode", &["stripe/secret-key", "stripe/account", "config/modes"]),
    line(
        "Stripe live mode",
        "All paid products exist in live mode",
        &["stripe/catalogue", "stripe/price-mode", "stripe/test-parity"],
    ),
    line("Stripe live mode", "Each product's metadata names its tier", &["stripe/product-metadata"]),
    line("Stripe live mode", "All live price IDs are copied", &["stripe/price-mode", "stripe/price-terms"]),
    line("Environment", "STRIPE_SECRET_KEY is a live key", &["stripe/secret-key", "worker/checkout"]),
    line("Environment", "The price IDs are live", &["stripe/price-mode", "worker/checkout"]),
    line(
        "Environment",
        "STRIPE_WEBHOOK_SECRET belongs to the live endpoint",
        &["webhook/accepts-signed", "webhook/deliveries"],
    ),
    line(
        "Environment",
        "The Worker has all its secrets",
        &["worker/secrets", "worker/bindings", "worker/deployed-version"],
    ),
    line(
        "Webhook",
        "The endpoint exists in live mode, at the Worker's URL",
        &["webhook/endpoint", "webhook/duplicates", "webhook/reachable"],
    ),
    line("Webhook", "The events are selected", &["webhook/events", "webhook/api-version"]),
    line(
        "Webhook",
        "The Worker accepts a test event and rejects a forged one",
        &["webhook/accepts-signed", "webhook/raw-body", "webhook/rejects-forged", "webhook/idempotent"],
    ),
    line("Webhook", "Stripe's deliveries succeed", &["webhook/deliveries"]),
    by_hand(
        "End to end",
        "A new user can sign up, click Upgrade and reach Checkout",
        &["clerk/instance", "worker/checkout", "frontend/keys", "frontend/api"],
        "sign up as a new user and open Checkout",
    ),
    rehearsed(
        "The tier changes, and the token carries it",
        &["worker/checkout", "clerk/metadata", "clerk/jwt-template", "clerk/plan-claim"],
        &[
            &["rehearsal/purchase", "rehearsal/plan-change", "rehearsal/access"],
            &["billing/purchase", "billing/plan-change", "billing/access"],
        ],
    ),
    line("End to end", "Usage limits match the tier", &["worker/usage", "worker/tiers"]),
    line("End to end", "The customer portal works", &["portal/configuration", "portal/features", "worker/portal"]),
    rehearsed(
        "Canceling moves the user to the free tier",
        &["entitlements/sample"],
        &[&["rehearsal/cancellation", "rehearsal/payment-status"], &["billing/cancellation"]],
    ),
    line(
        "Best practices",
        "Failure alerts are on, and test mode matches live mode",
        &["manual/webhook-alerts", "stripe/test-parity"],
    ),
];

const fn line(part: &'static str, text: &'static str, checks: &'static [&'static str]) -> ChecklistLine {
    by_hand(part, text, checks, "")
}

const fn by_hand(
    part: &'static str,
    text: &'static str,
    checks: &'static [&'static str],
    by_hand: &'static str,
) -> ChecklistLine {
    ChecklistLine { part, text, checks, rehearsals: &[], by_hand }
}

/// A line that a run verifies in part, and a rehearsal the rest.
const fn rehearsed(
    text: &'static str,
    checks: &'static [&'static str],
    rehearsals: &'static [&'static [&'static str]],
) -> ChecklistLine {
    ChecklistLine { part: "End to end", text, checks, rehearsals, by_hand: "" }
}

/// The result of each line of the checklist.
#[must_use]
pub fn results(report: &Report) -> Vec<LineResult<'_>> {
    LINES.into_iter().map(|line| result(line, report)).collect()
}

fn result(line: ChecklistLine, report: &Report) -> LineResult<'_> {
    let find = |id: &&'static str| report.checks.iter().find(|check| check.id.as_str() == *id);
    let checks: Vec<&CheckReport> = line.checks.iter().filter_map(find).collect();
    let find = |id: &&'static str| report.rehearsed.iter().find(|rehearsed| rehearsed.id == **id);
    let rehearsed: Vec<&Rehearsed> = line.rehearsals.iter().copied().flatten().filter_map(find).collect();
    let statuses = checks.iter().map(|check| check.status).chain(rehearsed.iter().map(|check| check.result.status));
    let statuses: Vec<Status> = statuses.collect();
    let mut result = LineResult { line, word: "not checked", checks, rehearsed };
    let covers_all = line.by_hand.is_empty()
        && result.checks.len() == line.checks.len()
        && !result.lacks_rehearsal()
        && !statuses.contains(&Status::NotApplicable);
    if let Some(worst) = statuses.into_iter().max_by_key(|status| badness(*status)) {
        result.word = if worst.is_verified() && !covers_all { "partly" } else { worst.word() };
    }
    result
}

/// How bad a status is for a line. A check that does not apply is not a pass: beside a pass, the line passed in part.
pub(super) const fn badness(status: Status) -> u8 {
    match status {
        Status::NotApplicable => 0,
        Status::Pass => 1,
        Status::Flaky => 2,
        Status::Warn => 3,
        Status::Waived => 4,
        Status::Skipped => 5,
        Status::Unknown => 6,
        Status::Fail => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{ALL, built_in};
    use crate::report::sample;
    use crate::run::Earlier;

    fn word(text: &str, checks: &[(&'static str, Status)]) -> &'static str {
        let mut report = sample::go();
        report.checks = checks.iter().map(|(id, status)| sample::check(id, *status)).collect();
        results(&report).into_iter().find(|result| result.line.text == text).unwrap().word
    }

    const PRICE_IDS: &str = "All live price IDs are copied";

    #[test]
    fn the_checklist_names_registered_checks_only() {
        for id in LINES.iter().flat_map(|line| line.checks) {
            assert!(ALL.iter().any(|check| check.id.as_str() == *id), "{id}");
        }
        for id in LINES.iter().flat_map(|line| line.rehearsals).copied().flatten() {
            assert!(built_in().any(|check| check.id.as_str() == *id), "{id}");
        }
    }

    #[test]
    fn the_worst_check_decides() {
        let all = [("stripe/price-mode", Status::Pass), ("stripe/price-terms", Status::Fail)];
        assert_eq!(word(PRICE_IDS, &all), "fail");
        let all = [("stripe/price-mode", Status::Skipped), ("stripe/price-terms", Status::Unknown)];
        assert_eq!(word(PRICE_IDS, &all), "unknown");
    }

    #[test]
    fn a_line_passes_only_if_all_its_checks_do() {
        let all = [("stripe/price-mode", Status::Pass), ("stripe/price-terms", Status::Pass)];
        assert_eq!(word(PRICE_IDS, &all), "pass");
        assert_eq!(word(PRICE_IDS, &all[..1]), "partly");
        assert_eq!(word(PRICE_IDS, &[]), "not checked");
    }

    #[test]
    fn a_line_that_must_be_tried_by_hand_never_passes_on_checks_alone() {
        let ids = ["clerk/instance", "worker/checkout", "frontend/keys", "frontend/api"];
        let all = ids.map(|id| (id, Status::Pass));
        assert_eq!(word("A new user can sign up, click Upgrade and reach Checkout", &all), "partly");
    }

    #[test]
    fn a_line_that_needs_a_rehearsal_takes_its_worst_result() {
        let cancels = |rehearsal: &[Status]| {
            let mut report = sample::go();
            report.checks = vec![sample::check("entitlements/sample", Status::Pass)];
            let ids = ["rehearsal/cancellation", "rehearsal/payment-status"];
            let result = |status| Earlier { status, at: report.started_at, detail: String::new() };
            let rehearsed = ids.iter().zip(rehearsal);
            report.rehearsed =
                rehearsed.map(|(id, status)| Rehearsed { id: (*id).to_owned(), result: result(*status) }).collect();
            let text = "Canceling moves the user to the free tier";
            results(&report).into_iter().find(|result| result.line.text == text).unwrap().word
        };
        assert_eq!([cancels(&[]), cancels(&[Status::Pass])], ["partly", "partly"]);
        assert_eq!(cancels(&[Status::Pass, Status::Warn]), "warn");
        assert_eq!(cancels(&[Status::Fail, Status::Pass]), "fail");
        assert_eq!(cancels(&[Status::Pass, Status::Pass]), "pass");
    }

    #[test]
    fn a_check_that_does_not_apply_is_not_a_pass() {
        let all = [("stripe/price-mode", Status::NotApplicable), ("stripe/price-terms", Status::Pass)];
        assert_eq!(word(PRICE_IDS, &all), "partly");
        let none = all.map(|(id, _)| (id, Status::NotApplicable));
        assert_eq!(word(PRICE_IDS, &none), "na");
    }
}
