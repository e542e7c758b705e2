//! `webhook/api-version`.

use crate::check::prelude::*;
use crate::world::{Answer, Endpoint, ShapeGap, shape_gap};

check! {
    /// Events have the shape that the Worker's SDK expects.
    ///
    /// ## Why it matters
    /// Stripe renders an event in the API version of the endpoint, whatever version the Worker's SDK has. Across a release that
    /// moved a field, the Worker reads one that is not there: the end of a paid period becomes `undefined`.
    ///
    /// ## How it is verified
    /// The endpoint's version is compared with `webhook.api_version`. Within one release Stripe only adds fields, so another
    /// date of the same release is fine. Of the releases that are known to have moved a field of the handled events, the last
    /// one between the two is named. An endpoint without its own version follows the account's default, which no API returns:
    /// the newest event shows what it was at that time. Which fields the Worker reads cannot be seen.
    ///
    /// ## How to fix it
    /// An endpoint's version cannot be changed: add an endpoint of the right version for the same URL, set its signing secret
    /// on the Worker, and delete the old one. Or move the SDK's version, and `webhook.api_version` with it.
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

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let config = &world.config().webhook;
    let Some(wanted) = &config.api_version else {
        outcome.not_applicable("webhook.api_version is not configured");
        return Ok(());
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
    let (code, what) = match shape_gap(&found, wanted, &config.events) {
        ShapeGap::Same => {
            outcome.pass(format!("{} {whose} {found}", endpoint.id));
            return Ok(());
        }
        ShapeGap::OtherRelease => (OTHER_RELEASE, "no change to the events that the Worker handles is known"),
        ShapeGap::Older(moved) => (OLDER_SHAPE, moved),
        ShapeGap::Newer(moved) => (NEWER_SHAPE, moved),
    };
    let between = match code {
        OLDER_SHAPE => "in the meantime ",
        NEWER_SHAPE => "since then ",
        _ => "",
    };
    let message = format!("{} {whose} {found}, but the Worker expects {wanted}: {between}{what}.", endpoint.id);
    outcome.find(finding(world, endpoint, &answer, (code, message), found));
    Ok(())
}

fn finding(
    world: &World,
    endpoint: &Endpoint,
    answer: &Answer,
    (code, message): (Code, String),
    found: String,
) -> Finding {
    let wanted = world.config().webhook.api_version.clone().unwrap_or_default();
    let selected = endpoint.events.value();
    let events: Vec<String> =
        selected.into_iter().flatten().map(|event| format!(" -d \"enabled_events[]={event}\"")).collect();
    let create = format!(
        "webhook_endpoints create -d \"url={}\" -d \"api_version={wanted}\"{}",
        endpoint.url_text,
        events.concat()
    );
    Finding {
        code,
        message,
        expected: wanted,
        actual: found.clone(),
        evidence: vec![answer.evidence("data[].api_version", found)],
        fix: Fix::new(format!(
            "Add an endpoint with the right version, set its signing secret as {} on the Worker, and delete {}.",
            world.config().stripe.webhook_secret.name,
            endpoint.id
        ))
        .command(world.stripe().command(&create))
        .command(world.secret_put(&world.config().stripe.webhook_secret.name))
        .link(world.stripe().dashboard(&format!("webhooks/{}", endpoint.id))),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn finds_events_of_another_shape() {
        scenario("endpoint-api-version").await.finds(CHECK, "older-shape");
        scenario("endpoint-api-version-newer").await.finds(CHECK, "newer-shape");
    }

    #[tokio::test]
    async fn another_release_is_a_warning_and_another_date_of_one_is_nothing() {
        scenario("endpoint-api-version-release").await.warns(CHECK, "other-release");
        scenario("healthy-later-api-version").await.passes(CHECK);
    }

    #[tokio::test]
    async fn the_accounts_default_is_read_from_an_event() {
        let run = scenario("healthy-default-api-version").await;
        run.passes(CHECK);
        assert!(run.seen(CHECK).contains("account's default"), "{}", run.seen(CHECK));
        let run = scenario("healthy-default-api-version,healthy-new-endpoint").await;
        assert!(run.reasons(CHECK).contains("no event shows"), "{}", run.told());
    }
}
