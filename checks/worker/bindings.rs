//! `worker/bindings`.

use crate::check::prelude::*;
use crate::config::{CloudflareConfig, KvNamespace, Secret, is_secret};
use crate::world::{Binding, ExpectedVariable, ScriptSettings, Seen};

check! {
    /// The deployed Worker's bindings and settings are those that you expect.
    ///
    /// ## Why it matters
    /// A named environment inherits neither KV namespaces nor variables, and a deployment deletes variables that were set in
    /// the dashboard. The deployed Worker may then use another JWT template, charge another price, or write into the KV
    /// namespace of the development environment.
    ///
    /// ## How it is verified
    /// The bindings of the deployed script are compared with the KV namespaces and variables that the Wrangler file declares
    /// for the deployed environment. Readable variables are also compared with the values of the same names in this
    /// configuration, and with `clerk.jwt_template`. A KV namespace must not belong to another environment of the Wrangler
    /// file, be a `preview_id`, or be bound to another environment's script. The same settings say whether logs are kept, and
    /// which day's runtime behavior the script wants. The values of secrets cannot be read, and how the code uses a binding
    /// cannot be seen.
    ///
    /// ## How to fix it
    /// Correct the binding in the Wrangler file, under the deployed environment, and deploy.
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
    /// Cloudflare keeps no logs of the Worker.
    NO_LOGS: Warning,
    /// The compatibility date is more than two years old.
    OLD_COMPATIBILITY_DATE: Note,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let (Some(config), Some(cloudflare)) = (&world.config().cloudflare, world.cloudflare()) else {
        return outcome.not_applicable("[cloudflare] is not configured");
    };
    let settings = cloudflare.deployed_settings().await?;
    for unread in &settings.value.unread {
        outcome.leave_open(unread.clone());
    }
    let script = Script { config, settings: &settings };
    namespaces(world, script, outcome).await;
    settings_of(world, script, outcome);
    let mut wrong = Vec::new();
    for variable in cloudflare.expected_variables(&settings.value).await {
        // A wrong variable is one finding, against the Wrangler file if that declares it.
        if !wrong.contains(&variable.name) && judge(script, &variable, outcome) == Some(false) {
            wrong.push(variable.name);
        }
    }
    if outcome.is_silent() {
        outcome.pass(format!("{} bindings, and the Wrangler file declares none", settings.value.bindings.len()));
    }
    Ok(())
}

/// How old a compatibility date may be, in days.
const TWO_YEARS: i64 = 2 * 365;

/// Whether logs are kept, and the compatibility date.
fn settings_of(world: &World, script: Script<'_>, outcome: &mut Outcome) {
    let Script { config, settings } = script;
    let name = config.deployed_script();
    let (_, flag) = script.environment();
    let deploy = format!("npx wrangler deploy{flag}");
    if settings.value.keeps_logs == Some(false) {
        let code = "# wrangler.toml\n[observability]\nenabled = true";
        outcome.find(Finding {
            code: NO_LOGS,
            message: format!("Cloudflare keeps no logs of {name}, so an error on launch day leaves no trace."),
            expected: "true".to_owned(),
            actual: "false".to_owned(),
            evidence: vec![settings.answer.evidence("result.observability.enabled", "false")],
            fix: Fix::new("Turn observability on in the Wrangler file, and deploy.").code(code).command(deploy.clone()),
        });
    }
    let Some(date) = settings.value.compatibility_date else { return };
    let today = jiff::tz::TimeZone::UTC.to_datetime(world.now()).date();
    if i64::from((today - date).get_days()) > TWO_YEARS {
        outcome.find(Finding {
            code: OLD_COMPATIBILITY_DATE,
            message: format!("{name} runs with the behavior of {date}: fixes to the runtime since then are off."),
            expected: "a date of the last two years".to_owned(),
            actual: date.to_string(),
            evidence: vec![settings.answer.evidence("result.compatibility_date", date.to_string())],
            fix: Fix::new("Set compatibility_date to a recent day, test the Worker, and deploy.").command(deploy),
        });
    }
}

