//! `config/hygiene`.

use std::collections::BTreeSet;

use crate::check::prelude::*;
use crate::config::{Described, Kind, ValueProblem};

check! {
    /// Every value is set and well-formed.
    ///
    /// ## Why it matters
    /// A newline copied along with a key, a pair of quotes, a placeholder, or Clerk's key in Stripe's place: with any of
    /// these every request fails, with an error about something else.
    ///
    /// ## How it is verified
    /// Every variable that `preflight.toml` names is read from the environment and the `--env-file`s; nothing is sent. This
    /// checks your copies. The Worker may have other values: `webhook/accepts-signed` and the `worker` checks test those.
    /// `PREFLIGHT_CANARY_USER` may be left out; then the checks that need the canary are unknown.
    ///
    /// ## How to fix it
    /// Copy the value again from the page in the finding, without quotes and without a newline, and set it where it is read
    /// from.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "",
        owns: [ValueUnusable],
        subjects: deployment,
        run
    };
}

codes! {
    /// A required value is not set.
    MISSING: Failure(Other),
    /// There is stray white space, a newline, or a comma or semicolon at the end.
    WHITESPACE: Failure,
    /// The value is wrapped in quotes.
    QUOTES: Failure,
    /// It is a placeholder.
    PLACEHOLDER: Failure,
    /// It is something else, or two keys are swapped. A warning if only its use can prove that.
    WRONG_KIND: Failure,
}

#[expect(clippy::unused_async, reason = "every check has the same signature, and this one waits for nothing")]
async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let variables = world.config().variables();
    let is_missing = |variable: &&Described<'_>| matches!(variable.problem, Some(ValueProblem::Missing));
    let missing: Vec<&Described<'_>> = variables.iter().filter(is_missing).collect();
    // One empty environment is one problem.
    let are_merged = missing.len() > 1;
    if are_merged {
        outcome.find(all_missing(world, &missing));
    }
    for variable in variables.iter().filter(|variable| !(are_merged && is_missing(variable))) {
        if let Some(problem) = variable.problem {
            outcome.find(finding(world, variable, problem));
        }
    }
    let set = variables.iter().filter(|variable| variable.shown.is_some()).count();
    outcome.pass_if_clean(format!("all {set} values are set and well-formed"));
    let clerk = &world.config().clerk;
    for canary in [Some(&clerk.canary_user), clerk.canary_organization.as_ref()].into_iter().flatten() {
        if !canary.is_set() && canary.is_usable() {
            outcome.pass(format!("{} is not set, so the checks that sign in as the canary are unknown", canary.name));
        }
    }
    Ok(())
}

/// Several values that are not set, as one finding.
fn all_missing(world: &World, missing: &[&Described<'_>]) -> Finding {
    let found: Vec<Finding> = missing.iter().map(|variable| finding(world, variable, &ValueProblem::Missing)).collect();
    let names: Vec<&str> = missing.iter().map(|variable| variable.name).collect();
    let pages: BTreeSet<String> = missing.iter().map(|variable| variable.kind.page().to_owned()).collect();
    let values: Vec<String> =
        missing.iter().map(|variable| format!("{}: {}", variable.name, variable.kind.expected())).collect();
    let fix = Fix::new(format!("Set {} in the environment or in an --env-file.", names.join(", ")));
    Finding {
        code: MISSING,
        message: format!("{} values are not set: {}.", names.len(), names.join(", ")),
        expected: values.join("; "),
        actual: "nothing".to_owned(),
        evidence: found.into_iter().flat_map(|finding| finding.evidence).collect(),
        fix: pages.into_iter().fold(fix, Fix::link),
    }
}

fn finding(world: &World, variable: &Described<'_>, problem: &ValueProblem) -> Finding {
    let Described { name, origin, kind, .. } = variable;
    let (code, message) = match problem {
        ValueProblem::Missing => (MISSING, format!("{name} is not set.")),
        ValueProblem::Whitespace(words) => {
            let are = if words.starts_with(|first: char| first.is_ascii_digit()) { "are" } else { "is" };
            (WHITESPACE, format!("{name} is damaged: there {are} {words}."))
        }
        ValueProblem::Quotes => (QUOTES, format!("{name} is wrapped in quotes, which are part of the value.")),
        ValueProblem::Placeholder => (PLACEHOLDER, format!("{name} is still a placeholder.")),
        ValueProblem::WrongKind(words) => {
            (WRONG_KIND, format!("{name} must be {}, but it is {words}.", kind.expected()))
        }
        // The same sentence from both sides, so that one swap is one finding.
        ValueProblem::Swapped(other) => {
            let (stripe, clerk) =
                if *kind == Kind::ClerkSecretKey { (other.as_str(), *name) } else { (*name, other.as_str()) };
            let words = format!("{stripe} and {clerk} are swapped: each holds the other's secret key.");
            (WRONG_KIND, words)
        }
        ValueProblem::Doubtful(words) => (WRONG_KIND, format!("{name} may be {words}.")),
    };
    let shown = variable.shown.clone().unwrap_or_else(|| "nothing".to_owned());
    let looked_at = match problem {
        ValueProblem::Missing => "the environment and every --env-file".to_owned(),
        _ => origin.to_string(),
    };
    let place = match variable.line {
        Some(line) => format!("{} ({}:{line})", variable.setting, world.config().path.display()),
        None => variable.setting.to_owned(),
    };
    let fix = match problem {
        ValueProblem::Missing => format!("Set {name} in the environment or in an --env-file, to {}.", kind.expected()),
        ValueProblem::Swapped(other) => format!("Exchange the values of {name} and {other}."),
        _ => format!("Copy {} again, and set {name} where it was read from: {origin}.", kind.expected()),
    };
    Finding {
        code: if problem.is_warning() { code.as_warning() } else { code },
        message,
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
    async fn swapped_keys_are_not_sent_to_any_provider() {
        let run = scenario("stripe-key-clerk").await;
        run.finds(CHECK, "wrong-kind");
        // A provider answers the other one's key with 401.
        let providers = run.report().requests.iter().filter(|request| ["stripe", "clerk"].contains(&request.provider));
        assert!(providers.clone().all(|request| request.status != Some(401)), "{:?}", providers.collect::<Vec<_>>());
    }
}
