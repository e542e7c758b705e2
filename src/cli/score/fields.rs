//! `preflight sandbox --score=fields`: a field of an answer that is missing or wrong is no failure of the deployment,
//! and blinds no more than what is about it.

use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use indicatif::ProgressBar;
use preflight::run::{CheckReport, Report, Status};
use preflight::sandbox::{Change, Exchange, FieldChange, RequestKey, Tampered, Tampering};
use serde_json::Value;

use super::super::exit::Failure;
use super::super::terminal::{self, Terminal};
use super::exempt::{is_exempt, is_identity};
use super::runs::{self, Runs, spread};
use super::unanswerable::lines;

/// More checks than this no field may blind.
const AT_MOST: usize = 3;

/// What one changed field does.
#[derive(Debug)]
struct Effect {
    key: RequestKey,
    field: FieldChange,
    failures: Vec<String>,
    broken_down: Vec<String>,
    blinded: Vec<String>,
}

/// What came of one world.
#[derive(Debug, Default)]
struct Done {
    mutations: usize,
    runs: usize,
    effects: Vec<Effect>,
}

/// Deletes, nulls and retypes each field of each JSON answer of a run in turn; with `sample` in one way each.
pub async fn execute(names: &[String], sample: bool, latency: Duration, terminal: Terminal) -> Result<u8, Failure> {
    let started = Instant::now();
    let bar = super::bar(terminal);
    let healthy = ["healthy".to_owned()];
    let mut done = Done::default();
    for scenario in if names.is_empty() { &healthy[..] } else { names } {
        let more = world(scenario, sample, latency, &bar).await?;
        done.mutations += more.mutations;
        done.runs += more.runs;
        done.effects.extend(more.effects);
    }
    bar.finish_and_clear();
    let (text, is_well) = judged(&done);
    terminal::print(&format!("{text}It took {:.0} s.\n", started.elapsed().as_secs_f64()))?;
    Ok(u8::from(!is_well))
}

/// The result in words, and whether it is as it should be.
fn judged(done: &Done) -> (String, bool) {
    let fields = |effect: &Effect| format!("{}: {} {}", effect.key, effect.field.pointer, effect.field.change.word());
    let counted: Vec<&Effect> =
        done.effects.iter().filter(|effect| !is_exempt(&effect.key, &effect.field.pointer)).collect();
    let failures: Vec<String> = counted
        .iter()
        .filter(|effect| !effect.failures.is_empty())
        .map(|effect| format!("{}: {}", fields(effect), effect.failures.join("; ")))
        .collect();
    let panics: Vec<String> = done
        .effects
        .iter()
        .filter(|effect| !effect.broken_down.is_empty())
        .map(|effect| format!("{}: {}", fields(effect), effect.broken_down.join(", ")))
        .collect();
    let mut blind: Vec<&&Effect> = counted.iter().filter(|effect| !effect.blinded.is_empty()).collect();
    blind.sort_by_key(|effect| effect.blinded.len());
    let median = blind.get(blind.len() / 2).map_or(0, |effect| effect.blinded.len());
    let most = blind.last().map_or(0, |effect| effect.blinded.len());
    let wide: Vec<String> = blind
        .iter()
        .rev()
        .filter(|effect| effect.blinded.len() > AT_MOST && !is_identity(&effect.key, &effect.field.pointer))
        .map(|effect| format!("{}: {} checks: {}", fields(effect), effect.blinded.len(), effect.blinded.join(", ")))
        .collect();
    let mut text = lines("wrong failure", failures.iter().cloned());
    text += &lines("broke down", panics.iter().cloned());
    text += &lines("blinds", wide.iter().cloned());
    let _ = writeln!(
        text,
        "{} mutations in {} runs: {} wrong failures, {} panics. {} mutations blind a check: median {median}, at most \
         {most}, {} of them more than {AT_MOST} without being an identity.",
        done.mutations,
        done.runs,
        failures.len(),
        panics.len(),
        blind.len(),
        wide.len(),
    );
    (text, failures.is_empty() && panics.is_empty() && wide.is_empty())
}

