//! `preflight sandbox --score=unanswerable`: no part is green that was not seen, and no provider's trouble is a failure.

use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use indicatif::ProgressBar;
use preflight::run::{CheckReport, Decision, Report};
use preflight::sandbox::{self, Exchange, RequestKey, Scenario, TAMPERED, Tampered, Tampering, Unanswerable};
use preflight::world::Logged;

use super::super::exit::Failure;
use super::super::terminal::{self, Terminal};
use super::runs::{self, Runs, spread};
use super::slip::is_healthy;

/// As many of a kind are shown.
const SHOWN: usize = 40;

/// Requests whose status is the whole answer: a success with another body is as good. Provider, method and path; why.
const STATUS_ALONE: [(&str, &str, &str, &str); 1] =
    [("worker", "GET", "/health", "passes with any 200, whatever the body says, as the check's documentation has it")];

/// A request whose answer, or a part of which, a check does not need: what the check passes by was seen elsewhere. The
/// check, the provider, what the method and the path begin with, the ways, and why.
const SEEN_ELSEWHERE: [(&str, &str, &str, &[Unanswerable], &str); 11] = {
    use Unanswerable::{CutOff, Defect, Empty, Html};
    const ANY: &[Unanswerable] = &[Defect, Html, Empty];
    const UNLIKE: &str = "it is compared with the handler's answer, and only one that is alike says anything; what answers \
                          every path alike accepts forged events, too, and fails for that";
    const CARRIED: &str = "the page's key and address were found in another file, and frontend/secrets warns of the one that \
                           was not read";
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
            "any answer is reached; what it says of an unsigned event is for webhook/rejects-forged",
        ),
        ("webhook/idempotent", "worker", "POST /webhook/stripe", &[Empty], "any 2xx is all that Stripe asks for"),
        ("worker/cors", "worker", "OPTIONS ", &[Empty], "the headers are the answer: without one no origin is allowed"),
        ("worker/cors", "worker", "GET /api/tiers", &[CutOff], "its headers alone are looked at"),
        (
            "clerk/domain",
            "clerk_frontend",
            "GET /v1/environment",
            &[Html, Empty, CutOff],
            "the question is whether TLS can be agreed on; what is answered over it is for clerk/instance",
        ),
        ("frontend/keys", "frontend", "GET /assets/", &[Defect, Html, Empty, CutOff], CARRIED),
        ("frontend/api", "frontend", "GET /assets/", &[Defect, Html, Empty, CutOff], CARRIED),
    ]
};

/// Where a page is an answer like any other: a site answers with one.
const PAGES: [(&str, &str); 2] = [
    ("/", "a page without a script has no secret; that it has no key either is for frontend/keys"),
    ("/assets/index-DkT4cmeQ.js.map", "a site answers so for a map that was not deployed"),
];

/// What is wrong with a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// A part is green that was not seen.
    Green(String),
    /// A provider's trouble is a failure of the deployment.
    Failure(String),
}

/// Makes each request of a run unanswerable in turn, in each way; with `sample` in one way each. Without names this is
/// done in the healthy world and in every world in which there is something to warn of.
pub async fn execute(names: &[String], sample: bool, latency: Duration, terminal: Terminal) -> Result<u8, Failure> {
    let started = Instant::now();
    let bar = super::bar(terminal);
    let (mut played, mut runs, mut missed, mut wrong) = (0, 0, Vec::new(), Vec::new());
    for scenario in chosen(names) {
        let done = world(&scenario, sample, latency, &bar).await?;
        played += 1;
        runs += done.runs;
        missed.extend(done.missed.into_iter().map(|what| format!("{scenario}: {what}")));
        wrong.extend(done.wrong.into_iter().map(|(what, wrong)| (format!("{scenario}: {what}"), wrong)));
    }
    bar.finish_and_clear();
    let mut text = lines(
        "wrong green",
        wrong.iter().filter_map(|(what, wrong)| match wrong {
            Wrong::Green(words) => Some(format!("{what}: {words}")),
            Wrong::Failure(_) => None,
        }),
    );
    text += &lines(
        "wrong failure",
        wrong.iter().filter_map(|(what, wrong)| match wrong {
            Wrong::Failure(words) => Some(format!("{what}: {words}")),
            Wrong::Green(_) => None,
        }),
    );
    let unmade = missed.len();
    text += &lines("not made", missed.iter().cloned());
    let greens = wrong.iter().filter(|(_, wrong)| matches!(wrong, Wrong::Green(_))).count();
    let failures = wrong.len() - greens;
    let _ = writeln!(
        text,
        "{played} worlds, {runs} runs, {greens} wrong greens, {failures} wrong failures; \
         in {unmade} runs the request was not made."
    );
    let _ = writeln!(text, "It took {:.0} s.", started.elapsed().as_secs_f64());
    terminal::print(&text)?;
    Ok(u8::from(!wrong.is_empty() || !missed.is_empty()))
}

