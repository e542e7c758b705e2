//! `preflight sandbox --score=fields`: a missing or wrong field in a provider's response is not a failure of the deployment,
//! and makes only the checks about that field unknown.

use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use indicatif::ProgressBar;
use preflight::run::{CheckReport, Report, Status};
use preflight::sandbox::{Damage, Exchange, FieldDamage, RequestKey, Tampered, Tampering};
use serde_json::Value;

use super::super::exit::CliError;
use super::super::terminal::{self, Terminal};
use super::exempt::{is_exempt, is_identity};
use super::runs::{self, Runs, in_parallel};
use super::unanswerable::lines;

/// How many checks one field may make unknown.
const MAX_UNKNOWN: usize = 3;

/// What one changed field does.
#[derive(Debug)]
struct Effect {
    key: RequestKey,
    field: FieldDamage,
    failures: Vec<String>,
    crashed: Vec<String>,
    unverified: Vec<String>,
}

/// The result of one scenario.
#[derive(Debug, Default)]
struct FieldsResult {
    changes: usize,
    runs: usize,
    effects: Vec<Effect>,
}

/// Deletes, nulls and retypes each field of each JSON response of a run, one at a time. With `sample`, in one way each.
pub async fn execute(names: &[String], sample: bool, latency: Duration, terminal: Terminal) -> Result<u8, CliError> {
    let started = Instant::now();
    let bar = super::bar(terminal);
    let healthy = ["healthy".to_owned()];
    let mut done = FieldsResult::default();
    for scenario in if names.is_empty() { &healthy[..] } else { names } {
        let more = play(scenario, sample, latency, &bar).await?;
        done.changes += more.changes;
        done.runs += more.runs;
        done.effects.extend(more.effects);
    }
    bar.finish_and_clear();
    let (text, is_ok) = summary(&done);
    terminal::print(&format!("{text}Took {:.0} s.\n", started.elapsed().as_secs_f64()))?;
    Ok(u8::from(!is_ok))
}

/// The result as text, and whether nothing is wrong.
fn summary(done: &FieldsResult) -> (String, bool) {
    let fields = |effect: &Effect| format!("{}: {} {}", effect.key, effect.field.pointer, effect.field.damage.word());
    let counted: Vec<&Effect> =
        done.effects.iter().filter(|effect| !is_exempt(&effect.key, &effect.field.pointer)).collect();
    let failures: Vec<String> = counted
        .iter()
        .filter(|effect| !effect.failures.is_empty())
        .map(|effect| format!("{}: {}", fields(effect), effect.failures.join("; ")))
        .collect();
    let crashes: Vec<String> = done
        .effects
        .iter()
        .filter(|effect| !effect.crashed.is_empty())
        .map(|effect| format!("{}: {}", fields(effect), effect.crashed.join(", ")))
        .collect();
    let mut unknown: Vec<&&Effect> = counted.iter().filter(|effect| !effect.unverified.is_empty()).collect();
    unknown.sort_by_key(|effect| effect.unverified.len());
    let median = unknown.get(unknown.len() / 2).map_or(0, |effect| effect.unverified.len());
    let most = unknown.last().map_or(0, |effect| effect.unverified.len());
    let wide: Vec<String> = unknown
        .iter()
        .rev()
        .filter(|effect| effect.unverified.len() > MAX_UNKNOWN && !is_identity(&effect.key, &effect.field.pointer))
        .map(|effect| {
            format!("{}: {} checks: {}", fields(effect), effect.unverified.len(), effect.unverified.join(", "))
        })
        .collect();
    let mut text = lines("wrong failure", &failures);
    text += &lines("crash", &crashes);
    text += &lines("too many unknown", &wide);
    let _ = writeln!(
        text,
        "{} changes in {} runs: {} wrong failures, {} crashes. {} changes make checks unknown: median {median}, at most {most}. \
         {} make more than {MAX_UNKNOWN} unknown without changing an identity.",
        done.changes,
        done.runs,
        failures.len(),
        crashes.len(),
        unknown.len(),
        wide.len(),
    );
    (text, failures.is_empty() && crashes.is_empty() && wide.is_empty())
}

async fn play(scenario: &str, sample: bool, latency: Duration, bar: &ProgressBar) -> Result<FieldsResult, CliError> {
    let all = Runs::start(scenario, latency).await?;
    let Some(first) = all.first() else { return Ok(FieldsResult::default()) };
    let baseline = Arc::new(first.run(None).await?);
    let jobs: Vec<(RequestKey, Vec<FieldDamage>)> =
        first.sandbox().exchanges().into_iter().flat_map(|exchange| groups(&exchange, sample)).collect();
    let changes = jobs.iter().map(|(_, fields)| fields.len()).sum();
    bar.inc_length(u64::try_from(changes).unwrap_or_default());
    let shown = bar.clone();
    let results = in_parallel(&all, jobs, move |runs, (key, fields)| {
        let (baseline, bar) = (Arc::clone(&baseline), shown.clone());
        async move {
            let mut done = FieldsResult::default();
            search(&runs, &baseline, &key, fields, &mut done, &bar).await?;
            Ok(done)
        }
        .boxed()
    })
    .await?;
    let mut done = FieldsResult { changes, ..FieldsResult::default() };
    for result in results {
        done.runs += result.runs;
        done.effects.extend(result.effects);
    }
    Ok(done)
}

