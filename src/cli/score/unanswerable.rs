//! `preflight sandbox --score=unanswerable`: no check passes without the responses it needs, and a provider's outage is not a
//! failure of the deployment.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use indicatif::ProgressBar;
use preflight::run::{CheckReport, Decision, Report, Reported};
use preflight::sandbox::{self, Exchange, RequestKey, Scenario, TAMPERED, Tampered, Tampering, Unanswerable};
use preflight::world::Logged;

use super::super::exit::CliError;
use super::super::terminal::{self, Terminal};
use super::discrepancy::is_healthy;
use super::runs::{self, Runs, in_parallel};

/// How many lines of a kind to print.
const MAX_LINES: usize = 40;

/// Requests for which only the status matters: provider, method and path, and why.
const STATUS_ALONE: [(&str, &str, &str, &str); 1] =
    [("worker", "GET", "/health", "any 200 passes, as the check's documentation says")];

/// Requests that a check makes but does not need in order to pass: check, provider, prefix of method and path, the ways, and
/// why.
const SEEN_ELSEWHERE: [(&str, &str, &str, &[Unanswerable], &str); 11] = {
    use Unanswerable::{CutOff, Defect, Empty, Html};
    const ANY: &[Unanswerable] = &[Defect, Html, Empty];
    const UNLIKE: &str = "it is only compared with the handler's response; a Worker that answers every path alike also \
                          accepts forged events, and fails for that";
    const CARRIED: &str = "the page's key and address were found in another file, and frontend/secrets warns about the unread \
                           one";
    [
        ("webhook/accepts-signed", "worker", "POST /webhook/stripe-", ANY, UNLIKE),
        ("webhook/rejects-forged", "worker", "POST /webhook/stripe-", ANY, UNLIKE),
        ("webhook/raw-body", "worker", "POST /webhook/stripe-", ANY, UNLIKE),
        ("webhook/idempotent", "worker", "POST /webhook/stripe-", ANY, UNLIKE),
        (
            "webhook/reachable",
            "worker",
            "POST /webhook/stripe",
            ANY,
            "any response proves that it is reachable; webhook/rejects-forged checks what it says",
        ),
        ("webhook/idempotent", "worker", "POST /webhook/stripe", &[Empty], "Stripe accepts any 2xx"),
        ("worker/cors", "worker", "OPTIONS ", &[Empty], "only the headers matter: without them no origin is allowed"),
        ("worker/cors", "worker", "GET /api/tiers", &[CutOff], "only its headers matter"),
        (
            "clerk/domain",
            "clerk_frontend",
            "GET /v1/environment",
            &[Html, Empty, CutOff],
            "it checks the TLS connection; clerk/instance checks the response",
        ),
        ("frontend/keys", "frontend", "GET /assets/", &[Defect, Html, Empty, CutOff], CARRIED),
        ("frontend/api", "frontend", "GET /assets/", &[Defect, Html, Empty, CutOff], CARRIED),
    ]
};

/// Requests that a website may answer with a page.
const PAGES: [(&str, &str); 2] = [
    ("/", "a page without scripts has no secrets, and frontend/keys reports that it has no key"),
    ("/assets/index-DkT4cmeQ.js.map", "a website answers with a page if the source map was not deployed"),
];

/// What is wrong with a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WrongResult {
    /// A check passes without having seen the response.
    Pass(String),
    /// A provider's outage is reported as a failure of the deployment.
    Failure(String),
}

/// Makes each request of a run unanswerable, one at a time, in each way; with `sample`, in one way each. Without names, in the
/// healthy scenario and in every scenario that only has warnings.
pub async fn execute(names: &[String], sample: bool, latency: Duration, terminal: Terminal) -> Result<u8, CliError> {
    let started = Instant::now();
    let bar = super::bar(terminal);
    let (mut played, mut runs, mut missed, mut wrong) = (0, 0, Vec::new(), Vec::new());
    for scenario in chosen(names) {
        let done = play(&scenario, sample, latency, &bar).await?;
        played += 1;
        runs += done.runs;
        missed.extend(done.missed.into_iter().map(|what| format!("{scenario}: {what}")));
        wrong.extend(done.wrong.into_iter().map(|(what, wrong)| (scenario.clone(), what, wrong)));
    }
    bar.finish_and_clear();
    let mut text = lines(
        "wrong pass",
        grouped(&wrong, |wrong| match wrong {
            WrongResult::Pass(words) => Some(words),
            WrongResult::Failure(_) => None,
        }),
    );
    text += &lines(
        "wrong failure",
        grouped(&wrong, |wrong| match wrong {
            WrongResult::Failure(words) => Some(words),
            WrongResult::Pass(_) => None,
        }),
    );
    let unmade = missed.len();
    text += &lines("request not made", missed.iter().cloned());
    let passes = wrong.iter().filter(|(.., wrong)| matches!(wrong, WrongResult::Pass(_))).count();
    let failures = wrong.len() - passes;
    let _ = writeln!(
        text,
        "{played} scenarios, {runs} runs: {passes} wrong passes, {failures} wrong failures. In {unmade} runs the request was not \
         made."
    );
    let _ = writeln!(text, "Took {:.0} s.", started.elapsed().as_secs_f64());
    terminal::print(&text)?;
    Ok(u8::from(!wrong.is_empty() || !missed.is_empty()))
}

