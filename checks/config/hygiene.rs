//! `config/hygiene`.

use crate::check::prelude::*;
use crate::config::{Described, Slip};

check! {
    /// Every value is whole, clean and of the right kind.
    ///
    /// ## Why it matters
    /// A line end copied along with a key, a pair of quotes, an example's text that was never filled in, or Clerk's key in
    /// Stripe's place: each makes a system that is otherwise sound refuse every request, with a message about something
    /// else.
    ///
    /// ## How it is verified
    /// Every variable that `preflight.toml` names is read from the environment and the `--env-file`s and looked at; nothing
    /// is sent. It judges the operator's copies. What the Worker has may differ, and is proved by its effect in
    /// `webhook/accepts-signed` and the `worker` checks.
    ///
    /// ## Findings
    /// - `missing`: a value that is needed is not set.
    /// - `whitespace`: white space or a line end does not belong to the value.
    /// - `quotes`: the value is wrapped in quotes.
    /// - `placeholder`: it is an example's text.
    /// - `wrong-kind`: it is something else. A warning where only its use can prove that.
    ///
    /// ## How to mend it
    /// Copy the value again from the page that the finding names, without quotes and without a line end, and set it where
    /// it is read from.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "",
        owns: [ValueUnusable],
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
    let variables = world.config().variables();
    let findings: Vec<Finding> = variables
        .iter()
        .flat_map(|variable| variable.slips.iter().map(|slip| finding(world, variable, slip)))
        .collect();
    let set = variables.iter().filter(|variable| variable.shown.is_some()).count();
    Ok(Verdict::of(findings, format!("{set} values are set, and each is whole and of its kind")))
}

fn finding(world: &World, variable: &Described<'_>, slip: &Slip) -> Finding {
    let Described { name, origin, kind, .. } = variable;
    let (code, what) = match slip {
        Slip::Missing => ("missing", "is not set".to_owned()),
        Slip::Whitespace(words) => ("whitespace", format!("is damaged: there is {words}")),
        Slip::Quotes => ("quotes", "is wrapped in quotes, which are part of the value".to_owned()),
        Slip::Placeholder => ("placeholder", "is an example's text that was never filled in".to_owned()),
        Slip::WrongKind(words) => ("wrong-kind", format!("is something else: it is {words}")),
        Slip::Doubtful(words) => ("wrong-kind", format!("may be something else: {words}")),
    };
    let shown = variable.shown.clone().unwrap_or_else(|| "nothing".to_owned());
    let looked_at = match slip {
        Slip::Missing => "the environment and every --env-file".to_owned(),
        _ => origin.to_string(),
    };
    let place = match variable.line {
        Some(line) => format!("{} ({}:{line})", variable.setting, world.config().path.display()),
        None => variable.setting.to_owned(),
    };
    let fix = match slip {
        Slip::Missing => format!("Set {name} in the environment or in an --env-file, to {}.", kind.expected()),
        _ => format!("Copy {} again and set {name} where it was read from, {origin}.", kind.expected()),
    };
    Finding {
        code,
        severity: if slip.is_warning() { Severity::Warning } else { Severity::Failure },
        message: format!("{name} {what}."),
        expected: kind.expected().to_owned(),
        actual: shown.clone(),
        evidence: vec![Evidence { request: looked_at, status: None, request_id: None, field: place, seen: shown }],
        fix: Fix::new(fix).link(kind.page()),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn finds_each_way_in_which_a_value_can_be_damaged() {
        for (name, code) in [
            ("stripe-key-newline", "whitespace"),
            ("stripe-key-quoted", "quotes"),
            ("stripe-key-placeholder", "placeholder"),
            ("stripe-key-publishable", "wrong-kind"),
            ("price-is-product-id", "wrong-kind"),
            ("webhook-secret-endpoint-id", "wrong-kind"),
            ("webhook-secret-svix", "wrong-kind"),
            ("env-missing", "missing"),
        ] {
            scenario(name).await.finds(CHECK, code);
        }
    }

    #[tokio::test]
    async fn keys_that_were_swapped_are_sent_to_nobody() {
        let run = scenario("stripe-key-clerk").await;
        run.finds(CHECK, "wrong-kind");
        // Whoever is asked with a key of the other one answers 401.
        let providers = run.report().requests.iter().filter(|request| ["stripe", "clerk"].contains(&request.provider));
        assert!(providers.clone().all(|request| request.status != Some(401)), "{:?}", providers.collect::<Vec<_>>());
    }
}