/// The first lines of a kind, and how many there are besides.
pub fn lines(kind: &str, all: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    let mut more = 0;
    for (index, words) in all.enumerate() {
        if index < SHOWN {
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

/// The worlds in which nothing fails.
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

/// What came of one world.
struct Done {
    runs: usize,
    missed: Vec<String>,
    wrong: Vec<(String, Wrong)>,
}

async fn world(scenario: &str, sample: bool, latency: Duration, bar: &ProgressBar) -> Result<Done, Failure> {
    let all = Runs::start(scenario, latency).await?;
    let Some(first) = all.first() else { return Ok(Done { runs: 0, missed: Vec::new(), wrong: Vec::new() }) };
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
    let results = spread(&all, jobs, move |runs, (exchange, way)| {
        let (baseline, bar) = (Arc::clone(&judged), shown.clone());
        async move {
            let with = Tampered::Unanswerable(way);
            let report = runs.run(Some(Tampering { key: exchange.key.clone(), with })).await?;
            bar.inc(1);
            let what = format!("{}: {}", exchange.key, way.word());
            Ok((what, runs::met(&report), judge(&baseline, &report, &exchange.key, way)))
        }
        .boxed()
    })
    .await?;
    let runs = results.len();
    let missed = results.iter().filter(|(_, met, _)| !met).map(|(what, ..)| what.clone()).collect();
    let wrong = results
        .into_iter()
        .flat_map(|(what, _, wrong)| wrong.into_iter().map(move |wrong| (what.clone(), wrong)))
        .collect();
    Ok(Done { runs, missed, wrong })
}

/// Whether the answer is another one when it is tampered with in this way.
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

/// What is wrong with a run in which the request `key` was unanswerable.
pub fn judge(baseline: &Report, report: &Report, key: &RequestKey, way: Unanswerable) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let asked: Vec<&CheckReport> = report.checks.iter().filter(|check| asked_tampered(check, report)).collect();
    // What could not be ended is said, and nothing else depends on an end.
    let is_said = |check: &CheckReport| warns_more(baseline, check) || report.left_open.is_some();
    let green = asked.iter().filter(|check| check.status.is_verified() && !is_said(check));
    let green = green.filter(|check| !is_seen_elsewhere(check, key, way));
    wrong.extend(green.map(|check| Wrong::Green(format!("{} is {}", check.id, said(check)))));
    // What no check asks, a run asks to end what it began.
    if asked.is_empty() && went_unnoticed(baseline, report) {
        let verdict = if report.decision == Decision::Go { "GO" } else { "not GO, but" };
        wrong.push(Wrong::Green(format!("{verdict} and no check says anything of it")));
    }
    let is_judged = matches!(key.provider, "worker" | "frontend" | "clerk_frontend");
    let known = runs::failures(baseline);
    let new = runs::failures(report).into_iter().filter(|failure| !is_judged && !known.contains(failure));
    wrong.extend(new.map(Wrong::Failure));
    wrong.extend(runs::broken_down(report).into_iter().map(|id| Wrong::Failure(format!("{id} broke down"))));
    wrong
}

/// Whether a check warns of more than it did.
fn warns_more(baseline: &Report, check: &CheckReport) -> bool {
    let before = baseline.checks.iter().find(|before| before.id == check.id);
    before.is_some_and(|before| check.findings.len() > before.findings.len())
}

/// Whether what a check passes by was seen elsewhere.
fn is_seen_elsewhere(check: &CheckReport, key: &RequestKey, way: Unanswerable) -> bool {
    let request = format!("{} {}", key.method, key.target);
    let is_listed = SEEN_ELSEWHERE.iter().any(|(id, provider, start, ways, _)| {
        check.id.as_str() == *id && key.provider == *provider && request.starts_with(start) && ways.contains(&way)
    });
    let is_page =
        way == Unanswerable::Html && key.provider == "frontend" && PAGES.iter().any(|(path, _)| key.target == *path);
    is_listed || is_page
}

/// Whether `check` asked the request that was tampered with.
fn asked_tampered(check: &CheckReport, report: &Report) -> bool {
    let is_tampered = |request: &Logged| request.request_id.as_deref() == Some(TAMPERED) || request.trouble.is_some();
    check.asked.iter().filter_map(|place| report.requests.get(*place)).any(is_tampered)
}

/// Whether a request without an answer made no difference to anything that the report says.
fn went_unnoticed(baseline: &Report, report: &Report) -> bool {
    let changed = baseline.checks.iter().zip(&report.checks).any(|(before, after)| {
        let verified = before.status.is_verified();
        // An answer that differs in kind may be something to warn of, or something that does not apply.
        (verified && !after.status.is_verified()) || after.findings.len() > before.findings.len()
    });
    // What could not be ended is said, too.
    !changed && report.left_open.is_none()
}

fn said(check: &CheckReport) -> String {
    let words = check.seen.iter().chain(&check.reasons).next().map(|words| format!(": {words}")).unwrap_or_default();
    format!("{}{words}", check.status.word())
}