/// One line for each scenario and result of a kind, with the requests that were unanswerable.
fn grouped<'w>(
    wrong: &'w [(String, String, WrongResult)],
    words: impl Fn(&'w WrongResult) -> Option<&'w String>,
) -> impl Iterator<Item = String> {
    let mut groups: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for (scenario, what, result) in wrong {
        if let Some(words) = words(result) {
            groups.entry((scenario, words)).or_default().push(what);
        }
    }
    groups
        .into_iter()
        .map(|((scenario, words), requests)| format!("{scenario}: {words}, without {}", requests.join("; ")))
}

/// The first lines of a kind, and how many more there are.
pub fn lines(kind: &str, all: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    let mut more = 0;
    for (index, words) in all.enumerate() {
        if index < MAX_LINES {
            let _ = writeln!(text, "- {kind}: {words}");
        } else {
            more += 1;
        }
    }
    if more > 0 {
        let _ = writeln!(text, "- {kind}: {more} more");
    }
    text
}

/// The scenarios in which nothing fails.
fn chosen(names: &[String]) -> Vec<String> {
    if !names.is_empty() {
        return names.to_vec();
    }
    let warns = |scenario: &&Scenario| {
        let only_warnings = scenario.unknown.is_empty() && scenario.finds.iter().all(|expected| expected.warning);
        scenario.name == "healthy" || (only_warnings && (!scenario.finds.is_empty() || !is_healthy(scenario)))
    };
    sandbox::scenarios().iter().filter(warns).map(|scenario| scenario.name.clone()).collect()
}

/// The result of one scenario.
struct UnanswerableResult {
    runs: usize,
    missed: Vec<String>,
    wrong: Vec<(String, WrongResult)>,
}

async fn play(
    scenario: &str,
    sample: bool,
    latency: Duration,
    bar: &ProgressBar,
) -> Result<UnanswerableResult, CliError> {
    let all = Runs::start(scenario, latency).await?;
    let Some(first) = all.first() else {
        return Ok(UnanswerableResult { runs: 0, missed: Vec::new(), wrong: Vec::new() });
    };
    let baseline = Arc::new(first.run(None).await?);
    let exchanges = first.sandbox().exchanges();
    let jobs: Vec<(Exchange, Unanswerable)> = exchanges
        .into_iter()
        .enumerate()
        .flat_map(|(index, exchange)| {
            let ways = Unanswerable::ALL.into_iter().enumerate();
            let ways = ways.filter(move |(way, _)| !sample || index % Unanswerable::ALL.len() == *way);
            ways.map(move |(_, way)| (exchange.clone(), way))
        })
        .filter(|(exchange, way)| differs(exchange, *way))
        .collect();
    bar.inc_length(u64::try_from(jobs.len()).unwrap_or_default());
    let (judged, shown) = (Arc::clone(&baseline), bar.clone());
    let results = in_parallel(&all, jobs, move |runs, (exchange, way)| {
        let (baseline, bar) = (Arc::clone(&judged), shown.clone());
        async move {
            let with = Tampered::Unanswerable(way);
            let report = runs.run(Some(Tampering { key: exchange.key.clone(), with })).await?;
            bar.inc(1);
            let what = format!("{}: {}", exchange.key, way.word());
            Ok((what, runs::made_tampered_request(&report), judge(&baseline, &report, &exchange.key, way)))
        }
        .boxed()
    })
    .await?;
    let runs = results.len();
    let missed = results.iter().filter(|(_, made, _)| !made).map(|(what, ..)| what.clone()).collect();
    let wrong = results
        .into_iter()
        .flat_map(|(what, _, wrong)| wrong.into_iter().map(move |wrong| (what.clone(), wrong)))
        .collect();
    Ok(UnanswerableResult { runs, missed, wrong })
}

