//! `preflight sandbox --score=unanswerable`: no check passes without the responses it needs, and a provider's outage is not a
//! failure of the deployment.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use indicatif::ProgressBar;
use preflight::finding::Severity;
use preflight::run::{CheckReport, Decision, Report, Reported};
use preflight::sandbox::{self, Exchange, RequestKey, Scenario, TAMPERED, Tampered, Tampering, Unanswerable};
use preflight::world::LoggedRequest;

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
const SEEN_ELSEWHERE: [(&str, &str, &str, &[Unanswerable], &str); 14] = {
    use Unanswerable::{CutOff, Defect, Empty, Html};
    const ANY: &[Unanswerable] = &[Defect, Html, Empty];
    const UNLIKE: &str = "it is only compared with the handler's response; a Worker that answers every path alike also \
                          accepts forged events, and fails for that";
    const FORGED: &str = "a forged event that is answered unlike a signed one shows that the Worker has the secret; what \
                          it is answered is for webhook/rejects-forged";
    const CARRIED: &str = "the page's key and address were found in another file, and frontend/secrets warns about the unread \
                           one";
    const OF_PAGE: &str = "the policy comes with the page; scripts only tell whether the page calls the Worker, and if none of \
                           those that were read does, the check is unknown";
    [
        ("webhook/accepts-signed", "worker", "POST /webhook/stripe-", ANY, UNLIKE),
        ("webhook/rejects-forged", "worker", "POST /webhook/stripe-", ANY, UNLIKE),
        ("webhook/raw-body", "worker", "POST /webhook/stripe-", ANY, UNLIKE),
        ("webhook/idempotent", "worker", "POST /webhook/stripe-", ANY, UNLIKE),
        ("webhook/accepts-signed", "worker", "POST /webhook/stripe (wrong, with a signature)", ANY, FORGED),
        ("webhook/raw-body", "worker", "POST /webhook/stripe (wrong, with a signature)", ANY, FORGED),
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
        ("frontend/policy", "frontend", "GET /assets/", &[Defect, Html, Empty, CutOff], OF_PAGE),
    ]
};

/// Findings that already say that a response was not seen: check, code, and what the request begins with.
const SAID: [(&str, &str, &str); 1] = [("frontend/secrets", "not-all-read", "GET /assets/")];

/// Requests that a website may answer with a page.
const PAGES: [(&str, &str); 2] = [
    ("/", "a page without scripts has no secrets, and frontend/keys reports that it has no key"),
    ("/assets/index-DkT4cmeQ.js.map", "a website answers with a page if the source map was not deployed"),
];

/// The result of one or more runs.
#[derive(Debug, Default)]
struct UnanswerableResult {
    runs: usize,
    /// Runs that did not make the request.
    missed: Vec<String>,
    /// Checks that passed without the response.
    passes: Vec<String>,
    /// A provider's outage that was reported as a failure of the deployment.
    failures: Vec<String>,
}

impl UnanswerableResult {
    /// Adds another result, with `what` before each of its lines.
    fn add(&mut self, what: &str, other: Self) {
        let named = |lines: Vec<String>| lines.into_iter().map(move |line| format!("{what}: {line}"));
        self.runs += other.runs;
        self.missed.extend(named(other.missed));
        self.passes.extend(named(other.passes));
        self.failures.extend(named(other.failures));
    }

    /// The result of one scenario: what several requests have in common is one line.
    fn of(runs: Vec<(String, Self)>) -> Self {
        let mut all = Self::default();
        let (mut passes, mut failures) = (BTreeMap::new(), BTreeMap::new());
        for (request, result) in runs {
            all.runs += result.runs;
            all.missed.extend(result.missed.into_iter().map(|line| format!("{request}: {line}")));
            for (lines, groups) in [(result.passes, &mut passes), (result.failures, &mut failures)] {
                for line in lines {
                    groups.entry(line).or_insert_with(Vec::new).push(request.clone());
                }
            }
        }
        let joined = |(line, requests): (String, Vec<String>)| format!("{line}, without {}", requests.join("; "));
        all.passes = passes.into_iter().map(joined).collect();
        all.failures = failures.into_iter().map(joined).collect();
        all
    }
}

/// Makes each request of a run unanswerable, one at a time, in each way; with `sample`, in one way each. Without names, in the
/// healthy scenario and in every scenario that only has warnings.
pub async fn execute(names: &[String], sample: bool, latency: Duration, terminal: Terminal) -> Result<u8, CliError> {
    let started = Instant::now();
    let bar = super::bar(terminal);
    let scenarios = chosen(names);
    let mut all = UnanswerableResult::default();
    for scenario in &scenarios {
        all.add(scenario, play(scenario, sample, latency, &bar).await?);
    }
    bar.finish_and_clear();
    let UnanswerableResult { runs, missed, passes, failures } = all;
    let mut text = lines("wrong pass", &passes) + &lines("wrong failure", &failures) + &lines("missed", &missed);
    let _ = writeln!(
        text,
        "{} scenarios, {runs} runs: {} wrong passes, {} wrong failures. In {} runs the request was not made.",
        scenarios.len(),
        passes.len(),
        failures.len(),
        missed.len()
    );
    let _ = writeln!(text, "Took {:.0} s.", started.elapsed().as_secs_f64());
    terminal::print(&text)?;
    Ok(u8::from(!(passes.is_empty() && failures.is_empty() && missed.is_empty())))
}

