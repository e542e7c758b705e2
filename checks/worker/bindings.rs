//! `worker/bindings`.

use crate::check::prelude::*;
use crate::world::{BindingSlip, JudgedBindings};

check! {
    /// What is bound to the deployed script agrees with the Wrangler file and with this configuration.
    ///
    /// ## Why it matters
    /// A named environment inherits neither KV namespaces nor variables, and a deployment deletes what was set in the
    /// dashboard. A Worker that asks for another JWT template or sells another price than was checked here is not the one
    /// that this report is about.
    ///
    /// ## How it is verified
    /// The bindings of the deployed script are compared with what the Wrangler file declares for its environment, and its
    /// readable variables with the values that this configuration names under the same names, and with `clerk.jwt_template`.
    /// Secrets cannot be read back. What the code does with a binding cannot be seen.
    ///
    /// ## Findings
    /// - `missing`: a declared KV namespace or variable is not on the script.
    /// - `differs`: it is there, and is another one.
    ///
    /// ## How to mend it
    /// Put the right value into the Wrangler file, under the environment that serves, and deploy.
    pub const CHECK = Check {
        need: Need::Configured("cloudflare"),
        sends: "",
        owns: [WorkerVariableDiffers],
        subjects: deployment,
        run
    };
}

async fn run(world: &World, subject: Deployment, outcome: &mut Outcome) -> Answered {
    outcome.settle(judged(world, subject).await?);
    Ok(())
}

async fn judged(world: &World, _: Deployment) -> Result<Verdict, NoAnswer> {
    let Some(cloudflare) = world.cloudflare() else {
        return Ok(Verdict::NotApplicable("[cloudflare] is not configured".to_owned()));
    };
    let judged = cloudflare.bindings().await?;
    let findings: Vec<Finding> = judged.slips.iter().map(|slip| finding(world, &judged, slip)).collect();
    match judged.blocked {
        Some(blocked) if findings.is_empty() => Err(blocked),
        _ => {
            let count = judged.settings.value.bindings.len();
            Ok(Verdict::of(findings, format!("none of {count} bindings differs from what was meant")))
        }
    }
}

fn finding(world: &World, judged: &JudgedBindings, slip: &BindingSlip) -> Finding {
    let BindingSlip { name, expected, actual } = slip;
    let environment = world.config().cloudflare.as_ref().and_then(|cloudflare| cloudflare.environment.as_deref());
    let (place, flag) = match environment {
        Some(environment) => (format!(" under env.{environment}"), format!(" --env {environment}")),
        None => (String::new(), String::new()),
    };
    let (code, seen) = match actual {
        Some(actual) => ("differs", actual.clone()),
        None => ("missing", "not there".to_owned()),
    };
    Finding {
        code,
        severity: Severity::Failure,
        message: format!("{name} on the deployed Worker is {seen}; it should be {expected}."),
        expected: expected.clone(),
        actual: seen.clone(),
        evidence: vec![judged.settings.answer.evidence(format!("result.bindings[{name}]"), seen)],
        fix: Fix::new(format!(
            "Put the right {name} into the Wrangler file{place} and deploy; or mend preflight.toml."
        ))
        .command(format!("wrangler deploy{flag}")),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn finds_a_namespace_that_is_not_bound() {
        scenario("binding-missing").await.finds(CHECK, "missing");
    }

    #[tokio::test]
    async fn finds_a_variable_with_another_value() {
        let run = scenario("var-differs").await;
        run.finds(CHECK, "differs");
        assert!(run.message(CHECK).contains("CLERK_JWT_TEMPLATE"), "{}", run.told());
    }

    #[tokio::test]
    async fn a_key_of_ours_that_is_wrong_proves_nothing_about_the_script() {
        let run = scenario("clerk-pk-test").await;
        assert!(run.line(CHECK).findings.is_empty(), "{}", run.told());
    }
}
