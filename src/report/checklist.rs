//! The launch checklist of the guide, and the word for each of its lines.

use crate::run::{CheckReport, Report, Status};

/// One line of the launch checklist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// The part of the checklist that it belongs to.
    pub part: &'static str,
    /// What has to be so.
    pub text: &'static str,
    /// The checks that answer it. A version need not have them all.
    pub checks: &'static [&'static str],
    /// What is left to try by hand, where checks alone cannot answer it.
    pub by_hand: &'static str,
}

/// What the run makes of a line.
#[derive(Debug, Clone)]
pub struct Answer<'a> {
    /// The line.
    pub line: Line,
    /// The word for it: that of the worst of its checks, `partly` where all is well as far as anybody looked, and
    /// `not checked` where nobody did.
    pub word: &'static str,
    /// The status behind the word, where there is one.
    pub status: Option<Status>,
    /// The checks that answered it.
    pub answered_by: Vec<&'a CheckReport>,
    /// The checks that would answer it and that this version does not have.
    pub absent: Vec<&'static str>,
}

/// The checklist, in the order of the guide.
pub const LINES: [Line; 18] = [
    line("Stripe live mode", "Stripe is in live mode", &["stripe/secret-key", "stripe/account", "config/modes"]),
    line(
        "Stripe live mode",
        "all paid products are recreated in live mode",
        &["stripe/catalogue", "stripe/price-mode", "stripe/test-parity"],
    ),
    line("Stripe live mode", "each product's metadata names its tier", &["stripe/product-metadata"]),
    line("Stripe live mode", "all live price IDs are copied", &["stripe/price-mode", "stripe/price-terms"]),
    line("Environment", "STRIPE_SECRET_KEY is a live key", &["stripe/secret-key", "worker/checkout"]),
    line("Environment", "the price IDs are live ones", &["stripe/price-mode", "worker/checkout"]),
    line(
        "Environment",
        "STRIPE_WEBHOOK_SECRET is that of the live endpoint",
        &["webhook/accepts-signed", "webhook/deliveries"],
    ),
    line(
        "Environment",
        "the Worker has all its secrets",
        &["worker/secrets", "worker/bindings", "worker/deployed-version"],
    ),
    line(
        "Webhook",
        "the endpoint exists in live mode, at the Worker's URL",
        &["webhook/endpoint", "webhook/duplicates", "webhook/reachable"],
    ),
    line("Webhook", "the events are selected", &["webhook/events", "webhook/api-version"]),
    line(
        "Webhook",
        "a test webhook is accepted, a forged one is not",
        &["webhook/accepts-signed", "webhook/raw-body", "webhook/rejects-forged", "webhook/idempotent"],
    ),
    line("Webhook", "the log shows successful deliveries", &["webhook/deliveries"]),
    by_hand(
        "End to end",
        "a user can sign up, click Upgrade, and sees the checkout",
        &["clerk/instance", "worker/checkout", "frontend/keys", "frontend/api"],
        "sign up as a new user and open the checkout",
    ),
    by_hand(
        "End to end",
        "the tier changes, and the token carries it",
        &["clerk/metadata", "clerk/jwt-template", "clerk/plan-claim"],
        "pay once, and look at the user's plan",
    ),
    line("End to end", "usage limits are those of the tier", &["worker/usage", "worker/tiers"]),
    line("End to end", "the customer portal works", &["portal/configuration", "portal/features", "worker/portal"]),
    by_hand("End to end", "cancelling leads back to the free tier", &[], "cancel the subscription of a test customer"),
    line(
        "Best practice",
        "failure alerts are on, and test mode is kept in step",
        &["manual/webhook-alerts", "stripe/test-parity"],
    ),
];

const fn line(part: &'static str, text: &'static str, checks: &'static [&'static str]) -> Line {
    by_hand(part, text, checks, "")
}