/// The first lines of a kind, and how many more there are.
pub fn lines(kind: &str, all: &[String]) -> String {
    let mut text = String::new();
    for line in all.iter().take(MAX_LINES) {
        let _ = writeln!(text, "- {kind}: {line}");
    }
    if all.len() > MAX_LINES {
        let _ = writeln!(text, "- {kind}: {} more", all.len() - MAX_LINES);
    }
    text
}

/// The scenarios in which nothing fails.
fn chosen(names: &[String]) -> Vec<String> {
    if !names.is_empty() {
        return names.to_vec();
    }
    let warns = |scenario: &&Scenario| {
        let only_warnings =
            scenario.unknown.is_empty() && scenario.finds.iter().all(|expected| expected.severity != Severity::Failure);
        scenario.name == "healthy" || (only_warnings && (!scenario.finds.is_empty() || !is_healthy(scenario)))
    };
    sandbox::scenarios().iter().filter(warns).map(|scenario| scenario.name.clone()).collect()
}

async fn play(
    scenario: &str,
    sample: bool,
    latency: Duration,
    bar: &ProgressBar,
) -> Result<UnanswerableResult, CliError> {
    let all = Runs::start(scenario, latency).await?;
    let Some(first) = all.first() else { return Ok(UnanswerableResult::default()) };
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
    let (reference, progress) = (Arc::clone(&baseline), bar.clone());
    let results = in_parallel(&all, jobs, move |runs, (exchange, way)| {
        let (baseline, bar) = (Arc::clone(&reference), progress.clone());
        async move {
            let with = Tampered::Unanswerable(way);
            let report = runs.run(Some(Tampering { key: exchange.key.clone(), with })).await?;
            bar.inc(1);
            let mut result = judge(&baseline, &report, &exchange.key, way);
            if !runs::made_tampered_request(&report) {
                result.missed.push("the request was not made".to_owned());
            }
            Ok((format!("{}: {}", exchange.key, way.word()), result))
        }
        .boxed()
    })
    .await?;
    Ok(UnanswerableResult::of(results))
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
fn judge(baseline: &Report, report: &Report, key: &RequestKey, way: Unanswerable) -> UnanswerableResult {
    let asked: Vec<&CheckReport> = report.checks.iter().filter(|check| asked_tampered(check, report)).collect();
    // The report says what could not be ended, and nothing else depends on it.
    let is_reported = |check: &CheckReport| warns_more(baseline, check) || report.left_open.is_some();
    let verified = asked.iter().filter(|check| check.status.is_verified() && !is_reported(check));
    let verified = verified.filter(|check| !is_seen_elsewhere(check, key, way));
    let mut passes: Vec<String> = verified.map(|check| format!("{} is {}", check.id, described(check))).collect();
    // Requests that no check makes are made to end what the run started.
    if asked.is_empty() && went_unnoticed(baseline, report) {
        let verdict = if report.decision == Decision::Go { "GO" } else { "not GO" };
        passes.push(format!("{verdict}, and the report does not mention it"));
    }
    let is_deployment = matches!(key.provider, "worker" | "frontend" | "clerk_frontend");
    let known = runs::failures(baseline);
    let new = runs::failures(report).into_iter().filter(|failure| !is_deployment && !known.contains(failure));
    let failures = new.chain(runs::crashed(report).into_iter().map(|id| format!("{id} crashed"))).collect();
    UnanswerableResult { runs: 1, missed: Vec::new(), passes, failures }
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
    let request = format!("{} {} ({})", key.method, key.target, key.detail);
    let is_listed = SEEN_ELSEWHERE.iter().any(|(id, provider, start, ways, _)| {
        check.id.as_str() == *id && key.provider == *provider && request.starts_with(start) && ways.contains(&way)
    });
    let is_page =
        way == Unanswerable::Html && key.provider == "frontend" && PAGES.iter().any(|(path, _)| key.target == *path);
    let is_said = SAID.iter().any(|(id, code, start)| {
        let says = |found: &Reported| found.finding.code.name() == *code;
        check.id.as_str() == *id && request.starts_with(start) && check.findings.iter().any(says)
    });
    is_listed || is_page || is_said
}

/// Whether `check` made the request that was tampered with.
fn asked_tampered(check: &CheckReport, report: &Report) -> bool {
    let is_tampered =
        |request: &LoggedRequest| request.request_id.as_deref() == Some(TAMPERED) || request.trouble.is_some();
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