async fn world(scenario: &str, sample: bool, latency: Duration, bar: &ProgressBar) -> Result<Done, Failure> {
    let all = Runs::start(scenario, latency).await?;
    let Some(first) = all.first() else { return Ok(Done::default()) };
    let baseline = Arc::new(first.run(None).await?);
    let jobs: Vec<(RequestKey, Vec<FieldChange>)> =
        first.sandbox().exchanges().into_iter().flat_map(|exchange| groups(&exchange, sample)).collect();
    let mutations = jobs.iter().map(|(_, fields)| fields.len()).sum();
    bar.inc_length(u64::try_from(mutations).unwrap_or_default());
    let shown = bar.clone();
    let results = spread(&all, jobs, move |runs, (key, fields)| {
        let (baseline, bar) = (Arc::clone(&baseline), shown.clone());
        async move {
            let mut done = Done::default();
            search(&runs, &baseline, &key, fields, &mut done, &bar).await?;
            Ok(done)
        }
        .boxed()
    })
    .await?;
    let mut done = Done { mutations, ..Done::default() };
    for result in results {
        done.runs += result.runs;
        done.effects.extend(result.effects);
    }
    Ok(done)
}

/// Changes all of `fields` at once. Where that makes no difference none of them does alone; else each half is tried.
fn search<'a>(
    runs: &'a Runs,
    baseline: &'a Report,
    key: &'a RequestKey,
    fields: Vec<FieldChange>,
    done: &'a mut Done,
    bar: &'a ProgressBar,
) -> BoxFuture<'a, Result<(), Failure>> {
    async move {
        let with = Tampered::Fields(fields.clone());
        let report = runs.run(Some(Tampering { key: key.clone(), with })).await?;
        done.runs += 1;
        if is_like(baseline, &report) {
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

fn effect(baseline: &Report, report: &Report, key: &RequestKey, field: &FieldChange) -> Effect {
    let known = runs::failures(baseline);
    let said = |check: &CheckReport| {
        let why = check.reasons.first().map(|why| format!(" ({why})")).unwrap_or_default();
        format!("{}{why}", check.id)
    };
    Effect {
        key: key.clone(),
        field: field.clone(),
        failures: runs::failures(report).into_iter().filter(|failure| !known.contains(failure)).collect(),
        broken_down: runs::broken_down(report),
        blinded: runs::blinded(baseline, report).into_iter().map(said).collect(),
    }
}

/// Whether two runs say the same, whatever had to be asked again.
fn is_like(one: &Report, other: &Report) -> bool {
    let said = |report: &Report| -> Vec<(Status, Vec<String>)> {
        let status = |check: &CheckReport| if check.status == Status::Flaky { Status::Pass } else { check.status };
        let codes = |check: &CheckReport| {
            check.findings.iter().map(|found| format!("{}: {}", found.subject, found.finding.code.name())).collect()
        };
        report.checks.iter().map(|check| (status(check), codes(check))).collect()
    };
    said(one) == said(other)
}

/// The changes to an answer's fields, in groups of which none is within another.
fn groups(exchange: &Exchange, sample: bool) -> Vec<(RequestKey, Vec<FieldChange>)> {
    let is_success = (200..300).contains(&exchange.status);
    let Some(json) = exchange.json.as_ref().filter(|_| is_success && exchange.key.provider != "frontend") else {
        return Vec::new();
    };
    let mut fields = Vec::new();
    collect(json, "", 0, &mut fields);
    let deepest = fields.iter().map(|(_, depth, _)| *depth).max().unwrap_or(0);
    let changes = |index: usize| Change::ALL.into_iter().enumerate().filter(move |(n, _)| !sample || index % 3 == *n);
    let mut groups = Vec::new();
    for depth in 1..=deepest {
        let of_depth = || fields.iter().enumerate().filter(|(_, (_, of, _))| *of == depth);
        // A sample is one group, in which each field has a change of its own; else there is one group for each change.
        let kinds: Vec<Option<Change>> = if sample { vec![None] } else { Change::ALL.into_iter().map(Some).collect() };
        for kind in kinds {
            let group: Vec<FieldChange> = of_depth()
                .flat_map(|(index, (pointer, _, is_null))| {
                    let wanted = changes(index).map(|(_, change)| change);
                    let wanted = wanted.filter(|change| kind.is_none_or(|kind| kind == *change));
                    wanted
                        .filter(|change| matters(pointer, *is_null, *change))
                        .map(|change| FieldChange { pointer: pointer.clone(), change })
                })
                .collect();
            if !group.is_empty() {
                groups.push((exchange.key.clone(), group));
            }
        }
    }
    groups
}

/// Whether the change makes the answer one that its provider would not give.
fn matters(pointer: &str, is_null: bool, change: Change) -> bool {
    let is_item = pointer.rsplit('/').next().is_some_and(|step| step.parse::<usize>().is_ok());
    match change {
        // A list with an item less is a sound answer.
        Change::Delete => !is_item,
        Change::Null => !is_null,
        Change::Retype => true,
    }
}

/// Every field within a value: where it is, how deep, and whether it is null already. Of a list the first item and the
/// last stand for all.
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
