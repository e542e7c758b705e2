//! `preflight sandbox --score=fixes`: fixes every scenario that an API can fix, and runs the checks again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use futures::StreamExt;
use indicatif::ProgressBar;
use preflight::change::{Change, StripeResource};
use preflight::fix::{self, Plan};
use preflight::report::outline::failures;
use preflight::run::{self, Decision, Report, Selection};
use preflight::sandbox::{self, Sandbox, Scenario};
use preflight::world::{self, World};
use serde_json::{Map, Value};
use tabled::builder::Builder;
use tabled::settings::Style;

use super::discrepancy::is_healthy;
use super::{PARALLEL, bar};
use crate::cli::exit::CliError;
use crate::cli::terminal::{self, Terminal};

/// What became of one scenario.
enum Healed {
    /// Only a person can fix it.
    ByHand,
    /// The changes led to GO.
    Yes,
    /// They did not, and why.
    No(String),
}

/// How the scenarios of a group ended.
#[derive(Default)]
struct Tally {
    all: usize,
    by_api: usize,
    healed: usize,
}

/// Fixes every scenario, or those named, and prints how many were healed. Returns 1 if a change did not lead to GO.
pub async fn execute(names: &[String], latency: Duration, terminal: Terminal) -> Result<u8, CliError> {
    let chosen = |scenario: &&Scenario| !is_healthy(scenario) && (names.is_empty() || names.contains(&scenario.name));
    let scenarios: Vec<&Scenario> = sandbox::scenarios().iter().filter(chosen).collect();
    let bar = bar(terminal);
    bar.inc_length(u64::try_from(scenarios.len()).unwrap_or_default());
    let runs = futures::stream::iter(scenarios.iter().map(|scenario| async {
        let healed = heal(&[&scenario.name], latency).await.unwrap_or_else(|error| Healed::No(format!("{error:?}")));
        bar.inc(1);
        (*scenario, healed)
    }));
    let results: Vec<(&Scenario, Healed)> = runs.buffered(PARALLEL).collect().await;
    let pairs = if names.is_empty() { heal_pairs(latency, &bar).await } else { Vec::new() };
    bar.finish_and_clear();
    terminal::print(&format!("{}{}", text(&results), pairs_text(&pairs)))?;
    let is_any_ill = results.iter().any(|(_, healed)| matches!(healed, Healed::No(_)))
        || pairs.iter().any(|(_, healed)| !matches!(healed, Healed::Yes));
    Ok(u8::from(is_any_ill))
}

/// Problems of different objects, so that every two of them can be fixed together.
const INDEPENDENT: [&str; 10] = [
    "metadata-case",
    "usage-clerk-key",
    "endpoint-slash",
    "portal-no-cancel",
    "jwt-template-missing",
    "secret-not-set",
    "checkout-test-key",
    "users-plan-case",
    "paid-but-free",
    "price-test-mode",
];

/// Fixes every two of the independent problems together.
async fn heal_pairs(latency: Duration, bar: &ProgressBar) -> Vec<(String, Healed)> {
    let pairs = INDEPENDENT.iter().enumerate();
    let pairs: Vec<[&str; 2]> =
        pairs.flat_map(|(at, one)| INDEPENDENT[at + 1..].iter().map(|other| [*one, *other])).collect();
    bar.inc_length(u64::try_from(pairs.len()).unwrap_or_default());
    let runs = futures::stream::iter(pairs.into_iter().map(|pair| async move {
        let healed = heal(&pair, latency).await.unwrap_or_else(|error| Healed::No(format!("{error:?}")));
        bar.inc(1);
        (pair.join(" and "), healed)
    }));
    runs.buffered(PARALLEL).collect().await
}

fn pairs_text(pairs: &[(String, Healed)]) -> String {
    if pairs.is_empty() {
        return String::new();
    }
    let healed = pairs.iter().filter(|(_, healed)| matches!(healed, Healed::Yes)).count();
    let mut text =
        format!("\nPairs of {} independent problems: {healed} of {} healed\n", INDEPENDENT.len(), pairs.len());
    for (pair, healed) in pairs {
        match healed {
            Healed::Yes => {}
            Healed::ByHand => text.push_str(&format!("- {pair}: a person is needed\n")),
            Healed::No(why) => text.push_str(&format!("- {pair}: {why}\n")),
        }
    }
    text
}

async fn heal(scenarios: &[&str], latency: Duration) -> Result<Healed, CliError> {
    let mut sandbox = Sandbox::start(scenarios, sandbox::Options { latency, ..Default::default() }).await?;
    let name = std::env::temp_dir().join(format!("preflight-fixes-{}-{}", std::process::id(), scenarios.join("-")));
    let (journal, env_file) = (name.with_extension("jsonl"), name.with_extension("env"));
    let kept = sandbox.keep_environment_in(env_file.clone());
    kept.map_err(|error| CliError::Defect(format!("could not write {}: {error}", env_file.display())))?;
    let healed = heal_in(&sandbox, &journal, latency).await;
    for file in [journal, env_file] {
        let _ = std::fs::remove_file(file);
    }
    healed
}

async fn heal_in(sandbox: &Sandbox, journal: &Path, latency: Duration) -> Result<Healed, CliError> {
    let before = run_in(sandbox, journal, latency).await?;
    let mut plan = fix::plan(&before);
    if plan.changes.is_empty() || !plan.by_hand.is_empty() {
        return Ok(Healed::ByHand);
    }
    // One problem may hide the next.
    for _ in 0..fix::ROUNDS {
        let (after, trouble) = round(sandbox, &plan, journal, latency).await?;
        if let Some(trouble) = trouble {
            return Ok(Healed::No(trouble));
        }
        let next = fix::plan(&after);
        if after.decision == Decision::Go {
            return Ok(Healed::Yes);
        }
        if next.changes.is_empty() || !next.by_hand.is_empty() {
            return Ok(Healed::No(left(&plan, &after)));
        }
        plan = next;
    }
    Ok(Healed::No("the changes do not end".to_owned()))
}

