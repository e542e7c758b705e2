//! `webhook/api-version`.

use crate::check::prelude::*;
use crate::world::Endpoint;

check! {
    /// Events have the shape that the Worker's SDK expects.
    ///
    /// ## Why it matters
    /// Stripe renders an event in the endpoint's API version, whatever version the Worker's SDK uses. If a release
    /// between the two moved a field, the Worker reads a field that is not there: the end of a paid period becomes
    /// `undefined`.
    ///
    /// ## How it is verified
    /// The endpoint's version is compared with `webhook.api_version`. Within one release Stripe only adds fields, so
    /// another date of the same release is fine. If a release between the two is known to have moved a field of the
    /// events that the Worker handles, the finding names the change. An endpoint without a version follows the account's
    /// default, which no API returns, so the version is read from the newest event. Which fields the Worker reads cannot
    /// be seen.
    ///
    /// ## How to fix it
    /// You cannot change an endpoint's version. Create an endpoint with the right version for the same URL, set its signing
    /// secret on the Worker, and then disable the old endpoint. Or change the version of the Worker's SDK, and
    /// `webhook.api_version` with it.
    pub const CHECK = Check { need: Need::Configured("webhook.api_version"), sends: "", subjects: deployment, run };
}

codes! {
    /// Events have a version from before a field moved.
    OLDER_SHAPE: Failure,
    /// Events have a version from after a field moved.
    NEWER_SHAPE: Failure,
    /// Events have another release, without a known change to the handled events.
    OTHER_RELEASE: Warning,
}

/// A release of Stripe's API, and what it moved in payloads (docs/providers.md, "Stripe webhook delivery" and "Stripe
/// event payloads").
struct Release {
    /// The date of its first version.
    from: &'static str,
    name: &'static str,
    /// What it moved, as the end of a sentence; empty if no change to an event is known.
    moved: &'static str,
    /// The prefixes of the event types that carry it.
    events: &'static [&'static str],
}

const RELEASES: &[Release] = &[
    Release { from: "2024-09-30", name: "acacia", moved: "", events: &[] },
    Release {
        from: "2025-03-31",
        name: "basil",
        moved: "a subscription's period moved to its items, and an invoice's subscription moved to `parent`",
        events: &["customer.subscription.", "checkout.session.", "invoice."],
    },
    Release {
        from: "2025-09-30",
        name: "clover",
        moved: "the coupon of a discount or a promotion code moved one level deeper",
        events: &["customer.discount.", "promotion_code."],
    },
    Release { from: "2026-03-25", name: "dahlia", moved: "", events: &[] },
    Release { from: "2026-09-30", name: "endive", moved: "", events: &[] },
];
/// The newest version whose release is known.
const NEWEST: &str = "2026-10-28";

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let config = &world.config().webhook;
    let Some(wanted) = &config.api_version else {
        return outcome.not_applicable("webhook.api_version is not configured");
    };
    let seen = world.webhook().endpoint().await?;
    let endpoint = &seen.value;
    let (found, whose, answer) =
        if let Some(version) = endpoint.api_version.nullable(format_args!("the API version of {}", endpoint.id))? {
            (version.clone(), "is pinned to", seen.answer)
        } else {
            let log = world.stripe().delivery_log().await?;
            let newest = log.delivered.iter().chain(&log.undelivered).max_by_key(|event| event.created);
            let version = newest.and_then(|event| event.api_version.value().cloned()).ok_or_else(|| {
                NoAnswer::unknown(format!(
                    "{} follows the account's default version, and no event shows which that is",
                    endpoint.id
                ))
            })?;
            (version, "follows the account's default, by its newest event", log.answer)
        };
    let Some((code, change)) = difference(&found, wanted, &config.events) else {
        outcome.pass(format!("{} {whose} {found}", endpoint.id));
        return Ok(());
    };
    let message = format!("{} {whose} {found}, but the Worker expects {wanted}: {change}.", endpoint.id);
    outcome.find(Finding {
        code,
        message,
        expected: wanted.clone(),
        actual: found.clone(),
        evidence: vec![answer.evidence("data[].api_version", found)],
        fix: replace(world, endpoint, wanted),
    });
    Ok(())
}

