//! `preflight run --fail-on new`: failures that the last full run had, too, do not make the exit status 1.

use preflight::check::CheckId;
use preflight::run::{CheckReport, Decision, Report, Status};

/// Tolerates the failures of a report if the last full run had all of them. What could not be verified is never tolerated: a new
/// problem may hide there.
pub fn tolerate(report: &mut Report) {
    let has_no_new = report.since_last.as_ref().is_some_and(|since| since.new.is_empty());
    let is_open = |check: &CheckReport| report.scope.counts(check) && is_unverified(report, check);
    report.is_known = report.decision == Decision::NoGo && has_no_new && !report.ran().any(is_open);
}

/// Whether a check, or a part of it, could not be verified for another reason than a failure.
fn is_unverified(report: &Report, check: &CheckReport) -> bool {
    let has_failed = |id: &CheckId| report.checks.iter().any(|other| other.id == *id && other.status == Status::Fail);
    match check.status {
        Status::Unknown => true,
        Status::Skipped => check.blocked_by.is_empty() || !check.blocked_by.iter().all(has_failed),
        Status::Fail => check.reasons.iter().any(|reason| !reason.contains("blocked by ")),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use preflight::report::history::PastRun;

    use super::*;
    use crate::cli::run::since::tests::report;

    /// A run against one scenario, compared with an earlier one against another.
    async fn since(before: &str, now: &str) -> Report {
        let (before, mut now) = (report(before, &[]).await, report(now, &[]).await);
        now.since_last = Some(PastRun::of(&before, None).until(&now));
        now
    }

    async fn is_tolerated(before: &str, now: &str) -> bool {
        let mut report = since(before, now).await;
        tolerate(&mut report);
        report.is_known
    }

    #[tokio::test]
    async fn a_failure_of_the_last_run_is_tolerated_with_what_it_blocks() {
        assert!(is_tolerated("metadata-case", "metadata-case").await);
        assert!(is_tolerated("price-test-mode", "price-test-mode").await);
    }

    #[tokio::test]
    async fn a_new_failure_is_not_tolerated_next_to_a_known_one() {
        assert!(!is_tolerated("healthy", "metadata-case").await);
        assert!(!is_tolerated("metadata-case", "metadata-case,endpoint-slash").await);
    }

    #[tokio::test]
    async fn what_could_not_be_verified_is_not_tolerated() {
        let both = "stripe-key-restricted,jwt-template-missing";
        assert!(!is_tolerated(both, both).await);
    }

    #[tokio::test]
    async fn a_failure_of_which_a_part_could_not_be_verified_is_not_tolerated() {
        let mut report = since("metadata-case", "metadata-case").await;
        let failed = report.checks.iter_mut().find(|check| check.status == Status::Fail).unwrap();
        failed.reasons.push("tier pro: no answer".to_owned());
        tolerate(&mut report);
        assert!(!report.is_known);
    }

    #[tokio::test]
    async fn a_required_check_that_was_left_out_is_not_tolerated() {
        let mut report = since("metadata-case", "metadata-case").await;
        let passed = report.checks.iter_mut().find(|check| check.required && check.status == Status::Pass).unwrap();
        (passed.status, passed.reasons) = (Status::Skipped, vec!["excluded by --no-probe".to_owned()]);
        tolerate(&mut report);
        assert!(!report.is_known);
    }
}
