//! `worker/secrets`.

use crate::check::prelude::*;
use crate::config::{CloudflareConfig, is_secret};
use crate::world::{Binding, ScriptSettings, Seen};

check! {
    /// Every value that the Worker needs is set on the deployed script, and every secret is stored as a secret.
    ///
    /// ## Why it matters
    /// A named Wrangler environment is a separate script and inherits no secrets. A secret that was set on `pan-api` is not set
    /// on `pan-api-production`, and `wrangler secret list` without `--env` looks complete.
    ///
    /// ## How it is verified
    /// The bindings of the deployed script, as Cloudflare lists them, are compared with the names in `cloudflare.secrets`. The
    /// values of secrets cannot be read back. `webhook/accepts-signed` and the other `worker` checks prove them by their effect.
    ///
    /// ## How to fix it
    /// Run `wrangler secret put NAME`, with `--env` for a named environment.
    pub const CHECK = Check {
        need: Need::Configured("cloudflare"),
        sends: "",
        owns: [WorkerNotDeployed, WorkerSecretsMissing],
        subjects: deployment,
        run
    };
}

codes! {
    /// There is no script of that name.
    NO_SUCH_SCRIPT: Failure,
    /// Required names are not set.
    MISSING: Failure,
    /// They are set, but on another environment's script.
    OTHER_ENVIRONMENT: Failure,
    /// A secret is set as a plain variable, which everyone with access to the account can read.
    READABLE: Failure(Exposure),
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let (Some(config), Some(cloudflare)) = (&world.config().cloudflare, world.cloudflare()) else {
        return outcome.not_applicable("[cloudflare] is not configured");
    };
    let script = config.deployed_script();
    let Some(settings) = cloudflare.settings(&script).await? else {
        outcome.find(no_such_script(world, &script));
        return Ok(());
    };
    let (mut missing, mut set) = (Vec::new(), Vec::new());
    for name in config.secrets.iter().map(String::as_str) {
        match outcome.ask(settings.value.has_value(name)) {
            Some(true) => set.push(name),
            Some(false) => missing.push(name),
            None => {}
        }
    }
    if !missing.is_empty() {
        outcome.find(missing_finding(world, config, &settings, &missing).await);
    }
    for binding in settings.value.bindings.iter().filter(|binding| is_readable_secret(world, binding)) {
        outcome.find(readable(world, &script, &settings, binding));
    }
    // A binding that could not be read may be a secret in a plain variable.
    for unread in &settings.value.unread {
        outcome.leave_open(unread.clone());
    }
    if missing.is_empty() {
        outcome.pass(format!("{} are set on {script}", set.join(", ")));
    }
    Ok(())
}

fn no_such_script(world: &World, script: &str) -> Finding {
    Finding {
        code: NO_SUCH_SCRIPT,
        message: format!("Cloudflare has no Worker named {script} in this account."),
        expected: format!("a deployed Worker named {script}"),
        actual: "no such Worker".to_owned(),
        evidence: vec![Evidence {
            request: format!("GET /accounts/{{account}}/workers/scripts/{script}/settings"),
            status: Some(404),
            request_id: None,
            field: "errors[].code".to_owned(),
            seen: "10007".to_owned(),
        }],
        fix: Fix::new("Deploy the Worker, or correct cloudflare.script or cloudflare.environment in preflight.toml.")
            .then(world.deployment()),
    }
}

async fn missing_finding(
    world: &World,
    config: &CloudflareConfig,
    settings: &Seen<ScriptSettings>,
    missing: &[&str],
) -> Finding {
    let script = config.deployed_script();
    let names = missing.join(", ");
    let are = if missing.len() == 1 { "is" } else { "are" };
    let (code, message) = match optional(elsewhere(world, config, missing)).await.flatten() {
        Some(other) => {
            (OTHER_ENVIRONMENT, format!("{names} {are} set on {other}, but the deployed Worker is {script}."))
        }
        None => (MISSING, format!("{names} {are} not set on the Worker {script}, so it cannot serve customers.")),
    };
    let values = settings.value.bindings.iter().filter(|binding| binding.is_value());
    let set: Vec<&str> = values.map(|binding| binding.name.as_str()).collect();
    let set = if set.is_empty() { "nothing is set".to_owned() } else { format!("set: {}", set.join(", ")) };
    let fix = missing
        .iter()
        .fold(Fix::new(format!("Set {names} on {script}.")), |fix, name| fix.then(world.local_secret(name)));
    Finding {
        code,
        message,
        expected: config.secrets.join(", "),
        actual: set.clone(),
        evidence: vec![settings.answer.evidence("result.bindings", set)],
        fix,
    }
}

/// The script of another environment that has every name that the deployed one lacks.
async fn elsewhere(world: &World, config: &CloudflareConfig, missing: &[&str]) -> Answered<Option<String>> {
    let Some(cloudflare) = world.cloudflare() else { return Ok(None) };
    for other in config.other_scripts() {
        if let Some(settings) = cloudflare.settings(&other).await?
            && missing.iter().all(|name| settings.value.has_value(name) == Ok(true))
        {
            return Ok(Some(other));
        }
    }
    Ok(None)
}

/// Whether a readable variable holds a secret, by its name or its value.
fn is_readable_secret(world: &World, binding: &Binding) -> bool {
    let config = world.config();
    let named = [&config.stripe.secret_key.name, &config.stripe.webhook_secret.name, &config.clerk.secret_key.name];
    !binding.is_secret()
        && binding.is_value()
        && (named.contains(&&binding.name) || binding.text.text().is_some_and(is_secret))
}

fn readable(world: &World, script: &str, settings: &Seen<ScriptSettings>, binding: &Binding) -> Finding {
    let name = &binding.name;
    Finding {
        code: READABLE,
        message: format!(
            "{name} is a plain variable on {script}: everyone with access to the account or the Wrangler file can read it."
        ),
        expected: "secret_text".to_owned(),
        actual: binding.kind.clone(),
        evidence: vec![settings.answer.evidence(format!("result.bindings[{name}].type"), binding.kind.clone())],
        fix: Fix::new(format!(
            "Create a new key. Then remove {name} from the variables in the Wrangler file, deploy, and set the new key as a secret."
        ))
        .then(world.deployment())
        .then(world.entered_secret(name)),
    }
}