/// The deployed script.
#[derive(Clone, Copy)]
struct Script<'a> {
    config: &'a CloudflareConfig,
    settings: &'a Seen<ScriptSettings>,
}

/// Judges a variable; whether it is as expected, if that is known.
fn judge(script: Script<'_>, variable: &ExpectedVariable, outcome: &mut Outcome) -> Option<bool> {
    let (name, settings) = (&variable.name, &script.settings.value);
    if outcome.ask(variable.agrees(settings))? {
        outcome.pass(format!("{name} is bound as configured"));
        return Some(true);
    }
    let value = outcome.ask(variable.value.clone())?;
    let actual = outcome.ask(settings.binding(name))?.and_then(|binding| binding.text.text()).map(shown);
    outcome.find(script.wrong(name, format!("{}, as {} says", shown(&value), variable.source), actual));
    Some(false)
}

/// A secret in a variable is the finding of `worker/secrets` and is not repeated here.
fn shown(value: &str) -> String {
    if is_secret(value) { Secret::new(value).to_string() } else { format!("\"{value}\"") }
}

/// A KV namespace that the deployed script should not use.
struct ForeignNamespace {
    id: String,
    /// Whose it is: `env.staging of wrangler.toml`.
    owner: String,
    /// Whether sharing it may be intended: only local previews or the top level of the Wrangler file use it, too.
    may_be_intended: bool,
}

/// Compares the script's KV namespaces with the declared ones, and with those of other environments.
async fn namespaces(world: &World, script: Script<'_>, outcome: &mut Outcome) {
    let Script { config, settings } = script;
    let declared: Vec<&KvNamespace> = config.declared().iter().flat_map(|declared| &declared.kv_namespaces).collect();
    let bound: Vec<&Binding> = bound_namespaces(&settings.value).collect();
    let mut foreign = declared_elsewhere(config, &declared);
    if let Some(cloudflare) = world.cloudflare().filter(|_| !bound.is_empty()) {
        for other in config.other_scripts() {
            let found = outcome.ask(cloudflare.settings(&other).await).flatten();
            foreign.extend(found.iter().flat_map(|found| on_script(&other, &found.value)));
        }
    }
    for binding in &bound {
        let name = &binding.name;
        let id = binding.namespace_id.known(format_args!("namespace_id of the binding {name}"));
        let Some(id) = outcome.ask(id) else { continue };
        let wanted = declared.iter().find(|wanted| wanted.binding == *name).and_then(|wanted| wanted.id.as_ref());
        if let Some(shared) = foreign.iter().find(|foreign| foreign.id == *id) {
            outcome.find(script.shared_namespace(name, shared));
        } else if let Some(wanted) = wanted.filter(|wanted| *wanted != id) {
            outcome.find(script.wrong(name, namespace_text(Some(wanted)), Some(namespace_text(Some(id)))));
        } else {
            outcome.pass(format!("{name} is bound as configured"));
        }
    }
    for wanted in declared.iter().filter(|wanted| !bound.iter().any(|binding| binding.name == wanted.binding)) {
        if outcome.ask(settings.value.binding(&wanted.binding)).is_some() {
            outcome.find(script.wrong(&wanted.binding, namespace_text(wanted.id.as_deref()), None));
        }
    }
}

fn bound_namespaces(settings: &ScriptSettings) -> impl Iterator<Item = &Binding> {
    settings.bindings.iter().filter(|binding| binding.kind == "kv_namespace")
}

fn on_script(script: &str, settings: &ScriptSettings) -> Vec<ForeignNamespace> {
    let ids = bound_namespaces(settings).filter_map(|binding| binding.namespace_id.value().cloned());
    ids.map(|id| ForeignNamespace { id, owner: format!("the Worker {script}"), may_be_intended: false }).collect()
}