const fn by_hand(
    part: &'static str,
    text: &'static str,
    checks: &'static [&'static str],
    by_hand: &'static str,
) -> Line {
    Line { part, text, checks, by_hand }
}

/// What a run makes of the checklist. A report names every check that there is, so what it does not name does not exist in
/// this version.
#[must_use]
pub fn answers(report: &Report) -> Vec<Answer<'_>> {
    LINES.into_iter().map(|line| answer(line, report)).collect()
}

fn answer(line: Line, report: &Report) -> Answer<'_> {
    let find = |id: &&'static str| report.checks.iter().find(|check| check.id.as_str() == *id);
    let answered_by: Vec<&CheckReport> = line.checks.iter().filter_map(find).collect();
    let absent: Vec<&'static str> = line.checks.iter().copied().filter(|id| find(id).is_none()).collect();
    let status = answered_by.iter().map(|check| check.status).max_by_key(|status| badness(*status));
    let is_whole = absent.is_empty()
        && line.by_hand.is_empty()
        && !answered_by.iter().any(|check| check.status == Status::NotApplicable);
    let word = match status {
        None => "not checked",
        Some(status) if status.is_verified() && !is_whole => "partly",
        Some(status) => status.word(),
    };
    Answer { line, word, status, answered_by, absent }
}

/// How much a status spoils a line. A check that does not apply is no pass: beside one, the line passed in part.
const fn badness(status: Status) -> u8 {
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
    use crate::report::sample;

    fn with(checks: &[(&'static str, Status)]) -> Report {
        let mut report = sample::go();
        report.checks = checks.iter().map(|(id, status)| sample::check(id, *status)).collect();
        report
    }

    fn word(text: &str, checks: &[(&'static str, Status)]) -> &'static str {
        let report = with(checks);
        answers(&report).into_iter().find(|answer| answer.line.text == text).unwrap().word
    }

    const PRICE_IDS: &str = "all live price IDs are copied";

    #[test]
    fn a_lines_word_is_that_of_its_worst_check() {
        let all = [("stripe/price-mode", Status::Pass), ("stripe/price-terms", Status::Fail)];
        assert_eq!(word(PRICE_IDS, &all), "fail");
        let all = [("stripe/price-mode", Status::Skipped), ("stripe/price-terms", Status::Unknown)];
        assert_eq!(word(PRICE_IDS, &all), "unknown");
    }

    #[test]
    fn a_line_whose_checks_all_passed_passed() {
        let all = [("stripe/price-mode", Status::Pass), ("stripe/price-terms", Status::Pass)];
        assert_eq!(word(PRICE_IDS, &all), "pass");
    }

    #[test]
    fn a_line_with_a_check_that_does_not_exist_yet_passed_only_in_part() {
        assert_eq!(word(PRICE_IDS, &[("stripe/price-mode", Status::Pass)]), "partly");
        assert_eq!(word(PRICE_IDS, &[("stripe/price-mode", Status::Fail)]), "fail");
    }

    #[test]
    fn a_line_that_nobody_looked_at_is_not_checked() {
        assert_eq!(word("cancelling leads back to the free tier", &[]), "not checked");
        assert_eq!(word(PRICE_IDS, &[]), "not checked");
    }

    #[test]
    fn a_line_that_needs_a_hand_never_passes_on_checks_alone() {
        let all = ["clerk/metadata", "clerk/jwt-template", "clerk/plan-claim"].map(|id| (id, Status::Pass));
        assert_eq!(word("the tier changes, and the token carries it", &all), "partly");
    }

    #[test]
    fn a_check_that_does_not_apply_is_no_pass() {
        let all = [("stripe/price-mode", Status::NotApplicable), ("stripe/price-terms", Status::Pass)];
        assert_eq!(word(PRICE_IDS, &all), "partly");
        let none = all.map(|(id, _)| (id, Status::NotApplicable));
        assert_eq!(word(PRICE_IDS, &none), "na");
    }
}