/// Makes the changes of a plan, and runs the checks again. The text says what went wrong with them.
async fn round(
    sandbox: &Sandbox,
    plan: &Plan,
    journal: &Path,
    latency: Duration,
) -> Result<(Report, Option<String>), CliError> {
    let state = sandbox.state();
    let mut refused = Vec::new();
    fix::make(&world(sandbox, journal, latency)?, plan, "score", |planned, made| {
        if let Err(why) = made {
            refused.push(format!("{}: {why}", planned.change.object()));
        }
    })
    .await;
    let also: Vec<String> = differences(&state, &sandbox.state())
        .into_iter()
        .filter(|path| !plan.changes.iter().any(|planned| is_of(path, &planned.change)))
        .collect();
    if !also.is_empty() {
        refused.push(format!("the changes also touched {}", also.join(", ")));
    }
    let after = run_in(sandbox, journal, latency).await?;
    Ok((after, (!refused.is_empty()).then(|| refused.join("; "))))
}

async fn run_in(sandbox: &Sandbox, journal: &Path, latency: Duration) -> Result<Report, CliError> {
    let world = world(sandbox, journal, latency)?;
    Ok(run::run(&world, &Selection::default(), None, std::future::pending()).await)
}

fn world(sandbox: &Sandbox, journal: &Path, latency: Duration) -> Result<World, CliError> {
    let options = world::Options {
        timeout: Duration::from_secs(5) + 4 * latency,
        retries: 1,
        journal: journal.to_owned(),
        ..world::Options::default()
    };
    Ok(World::new(sandbox.config(None)?, sandbox.options(options))?)
}

/// The places where two states differ: `/stripe/products/prod_1/metadata/plan`.
fn differences(before: &Value, after: &Value) -> Vec<String> {
    fn walk(path: &str, before: &Value, after: &Value, found: &mut Vec<String>) {
        match (before, after) {
            (Value::Object(before), Value::Object(after)) => {
                let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
                for name in names {
                    let side = |of: &Map<String, Value>| of.get(name).cloned().unwrap_or(Value::Null);
                    walk(&format!("{path}/{name}"), &side(before), &side(after), found);
                }
            }
            (before, after) if before != after => found.push(path.to_owned()),
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk("", before, after, &mut found);
    found
}

/// Whether a place is what a change is about.
fn is_of(path: &str, change: &Change) -> bool {
    match change {
        Change::Stripe(stripe) if stripe.id.is_none() => {
            let lists: &[&str] = match stripe.resource {
                StripeResource::Product => &["products", "prices"],
                StripeResource::Price => &["prices"],
                StripeResource::WebhookEndpoint => &["webhook_endpoints", "signing_secrets"],
                _ => &[],
            };
            lists.iter().any(|list| path.starts_with(&format!("/stripe/{list}")))
        }
        Change::Stripe(stripe) => stripe.fields.iter().any(|field| {
            // The parameter `disabled` is what the status says.
            let field = if field.field == "disabled" { "status".to_owned() } else { field.field.replace('.', "/") };
            path.ends_with(&format!("/{}/{field}", stripe.id.as_deref().unwrap_or_default()))
        }),
        Change::ClerkMetadata(user) => path.ends_with(&format!("/{}/public_metadata/{}", user.holder, user.key)),
        Change::ClerkTemplate(template) => match &template.id {
            Some(id) => path.contains(&format!("/jwt_templates/{id}/")),
            None => path.starts_with("/clerk/jwt_templates/"),
        },
        Change::WorkerSecret(secret) => {
            path.ends_with(&format!("/{}", secret.name)) || path.contains(&format!("/{}/", secret.name))
        }
        Change::EnvLine(_) | Change::Deploy(_) | Change::Code(_) | Change::Command(_) | Change::Page(_) => false,
    }
}

/// What still is wrong after the changes.
fn left(plan: &Plan, after: &Report) -> String {
    let changed: Vec<String> = plan.changes.iter().map(|planned| planned.change.object()).collect();
    let left: Vec<String> = failures(after).iter().map(preflight::run::CheckFinding::name).collect();
    let open = after.checks.iter().filter(|check| check.is_open()).map(|check| check.id.to_string());
    let left: Vec<String> = left.into_iter().chain(open).collect();
    format!("after changing {}, what is left is {}", changed.join(", "), left.join(", "))
}

fn text(results: &[(&Scenario, Healed)]) -> String {
    let mut groups: BTreeMap<&str, Tally> = BTreeMap::new();
    for (scenario, healed) in results {
        for tally in [scenario.group.as_str(), "~all"] {
            let tally = groups.entry(tally).or_default();
            tally.all += 1;
            tally.by_api += usize::from(!matches!(healed, Healed::ByHand));
            tally.healed += usize::from(matches!(healed, Healed::Yes));
        }
    }
    let mut table = Builder::default();
    table.push_record(["", "problems", "an API can fix", "healed"]);
    for (group, tally) in groups {
        let name = if group == "~all" { "**all**" } else { group };
        let numbers = [tally.all, tally.by_api, tally.healed].map(|number| number.to_string());
        table.push_record([name.to_owned()].into_iter().chain(numbers));
    }
    let mut text = format!("{}\n\n", table.build().with(Style::markdown()));
    for (scenario, healed) in results {
        if let Healed::No(why) = healed {
            let _ = writeln!(text, "- {}: {why}", scenario.name);
        }
    }
    text
}