/// The namespaces that the Wrangler file declares for other environments and for local previews.
fn declared_elsewhere(config: &CloudflareConfig, declared: &[&KvNamespace]) -> Vec<ForeignNamespace> {
    let Some(wrangler) = &config.wrangler else { return Vec::new() };
    let file = wrangler.path.display();
    let mut foreign = Vec::new();
    for (name, other) in config.declared_elsewhere() {
        let owner = name.map_or_else(|| format!("the top level of {file}"), |name| format!("env.{name} of {file}"));
        for id in other.kv_namespaces.iter().filter_map(|namespace| namespace.id.clone()) {
            // The top level may not be deployed at all.
            foreign.push(ForeignNamespace { id, owner: owner.clone(), may_be_intended: name.is_none() });
        }
    }
    let others = config.declared_elsewhere().into_iter().flat_map(|(_, other)| &other.kv_namespaces);
    for namespace in others.chain(declared.iter().copied()) {
        let Some(id) = namespace.preview_id.clone() else { continue };
        let may_be_intended = namespace.id.as_ref() == Some(&id);
        let owner = format!("preview_id of {} in {file}", namespace.binding);
        foreign.push(ForeignNamespace { id, owner, may_be_intended });
    }
    // Report the certain mistake if a namespace is in the list twice.
    foreign.sort_by_key(|foreign| foreign.may_be_intended);
    foreign
}

fn namespace_text(id: Option<&str>) -> String {
    id.map_or_else(|| "a KV namespace".to_owned(), |id| format!("the KV namespace {id}"))
}

impl Script<'_> {
    /// The finding for a binding that is not `expected`; `actual` is `None` if it is not set.
    fn wrong(self, name: &str, expected: String, actual: Option<String>) -> Finding {
        let (place, flag) = self.environment();
        let fix =
            Fix::new(format!("Correct {name} in the Wrangler file{place} and deploy, or correct preflight.toml."))
                .command(format!("npx wrangler deploy{flag}"));
        let code = if actual.is_some() { DIFFERS } else { MISSING };
        let actual = actual.unwrap_or_else(|| "not set".to_owned());
        let message = format!("{name} on the deployed Worker is {actual}. It should be {expected}.");
        self.finding(code, name, message, (expected, actual), fix)
    }

    fn shared_namespace(self, name: &str, shared: &ForeignNamespace) -> Finding {
        let (place, flag) = self.environment();
        let fix =
            Fix::new(format!("Create a KV namespace, set its ID for {name} in the Wrangler file{place}, and deploy."))
                .command(format!("npx wrangler kv namespace create {name}{flag}"))
                .command(format!("npx wrangler deploy{flag}"));
        let code = if shared.may_be_intended { SHARED_NAMESPACE.as_warning() } else { SHARED_NAMESPACE };
        let owner = &shared.owner;
        let message = format!(
            "{name} on the deployed Worker is the KV namespace of {owner}, so both environments write to the same data."
        );
        self.finding(code, name, message, ("a KV namespace that nothing else uses".to_owned(), shared.id.clone()), fix)
    }

    fn finding(
        self,
        code: Code,
        name: &str,
        message: String,
        (expected, actual): (String, String),
        fix: Fix,
    ) -> Finding {
        let evidence = vec![self.settings.answer.evidence(format!("result.bindings[{name}]"), actual.clone())];
        Finding { code, message, expected, actual, evidence, fix }
    }

    /// The place of the deployed environment in the Wrangler file, and the flag that selects it.
    fn environment(self) -> (String, String) {
        let Some(environment) = &self.config.environment else { return Default::default() };
        (format!(" under env.{environment}"), format!(" --env {environment}"))
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn finds_a_variable_with_another_value_by_its_name() {
        let run = scenario("var-differs").await;
        run.finds(CHECK, "differs");
        assert!(run.message(CHECK).contains("CLERK_JWT_TEMPLATE"), "{}", run.summary());
    }

    #[tokio::test]
    async fn a_wrong_key_in_this_configuration_proves_nothing_about_the_script() {
        let run = scenario("clerk-pk-test").await;
        assert!(run.line(CHECK).findings.is_empty(), "{}", run.summary());
    }
}