/// How events of version `found` differ for a Worker that expects `wanted` and handles these types. `None` within one
/// release.
fn difference(found: &str, wanted: &str, handled: &[String]) -> Option<(Code, String)> {
    let (found_on, wanted_on) = (date(found), date(wanted));
    let (earlier, later) = (found_on.min(wanted_on), found_on.max(wanted_on));
    let is_handled = |events: &[&str]| handled.iter().any(|event| events.iter().any(|start| event.starts_with(start)));
    let crossed = |release: &&Release| earlier < release.from && release.from <= later && is_handled(release.events);
    match RELEASES.iter().rev().find(crossed) {
        Some(release) if found_on < wanted_on => Some((OLDER_SHAPE, format!("in the meantime {}", release.moved))),
        Some(release) => Some((NEWER_SHAPE, format!("since then {}", release.moved))),
        None if release(found) == release(wanted) => None,
        None => Some((OTHER_RELEASE, "no change to the events that the Worker handles is known".to_owned())),
    }
}

fn date(version: &str) -> &str {
    version.split_once('.').map_or(version, |(date, _)| date)
}

/// The release's name. Before releases had names, and for an unknown release, every date is a release.
fn release(version: &str) -> &str {
    if let Some((_, name)) = version.split_once('.') {
        return name;
    }
    let known = RELEASES.iter().rev().find(|release| release.from <= version).filter(|_| version <= NEWEST);
    known.map_or(version, |release| release.name)
}

fn replace(world: &World, endpoint: &Endpoint, wanted: &str) -> Fix {
    let secret = &world.config().stripe.webhook_secret.name;
    Fix::new(format!(
        "Create an endpoint with version {wanted}, set its signing secret as {secret} in your environment and on the Worker, and then disable {}.",
        endpoint.id
    ))
    .by_hand(world.stripe().create_endpoint(None))
    .then(world.entered_secret(secret))
    .by_hand(world.stripe().change_endpoint(endpoint, "disabled", false, true))
}

#[cfg(test)]
mod tests {
    use super::{CHECK, Code, NEWER_SHAPE, OLDER_SHAPE, OTHER_RELEASE, difference};
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn the_accounts_default_is_read_from_the_newest_event() {
        let run = scenario("healthy-default-api-version").await;
        run.passes(CHECK);
        assert!(run.seen(CHECK).contains("account's default"), "{}", run.seen(CHECK));
        let run = scenario("healthy-default-api-version,healthy-new-endpoint").await;
        assert!(run.reasons(CHECK).contains("no event shows"), "{}", run.summary());
    }

    fn code(found: &str, wanted: &str, event: &str) -> Option<Code> {
        difference(found, wanted, &[event.to_owned()]).map(|(code, _)| code)
    }

    const UPDATED: &str = "customer.subscription.updated";

    #[test]
    fn versions_of_one_release_have_one_shape() {
        assert_eq!(code("2026-10-28.endive", "2026-09-30.endive", UPDATED), None);
        assert_eq!(code("2026-09-30", "2026-10-28.endive", UPDATED), None);
        assert_eq!(code("2023-10-16", "2023-10-16", UPDATED), None);
    }

    #[test]
    fn a_subscriptions_period_moved_with_basil() {
        assert_eq!(code("2025-02-24.acacia", "2025-03-31.basil", UPDATED), Some(OLDER_SHAPE));
        assert_eq!(code("2026-09-30.endive", "2024-06-20", UPDATED), Some(NEWER_SHAPE));
    }

    #[test]
    fn a_change_to_events_that_the_worker_does_not_handle_is_only_another_release() {
        assert_eq!(code("2025-08-27.basil", "2025-09-30.clover", UPDATED), Some(OTHER_RELEASE));
        assert_eq!(code("2025-08-27.basil", "2025-09-30.clover", "customer.discount.created"), Some(OLDER_SHAPE));
    }

    #[test]
    fn an_unknown_release_is_another_release() {
        assert_eq!(code("2027-03-31.fig", "2026-10-28.endive", UPDATED), Some(OTHER_RELEASE));
        assert_eq!(code("2027-03-31", "2026-10-28.endive", UPDATED), Some(OTHER_RELEASE));
    }
}
