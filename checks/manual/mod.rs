//! Manual checks: one for each `[[manual]]` in the configuration, and those that are built in.

pub mod account_access;
pub mod customer_emails;
pub mod fraud_rules;
pub mod oauth_credentials;
pub mod webhook_alerts;

use jiff::ToSpan;
use jiff::tz::TimeZone;

use crate::check::prelude::*;
use crate::config::{Config, Manual};

check! {
    /// A person has checked what preflight cannot see.
    ///
    /// ## Why it matters
    /// Some of what a launch depends on is not available through any API. A checklist without it looks complete.
    ///
    /// ## How it is verified
    /// The `[[manual]]` says who checked it, when, and until when that holds. preflight cannot verify the item itself. Without a
    /// sign-off, or after it has expired, the check is unknown.
    ///
    /// ## How to fix it
    /// Check it, and set `signed_off_by` and `on` in the `[[manual]]` in `preflight.toml`.
    pub const KIND = Check { id: "manual/<id>", need: Need::Required, sends: "", subjects: item, run };
}

// A manual check is passed or unknown.
codes! {}

/// A check for each `[[manual]]`, and those that are built in. The verdict requires those that the configuration names.
pub fn configured(config: &Config) -> impl Iterator<Item = Check> {
    let built_in = BUILT_IN.iter().map(|check| match item_of(config, check) {
        Some(item) => Check { need: Need::Required, ..check.made(&item.id, &item.title) },
        None => check.clone(),
    });
    let is_built_in = |item: &&Manual| BUILT_IN.iter().any(|check| CheckId::made("manual", &item.id) == check.id);
    let others = config.manual.iter().filter(move |item| !is_built_in(item));
    built_in.chain(others.map(|item| KIND.made(&item.id, &item.title)))
}

/// The built-in items, in the order of the report.
const BUILT_IN: &[Check] = &[
    webhook_alerts::CHECK,
    account_access::CHECK,
    customer_emails::CHECK,
    fraud_rules::CHECK,
    oauth_credentials::CHECK,
];

/// The sign-off of a built-in item, if the configuration has one.
fn item_of<'c>(config: &'c Config, check: &Check) -> Option<&'c Manual> {
    config.manual.iter().find(|item| CheckId::made("manual", &item.id) == check.id)
}

/// Passes a built-in item that is signed off. `unseen` says what a machine cannot see, and where to look.
fn signed_off(world: &World, check: &Check, unseen: &str, outcome: &mut Outcome) -> Answered {
    let Some(item) = item_of(world.config(), check) else {
        let id = check.id.as_str().trim_start_matches("manual/");
        return Err(NoAnswer::Unknown(format!("{unseen}, and sign it off in a [[manual]] with the ID {id}")));
    };
    outcome.pass(sign_off(world, item)?);
    Ok(())
}

fn item<'w>(world: &'w World, id: &CheckId) -> Vec<&'w Manual> {
    world.config().manual.iter().filter(|item| CheckId::made("manual", &item.id) == *id).collect()
}

#[expect(clippy::unused_async, reason = "a check is an async function, and this one sends no request")]
async fn run(world: &World, item: &Manual, outcome: &mut Outcome) -> Answered {
    outcome.pass(sign_off(world, item)?);
    Ok(())
}

/// Who signed an item off and when, in a sentence.
///
/// # Errors
/// Unknown without a sign-off, or if it has expired or has a date in the future.
fn sign_off(world: &World, item: &Manual) -> Answered<String> {
    let place = format!("{}:{}", world.config().path.display(), item.line);
    let (Some(by), Some(on)) = (&item.signed_off_by, item.on) else {
        return Err(NoAnswer::Unknown(format!(
            "not signed off: check it, and set signed_off_by and on in the [[manual]] at {place}"
        )));
    };
    let today = TimeZone::UTC.to_datetime(world.now()).date();
    // In some time zones, tomorrow has begun already.
    if today.checked_add(1.day()).is_ok_and(|tomorrow| on > tomorrow) {
        return Err(NoAnswer::Unknown(format!("the sign-off by {by} has a date in the future, {on} ({place})")));
    }
    match item.expires {
        Some(expires) if expires < today => Err(NoAnswer::Unknown(format!(
            "the sign-off by {by} expired on {expires}: check it again, and renew the sign-off at {place}"
        ))),
        Some(expires) => Ok(format!("{by} signed it off on {on}, until {expires}")),
        None => Ok(format!("{by} signed it off on {on}")),
    }
}

#[cfg(test)]
mod tests {
    use crate::check::testing::{TestRun, scenario};
    use crate::run::{Decision, Status};

    fn line(run: &TestRun) -> (Status, bool, String) {
        let line = run.report().checks.iter().find(|check| check.id.as_str() == "manual/tax-registered").unwrap();
        (line.status, line.required, line.reasons.join(" "))
    }

    #[tokio::test]
    async fn a_valid_sign_off_passes() {
        let run = scenario("healthy-manual").await;
        assert_eq!((run.report().decision, line(&run).0), (Decision::Go, Status::Pass), "{}", run.summary());
    }

    #[tokio::test]
    async fn an_item_without_a_sign_off_is_unknown_and_required() {
        let run = scenario("manual-open").await;
        let (status, required, reason) = line(&run);
        assert_eq!(
            (run.report().decision, status, required),
            (Decision::NotProven, Status::Unknown, true),
            "{}",
            run.summary()
        );
        assert!(reason.contains("preflight.toml:"), "{reason}");
    }

    #[tokio::test]
    async fn an_expired_sign_off_is_unknown() {
        let run = scenario("manual-expired").await;
        let (status, _, reason) = line(&run);
        assert_eq!(status, Status::Unknown, "{}", run.summary());
        assert!(reason.contains("2025-06-30"), "{reason}");
    }
}
