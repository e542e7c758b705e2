//! Stripe's API versions, and the shapes that they give to events.

/// How the version of an endpoint's events stands to the one that the Worker expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShapeGap {
    /// One release: within it Stripe only adds.
    Same,
    /// Another release, and nothing is known to have moved in the events that are handled.
    OtherRelease,
    /// The events are older than something that moved; what that is.
    Older(&'static str),
    /// The events are newer than something that moved; what that is.
    Newer(&'static str),
}

/// A release that moved something in payloads (facts.md, A5 and A6).
struct Release {
    /// The date of its first version.
    from: &'static str,
    name: &'static str,
    /// What it moved, as the end of a sentence; empty where nothing that an event carries is known to have moved.
    moved: &'static str,
    /// What the types begin with whose events carry that.
    events: &'static [&'static str],
}

const RELEASES: &[Release] = &[
    Release { from: "2024-09-30", name: "acacia", moved: "", events: &[] },
    Release {
        from: "2025-03-31",
        name: "basil",
        moved: "a subscription's period stands on its items, and an invoice names its subscription under `parent`",
        events: &["customer.subscription.", "checkout.session.", "invoice."],
    },
    Release {
        from: "2025-09-30",
        name: "clover",
        moved: "the coupon of a discount or a promotion code stands one level deeper",
        events: &["customer.discount.", "promotion_code."],
    },
    Release { from: "2026-03-25", name: "dahlia", moved: "", events: &[] },
    Release { from: "2026-09-30", name: "endive", moved: "", events: &[] },
];
/// The newest version of which it is known which release it is of.
const NEWEST: &str = "2026-10-28";

/// How `found`, the version of an endpoint's events, stands to `wanted`, for a Worker that handles these types.
#[must_use]
pub fn shape_gap(found: &str, wanted: &str, handled: &[String]) -> ShapeGap {
    let (found_on, wanted_on) = (date(found), date(wanted));
    let (earlier, later) = (found_on.min(wanted_on), found_on.max(wanted_on));
    let is_handled = |events: &[&str]| handled.iter().any(|event| events.iter().any(|start| event.starts_with(start)));
    let crossed = |release: &&Release| earlier < release.from && release.from <= later && is_handled(release.events);
    match RELEASES.iter().rev().find(crossed) {
        Some(release) if found_on < wanted_on => ShapeGap::Older(release.moved),
        Some(release) => ShapeGap::Newer(release.moved),
        None if release(found) == release(wanted) => ShapeGap::Same,
        None => ShapeGap::OtherRelease,
    }
}

fn date(version: &str) -> &str {
    version.split_once('.').map_or(version, |(date, _)| date)
}

/// The release's name; before there were names, and where it is not known, every date is a release of its own.
fn release(version: &str) -> &str {
    if let Some((_, name)) = version.split_once('.') {
        return name;
    }
    let known = RELEASES.iter().rev().find(|release| release.from <= version).filter(|_| version <= NEWEST);
    known.map_or(version, |release| release.name)
}

#[cfg(test)]
mod tests {
    use super::{ShapeGap, shape_gap};

    fn gap(found: &str, wanted: &str) -> ShapeGap {
        shape_gap(found, wanted, &["customer.subscription.updated".to_owned()])
    }

    #[test]
    fn versions_of_one_release_have_one_shape() {
        assert_eq!(gap("2026-10-28.endive", "2026-09-30.endive"), ShapeGap::Same);
        assert_eq!(gap("2026-09-30", "2026-10-28.endive"), ShapeGap::Same);
        assert_eq!(gap("2023-10-16", "2023-10-16"), ShapeGap::Same);
    }

    #[test]
    fn a_subscriptions_period_moved_with_basil() {
        assert!(matches!(gap("2025-02-24.acacia", "2025-03-31.basil"), ShapeGap::Older(_)));
        assert!(matches!(gap("2026-09-30.endive", "2024-06-20"), ShapeGap::Newer(_)));
    }

    #[test]
    fn what_moved_in_events_that_nobody_handles_is_no_shape() {
        assert_eq!(gap("2025-08-27.basil", "2025-09-30.clover"), ShapeGap::OtherRelease);
        let discounts = ["customer.discount.created".to_owned()];
        assert!(matches!(shape_gap("2025-08-27.basil", "2025-09-30.clover", &discounts), ShapeGap::Older(_)));
    }

    #[test]
    fn a_release_that_is_not_known_is_another_one() {
        assert_eq!(gap("2027-03-31.fig", "2026-10-28.endive"), ShapeGap::OtherRelease);
        assert_eq!(gap("2027-03-31", "2026-10-28.endive"), ShapeGap::OtherRelease);
    }
}