/// Changes all of `fields` at once. If that makes a difference, tries each half.
fn search<'a>(
    runs: &'a Runs,
    baseline: &'a Report,
    key: &'a RequestKey,
    fields: Vec<FieldDamage>,
    done: &'a mut FieldsResult,
    bar: &'a ProgressBar,
) -> BoxFuture<'a, Result<(), CliError>> {
    async move {
        let with = Tampered::Fields(fields.clone());
        let report = runs.run(Some(Tampering { key: key.clone(), with })).await?;
        done.runs += 1;
        if is_same(baseline, &report) {
            bar.inc(u64::try_from(fields.len()).unwrap_or_default());
            return Ok(());
        }
        if let [field] = &fields[..] {
            done.effects.push(effect(baseline, &report, key, field));
            bar.inc(1);
            return Ok(());
        }
        let (left, right) = fields.split_at(fields.len() / 2);
        for half in [left, right] {
            search(runs, baseline, key, half.to_vec(), done, bar).await?;
        }
        Ok(())
    }
    .boxed()
}

fn effect(baseline: &Report, report: &Report, key: &RequestKey, field: &FieldDamage) -> Effect {
    let known = runs::failures(baseline);
    let described = |check: &CheckReport| {
        let why = check.reasons.first().map(|why| format!(" ({why})")).unwrap_or_default();
        format!("{}{why}", check.id)
    };
    Effect {
        key: key.clone(),
        field: field.clone(),
        failures: runs::failures(report).into_iter().filter(|failure| !known.contains(failure)).collect(),
        crashed: runs::crashed(report),
        unverified: runs::unverified(baseline, report).into_iter().map(described).collect(),
    }
}

/// Whether two runs have the same result, regardless of retries.
fn is_same(one: &Report, other: &Report) -> bool {
    let result = |report: &Report| -> Vec<(Status, Vec<String>)> {
        let status = |check: &CheckReport| if check.status == Status::Flaky { Status::Pass } else { check.status };
        let codes = |check: &CheckReport| {
            check.findings.iter().map(|found| format!("{}: {}", found.subject, found.finding.code.name())).collect()
        };
        report.checks.iter().map(|check| (status(check), codes(check))).collect()
    };
    result(one) == result(other)
}

/// The changes to a response's fields, in groups in which no field contains another.
fn groups(exchange: &Exchange, sample: bool) -> Vec<(RequestKey, Vec<FieldDamage>)> {
    let is_success = (200..300).contains(&exchange.status);
    let Some(json) = exchange.json.as_ref().filter(|_| is_success && exchange.key.provider != "frontend") else {
        return Vec::new();
    };
    let mut fields = Vec::new();
    collect(json, "", 0, &mut fields);
    let deepest = fields.iter().map(|(_, depth, _)| *depth).max().unwrap_or(0);
    let damages = |index: usize| Damage::ALL.into_iter().enumerate().filter(move |(n, _)| !sample || index % 3 == *n);
    let mut groups = Vec::new();
    for depth in 1..=deepest {
        let of_depth = || fields.iter().enumerate().filter(|(_, (_, of, _))| *of == depth);
        // A sample is one group with one change for each field. Otherwise there is one group for each change.
        let kinds: Vec<Option<Damage>> = if sample { vec![None] } else { Damage::ALL.into_iter().map(Some).collect() };
        for kind in kinds {
            let group: Vec<FieldDamage> = of_depth()
                .flat_map(|(index, (pointer, _, is_null))| {
                    let wanted = damages(index).map(|(_, damage)| damage);
                    let wanted = wanted.filter(|damage| kind.is_none_or(|kind| kind == *damage));
                    wanted
                        .filter(|damage| matters(pointer, *is_null, *damage))
                        .map(|damage| FieldDamage { pointer: pointer.clone(), damage })
                })
                .collect();
            if !group.is_empty() {
                groups.push((exchange.key.clone(), group));
            }
        }
    }
    groups
}

/// Whether the change makes the response one that its provider would not send.
fn matters(pointer: &str, is_null: bool, damage: Damage) -> bool {
    let is_item = pointer.rsplit('/').next().is_some_and(|step| step.parse::<usize>().is_ok());
    match damage {
        // A shorter list is a valid response.
        Damage::Delete => !is_item,
        Damage::Null => !is_null,
        Damage::Retype => true,
    }
}

/// Every field inside a value: its pointer, its depth, and whether it is already null. The first and the last item represent a
/// list.
fn collect(value: &Value, pointer: &str, depth: usize, fields: &mut Vec<(String, usize, bool)>) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.replace('~', "~0").replace('/', "~1"), value)).collect()
        }
        Value::Array(items) => {
            let last = items.len().saturating_sub(1);
            let ends = items.iter().enumerate().filter(|(index, _)| *index == 0 || *index == last);
            ends.map(|(index, value)| (index.to_string(), value)).collect()
        }
        _ => Vec::new(),
    };
    if depth > 0 {
        fields.push((pointer.to_owned(), depth, value.is_null()));
    }
    for (name, value) in inner {
        collect(value, &format!("{pointer}/{name}"), depth + 1, fields);
    }
}
