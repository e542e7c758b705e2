//! `worker/bindings`.

use crate::check::prelude::*;
use crate::world::{BindingPart, BindingState, ComparedBindings};

check! {
    /// The deployed Worker's bindings match the Wrangler file and this configuration.
    ///
    /// ## Why it matters
    /// A named environment inherits neither KV namespaces nor variables, and a deployment deletes variables that were set in
    /// the dashboard. A Worker that uses another JWT template, sells another price, or writes into the KV namespace of the
    /// development environment is not the one that this report is about.
    ///
    /// ## How it is verified
    /// Each KV namespace and variable that the Wrangler file declares for the deployed environment is compared with the
    /// bindings of the deployed script, and so is each readable variable with the value that this configuration has under the
    /// same name, and with `clerk.jwt_template`. A KV namespace must not belong to another environment of the Wrangler file,
    /// be a `preview_id`, or be bound to another environment's script. The values of secrets cannot be read, and how the code
    /// uses a binding cannot be seen.
    ///
    /// ## How to fix it
    /// Correct the binding in the Wrangler file, under the environment that is deployed, and deploy.
    pub const CHECK = Check {
        need: Need::Configured("cloudflare"),
        sends: "",
        owns: [WorkerVariableDiffers],
        subjects: deployment,
        run
    };
}

codes! {
    /// A declared KV namespace or variable is not on the script.
    MISSING: Failure,
    /// It is on the script, but with another value.
    DIFFERS: Failure,
    /// The script uses the KV namespace of another environment. A warning if only local previews or the top level of
    /// the Wrangler file share it.
    SHARED_NAMESPACE: Failure,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let Some(cloudflare) = world.cloudflare() else {
        outcome.not_applicable("[cloudflare] is not configured");
        return Ok(());
    };
    let compared = cloudflare.bindings().await?;
    for unread in &compared.settings.value.unread {
        outcome.leave_open(unread.clone());
    }
    for part in &compared.parts {
        if let Some(state) = outcome.ask(part.state.clone()) {
            judge(world, &compared, part, &state, outcome);
        }
    }
    if compared.parts.is_empty() {
        outcome.pass(format!("{} bindings, and nothing is declared for them", compared.settings.value.bindings.len()));
    }
    Ok(())
}

fn judge(world: &World, compared: &ComparedBindings, part: &BindingPart, state: &BindingState, outcome: &mut Outcome) {
    let name = &part.name;
    let (code, message, expected, actual) = match state {
        BindingState::AsMeant => {
            outcome.pass(format!("{name} is bound as configured"));
            return;
        }
        BindingState::Missing { expected } => {
            let message = format!("{name} is not on the deployed Worker; it should be {expected}.");
            (MISSING, message, expected.clone(), "not there".to_owned())
        }
        BindingState::Differs { expected, actual } => {
            let message = format!("{name} on the deployed Worker is {actual}; it should be {expected}.");
            (DIFFERS, message, expected.clone(), actual.clone())
        }
        BindingState::SharedNamespace { id, owner, perhaps_meant } => {
            let code = if *perhaps_meant { SHARED_NAMESPACE.as_warning() } else { SHARED_NAMESPACE };
            let message = format!(
                "{name} on the deployed Worker is the KV namespace of {owner}: both environments write to the same data."
            );
            (code, message, "a KV namespace of its own".to_owned(), id.clone())
        }
    };
    let evidence = compared.settings.answer.evidence(format!("result.bindings[{name}]"), actual.clone());
    let fix = fix(world, name, state);
    outcome.find(Finding { code, message, expected, actual, evidence: vec![evidence], fix });
}

fn fix(world: &World, name: &str, state: &BindingState) -> Fix {
    let environment = world.config().cloudflare.as_ref().and_then(|cloudflare| cloudflare.environment.as_deref());
    let (place, flag) = match environment {
        Some(environment) => (format!(" under env.{environment}"), format!(" --env {environment}")),
        None => (String::new(), String::new()),
    };
    let deploy = format!("wrangler deploy{flag}");
    match state {
        BindingState::SharedNamespace { .. } => {
            Fix::new(format!("Create a KV namespace, set its ID for {name} in the Wrangler file{place}, and deploy."))
                .command(format!("wrangler kv namespace create {name}{flag}"))
                .command(deploy)
        }
        _ => Fix::new(format!("Correct {name} in the Wrangler file{place} and deploy, or correct preflight.toml."))
            .command(deploy),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;
    use crate::run::Status;

    #[tokio::test]
    async fn finds_a_variable_with_another_value_by_its_name() {
        let run = scenario("var-differs").await;
        run.finds(CHECK, "differs");
        assert!(run.message(CHECK).contains("CLERK_JWT_TEMPLATE"), "{}", run.told());
    }

    #[tokio::test]
    async fn one_wrong_template_name_is_one_finding() {
        // The script and the Wrangler file have it right; only this configuration names another.
        let run = scenario("jwt-template-misnamed-here").await;
        run.finds(crate::checks::clerk::jwt_template::CHECK, "missing");
    }

    #[tokio::test]
    async fn a_key_of_ours_that_is_wrong_proves_nothing_about_the_script() {
        let run = scenario("clerk-pk-test").await;
        assert!(run.line(CHECK).findings.is_empty(), "{}", run.told());
    }

    #[tokio::test]
    async fn without_bindings_in_the_answer_nothing_is_missing_and_nothing_is_right() {
        let run = scenario("cloudflare-no-bindings").await;
        for check in [CHECK, crate::checks::worker::secrets::CHECK] {
            assert_eq!(run.line(check).status, Status::Unknown, "{}", run.told());
        }
        assert_eq!(run.failures(), Vec::<String>::new(), "{}", run.told());
    }
}
