//! What could not be verified, grouped by cause.

use crate::run::{CheckReport, Outage, Report, Status};

use super::outline::why;

/// Checks that could not be verified, all for the same reason.
#[derive(Debug, Clone)]
pub struct Unverified<'a> {
    /// The status they share.
    pub status: Status,
    /// The checks, in report order.
    pub checks: Vec<&'a CheckReport>,
    /// The reason they share.
    pub reason: String,
}

impl Unverified<'_> {
    /// Whether the verdict depends on any of them.
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.checks.iter().any(|check| check.required)
    }
}

/// What could not be verified, grouped by reason, so that one outage is one entry and not twenty. What the verdict depends on
/// comes first.
#[must_use]
pub fn unverified(report: &Report) -> Vec<Unverified<'_>> {
    let outages = report.outages();
    let mut groups: Vec<Unverified<'_>> = Vec::new();
    let is_open = |check: &&CheckReport| {
        matches!(check.status, Status::Unknown | Status::Skipped) && !report.left_out.contains(&check.id)
    };
    for check in report.checks.iter().filter(is_open) {
        let reason = reason(check, &outages);
        match groups.iter_mut().find(|group| group.status == check.status && group.reason == reason) {
            Some(group) => group.checks.push(check),
            None => groups.push(Unverified { status: check.status, checks: vec![check], reason }),
        }
    }
    groups.sort_by_key(|group| (!group.is_required(), group.status == Status::Skipped));
    groups
}

/// The reason of a check, in the words that all checks with this cause share.
fn reason(check: &CheckReport, outages: &[Outage]) -> String {
    // The subject does not matter: the finding that blocks it names it.
    if check.status == Status::Skipped && !check.blocked_by.is_empty() {
        let blockers: Vec<&str> = check.blocked_by.iter().map(crate::check::CheckId::as_str).collect();
        let others = check.reasons.iter().any(|reason| !reason.contains("blocked by "));
        return if others { why(check) } else { format!("blocked by {}", blockers.join(", ")) };
    }
    let explained = check.reasons.iter().map(|reason| outages.iter().find(|outage| outage.explains(reason)));
    match explained.collect::<Option<Vec<&Outage>>>().as_deref() {
        Some([first, ..]) => first.what.clone(),
        _ => why(check),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn checks_with_the_same_reason_are_grouped() {
        let mut report = sample::go();
        for check in &mut report.checks {
            check.status = Status::Unknown;
            check.reasons = vec!["Stripe did not answer.".to_owned()];
            check.required = true;
        }
        let groups = unverified(&report);
        assert_eq!(groups.len(), 1);
        assert_eq!(groups[0].checks.len(), report.checks.len());
    }

    #[test]
    fn required_checks_come_first() {
        let mut report = sample::go();
        for (check, required) in report.checks.iter_mut().zip([false, true]) {
            check.status = Status::Unknown;
            check.required = required;
            check.reasons = vec![format!("required: {required}")];
        }
        let groups = unverified(&report);
        assert_eq!(groups.iter().map(Unverified::is_required).collect::<Vec<bool>>(), [true, false]);
    }

    #[test]
    fn an_outage_is_one_group_whatever_each_check_asked() {
        let mut report = sample::go();
        for request in &mut report.requests {
            (request.name, request.status, request.trouble) = ("Stripe", Some(500), None);
        }
        for (check, path) in report.checks.iter_mut().zip(["a", "b", "c", "d"]) {
            check.status = Status::Unknown;
            check.reasons = vec![format!("tier pro: Stripe answered 500 to GET /v1/{path}")];
        }
        report.checks[3].reasons.push("PREFLIGHT_CANARY_USER is not set.".to_owned());
        let groups = unverified(&report);
        assert_eq!(groups.iter().map(|group| group.checks.len()).collect::<Vec<_>>(), [3, 1]);
        assert_eq!(groups[0].reason, "Stripe answered no request: status 500.");
    }

    #[test]
    fn a_check_that_is_blocked_for_one_tier_is_grouped_with_the_others() {
        let mut report = sample::go();
        for check in &mut report.checks {
            check.status = Status::Skipped;
            check.blocked_by = vec![crate::check::CheckId::new("a/b")];
            check.reasons = vec![format!("tier {}: blocked by a/b", check.id)];
        }
        assert_eq!(unverified(&report).len(), 1);
    }

    /// A report whose requests are one for each provider and trouble.
    fn report_of(requests: &[(&'static str, Option<u16>, Option<&str>, bool)]) -> Report {
        let mut report = sample::go();
        let one = report.requests[0].clone();
        let made = requests.iter().map(|&(name, status, trouble, is_connected)| {
            let mut request = one.clone();
            (request.name, request.status, request.is_connected) = (name, status, is_connected);
            request.trouble = trouble.map(str::to_owned);
            request
        });
        report.requests = made.collect();
        report
    }

    const REFUSED: (Option<u16>, Option<&str>, bool) = (None, Some("connection refused"), false);

    #[test]
    fn a_machine_is_offline_if_no_provider_that_was_asked_can_be_connected_to() {
        let (status, trouble, connected) = REFUSED;
        let refused = |name| (name, status, trouble, connected);
        let offline = report_of(&[refused("Stripe"), refused("Clerk"), refused("the Worker")]);
        assert!(offline.is_offline());
        assert_eq!(offline.outages()[0].what, "This machine is offline: it could not connect to Stripe and Clerk.");
        assert!(!report_of(&[refused("the Worker")]).is_offline(), "no provider was asked");
        assert!(!report_of(&[refused("Stripe"), ("the Worker", Some(500), None, true)]).is_offline());
    }

    #[test]
    fn a_provider_that_answers_one_request_has_no_outage() {
        let failed = ("Stripe", Some(500), None, true);
        assert_eq!(report_of(&[failed]).outages()[0].what, "Stripe answered no request: status 500.");
        assert_eq!(report_of(&[failed, ("Stripe", Some(200), None, true)]).outages(), []);
    }

    #[test]
    fn an_outage_explains_only_what_it_stops() {
        let outage = &report_of(&[("Clerk", Some(500), None, true)]).outages()[0];
        assert!(outage.explains("tier pro: Clerk answered 500 to GET /v1/users"));
        assert!(!outage.explains("PREFLIGHT_CANARY_USER is not set. Create a user in the Clerk Dashboard"));
    }
}
