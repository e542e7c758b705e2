//! `config/modes`.

use crate::check::prelude::*;
use crate::config::{Described, Mode};

check! {
    /// All keys are of the mode wanted.
    ///
    /// ## Why it matters
    /// Stripe and Clerk keep test and live apart, and their keys look alike. One test key among the live ones, and
    /// customers pay in a world where nothing is granted, or are granted what nobody paid for.
    ///
    /// ## How it is verified
    /// By the prefixes of the keys that the environment holds: `sk_live_` or `sk_test_`, and so on. Nothing is sent. The
    /// IDs of prices and portal configurations do not show their mode; `stripe/price-mode` and `portal/configuration` ask
    /// Stripe about those.
    ///
    /// ## Findings
    /// - `stripe-secret-key`: Stripe's secret key is of the other mode.
    /// - `stripe-publishable-key`: Stripe's publishable key is.
    /// - `stripe-test-secret-key`: the key for the test-mode twin is a live one.
    /// - `clerk-secret-key`: Clerk's secret key is of the other mode.
    /// - `clerk-publishable-key`: Clerk's publishable key is.
    ///
    /// ## How to mend it
    /// Copy the key of the right mode from the dashboard page that the finding names. To check the test-mode system
    /// instead, run `preflight run --mode test`.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "",
        owns: [KeyOfOtherMode],
        subjects: deployment,
        run
    };
}

async fn run(world: &World, subject: Deployment, outcome: &mut Outcome) -> Answered {
    outcome.settle(judged(world, subject).await?);
    Ok(())
}

#[expect(clippy::unused_async, reason = "it is asked like every other check, and has nobody to wait for")]
async fn judged(world: &World, _: Deployment) -> Result<Verdict, NoAnswer> {
    let wanted = world.config().project.mode;
    let keys = [
        ("stripe-secret-key", "stripe.secret_key", wanted),
        ("stripe-publishable-key", "stripe.publishable_key", wanted),
        ("stripe-test-secret-key", "stripe.test_secret_key", Mode::Test),
        ("clerk-secret-key", "clerk.secret_key", wanted),
        ("clerk-publishable-key", "clerk.publishable_key", wanted),
    ];
    let variables = world.config().variables();
    let (mut findings, mut seen, mut unsound) = (Vec::new(), Vec::new(), false);
    for (code, setting, wanted) in keys {
        let Some(key) = variables.iter().find(|variable| variable.setting == setting) else { continue };
        match key.mode {
            // What is damaged has no mode that could be relied on; what is optional and not there has none either.
            _ if !key.is_sound() => unsound = true,
            Some(mode) if mode != wanted => findings.push(finding(code, key, mode, wanted)),
            Some(_) => seen.push(key.name),
            None => {}
        }
    }
    if findings.is_empty() && unsound {
        return Err(NoAnswer::Because(Cause::ValueUnusable));
    }
    Ok(Verdict::of(findings, format!("{} are of the mode wanted", seen.join(", "))))
}

fn finding(code: &'static str, key: &Described<'_>, mode: Mode, wanted: Mode) -> Finding {
    let shown = key.shown.clone().unwrap_or_default();
    Finding {
        code,
        severity: Severity::Failure,
        message: format!("{} is a {}-mode key where a {}-mode key is wanted.", key.name, mode.word(), wanted.word()),
        expected: format!("a {}-mode key", wanted.word()),
        actual: shown.clone(),
        evidence: vec![Evidence {
            request: key.origin.to_string(),
            status: None,
            request_id: None,
            field: key.name.to_owned(),
            seen: shown,
        }],
        fix: Fix::new(format!("Set {} to the {}-mode key.", key.name, wanted.word())).link(key.kind.page()),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn finds_every_key_of_the_other_mode() {
        for (name, code) in [
            ("stripe-key-test", "stripe-secret-key"),
            ("stripe-pk-test", "stripe-publishable-key"),
            ("clerk-key-test", "clerk-secret-key"),
            ("clerk-pk-test", "clerk-publishable-key"),
        ] {
            scenario(name).await.finds(CHECK, code);
        }
    }
}