/// Whether tampering in this way changes the response.
fn differs(exchange: &Exchange, way: Unanswerable) -> bool {
    let Exchange { key, status, is_empty, .. } = exchange;
    let status_alone = STATUS_ALONE
        .iter()
        .any(|(provider, method, path, _)| (key.provider, &*key.method, &*key.target) == (provider, method, path));
    match way {
        Unanswerable::Refused | Unanswerable::Defect | Unanswerable::TooMany => true,
        Unanswerable::Html => !(status_alone && *status == 200),
        Unanswerable::Empty => !(*status == 200 && (*is_empty || status_alone)),
        Unanswerable::CutOff => !(*is_empty || status_alone),
    }
}

/// What is wrong with a run in which the request `key` got no answer.
pub fn judge(baseline: &Report, report: &Report, key: &RequestKey, way: Unanswerable) -> Vec<WrongResult> {
    let mut wrong = Vec::new();
    let asked: Vec<&CheckReport> = report.checks.iter().filter(|check| asked_tampered(check, report)).collect();
    // The report says what could not be ended, and nothing else depends on it.
    let is_reported = |check: &CheckReport| warns_more(baseline, check) || report.left_open.is_some();
    let passed = asked.iter().filter(|check| check.status.is_verified() && !is_reported(check));
    let passed = passed.filter(|check| !is_seen_elsewhere(check, key, way));
    wrong.extend(passed.map(|check| WrongResult::Pass(format!("{} is {}", check.id, described(check)))));
    // Requests that no check makes are made to end what the run started.
    if asked.is_empty() && went_unnoticed(baseline, report) {
        let verdict = if report.decision == Decision::Go { "GO" } else { "not GO" };
        wrong.push(WrongResult::Pass(format!("{verdict}, and the report does not mention it")));
    }
    let is_judged = matches!(key.provider, "worker" | "frontend" | "clerk_frontend");
    let known = runs::failures(baseline);
    let new = runs::failures(report).into_iter().filter(|failure| !is_judged && !known.contains(failure));
    wrong.extend(new.map(WrongResult::Failure));
    wrong.extend(runs::crashed(report).into_iter().map(|id| WrongResult::Failure(format!("{id} crashed"))));
    wrong
}

/// Whether a check has more findings than before.
fn warns_more(baseline: &Report, check: &CheckReport) -> bool {
    let before = baseline.checks.iter().find(|before| before.id == check.id);
    let warned = |found: &Reported| {
        before.is_some_and(|before| before.findings.iter().any(|known| known.finding.message == found.finding.message))
    };
    before.is_some() && check.findings.iter().any(|found| !warned(found))
}

/// Whether the check does not need this response to pass.
fn is_seen_elsewhere(check: &CheckReport, key: &RequestKey, way: Unanswerable) -> bool {
    let request = format!("{} {}", key.method, key.target);
    let is_listed = SEEN_ELSEWHERE.iter().any(|(id, provider, start, ways, _)| {
        check.id.as_str() == *id && key.provider == *provider && request.starts_with(start) && ways.contains(&way)
    });
    let is_page =
        way == Unanswerable::Html && key.provider == "frontend" && PAGES.iter().any(|(path, _)| key.target == *path);
    is_listed || is_page
}

/// Whether `check` made the request that was tampered with.
fn asked_tampered(check: &CheckReport, report: &Report) -> bool {
    let is_tampered = |request: &Logged| request.request_id.as_deref() == Some(TAMPERED) || request.trouble.is_some();
    check.asked.iter().filter_map(|place| report.requests.get(*place)).any(is_tampered)
}

/// Whether a request without an answer changed nothing in the report.
fn went_unnoticed(baseline: &Report, report: &Report) -> bool {
    let changed = baseline.checks.iter().zip(&report.checks).any(|(before, after)| {
        let verified = before.status.is_verified();
        // A different response may cause a warning, or make a check not applicable.
        (verified && !after.status.is_verified()) || after.findings.len() > before.findings.len()
    });
    // The report says what could not be ended.
    !changed && report.left_open.is_none()
}

fn described(check: &CheckReport) -> String {
    let words = check.seen.iter().chain(&check.reasons).next().map(|words| format!(": {words}")).unwrap_or_default();
    format!("{}{words}", check.status.word())
}
