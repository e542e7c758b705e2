//! `cargo bench`: compares a run's time with its longest chain of dependent requests, looks for repeated GETs, and measures
//! the start-up time and the memory of a run. Times are judged only as a ratio within one run.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a benchmark fails if its setup does, and prints for people"
)]

mod accounts;
mod chain;
mod oversized;
mod processor;
mod program;

use std::future::pending;
use std::time::{Duration, Instant};

use preflight::run::{Report, Selection, run};
use preflight::sandbox::{self, Sandbox};
use preflight::world::{Options, World};

/// Added to every response, to simulate a round trip of this length.
const LATENCY: Duration = Duration::from_millis(100);
/// How much longer than its longest chain a run may take.
const ALLOWED: f64 = 1.25;
/// How many runs. The median counts.
const RUNS: usize = 5;

/// What to measure alone, such as with `cargo bench -- accounts`.
const ACCOUNTS: &str = "accounts";
const PROCESSOR: &str = "processor";
/// How much more processor time than a script a run may need.
const PROCESSOR_ALLOWED: f64 = 7.0;
const MANY: &str = "many";
/// How many deployments are checked at once.
const DEPLOYMENTS: usize = 50;
/// How much longer they may take than one.
const MANY_ALLOWED: f64 = 2.0;
/// The most memory for them, in MiB.
const MANY_MEMORY: u64 = 200;
/// How much faster all accounts must be compared than read page after page. Both share two cores with the sandbox here, and at
/// an account Stripe's limit of requests decides.
const FASTER: f64 = 8.0;
/// The most memory for that, in MiB.
const ACCOUNTS_MEMORY: u64 = 60;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, script, addresses @ ..] = arguments.as_slice()
        && script == processor::SCRIPT
    {
        return processor::script(addresses);
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let is_alone = |what: &str| arguments.iter().any(|argument| argument == what);
    let is_everything = ![ACCOUNTS, MANY, PROCESSOR].into_iter().any(is_alone);
    if is_everything {
        run_and_program(&runtime);
    }
    if is_everything || is_alone(PROCESSOR) {
        processor_time(&runtime);
    }
    if is_everything || is_alone(MANY) {
        many_deployments(&runtime);
    }
    if is_everything || is_alone(ACCOUNTS) {
        all_accounts(&runtime);
    }
}

/// Compares the processor time of a run with that of a script, and prints both.
fn processor_time(runtime: &tokio::runtime::Runtime) {
    let measured = runtime.block_on(processor::measure());
    let milliseconds = |duration: Duration| duration.as_secs_f64() * 1000.0;
    let ratio = measured.run.as_secs_f64() / measured.script.as_secs_f64();
    println!("Processor time, without latency:");
    println!("  a run, {} requests: {:.0} ms", measured.requests, milliseconds(measured.run));
    println!(
        "  a script that only reads, {} requests: {:.0} ms",
        measured.script_requests,
        milliseconds(measured.script)
    );
    println!("  {ratio:.1} times the script; the limit is {PROCESSOR_ALLOWED}");
    assert!(
        ratio <= PROCESSOR_ALLOWED,
        "a run needs more than {PROCESSOR_ALLOWED} times the processor time of a script"
    );
}

/// Compares the time to check many deployments with the time to check one, and prints both. The sandbox is part of the program.
fn many_deployments(runtime: &tokio::runtime::Runtime) {
    let one = runtime.block_on(program::measured_together(1));
    let all = runtime.block_on(program::measured_together(DEPLOYMENTS));
    let (ratio, peak) = (all.took.as_secs_f64() / one.took.as_secs_f64(), all.peak as f64 / 1024.0);
    println!("`preflight run` of {DEPLOYMENTS} deployments, with 300 ms added to every response:");
    println!("  one: {:.2} s; all: {:.2} s", one.took.as_secs_f64(), all.took.as_secs_f64());
    println!("  {ratio:.1} times as long as one; the limit is {MANY_ALLOWED}");
    println!("  peak memory, with the sandbox: {peak:.1} MiB; the limit is {MANY_MEMORY}");
    let last = format!("\n{DEPLOYMENTS}. GO: ");
    assert!(all.stdout.contains(&last), "not every deployment was found ready");
    assert!(all.peak < MANY_MEMORY * 1024, "many deployments need more than {MANY_MEMORY} MiB");
    assert!(ratio <= MANY_ALLOWED, "many deployments take more than {MANY_ALLOWED} times as long as one");
}

/// Compares the time to reconcile with the time to read page after page, and prints both.
fn all_accounts(runtime: &tokio::runtime::Runtime) {
    let measured = runtime.block_on(accounts::measure());
    let (all, peak) = (accounts::ACCOUNTS, measured.reconciled.peak as f64 / 1024.0);
    let ratio = measured.in_sequence.as_secs_f64() / measured.reconciled.took.as_secs_f64();
    println!(
        "`preflight reconcile`, {all} subscriptions and {all} users, with {} ms added to every response:",
        accounts::LATENCY.as_millis()
    );
    println!("  page after page (a tenth measured, times ten): {:.1} s", measured.in_sequence.as_secs_f64());
    println!("  in parallel, as fast as the sandbox answers: {:.1} s", measured.reconciled.took.as_secs_f64());
    println!("  {ratio:.1} times faster; the least is {FASTER}");
    println!(
        "  at the default rate of 20 requests a second, which Stripe's limit of 25 allows, it takes {} s at the least",
        all / 100 / 20
    );
    println!("  peak memory: {peak:.1} MiB; the limit is {ACCOUNTS_MEMORY}");
    println!("  all planted drift found, and nothing else: {}", measured.found);
    assert!(measured.found, "reconcile did not find what was planted, or more");
    assert!(measured.reconciled.peak < ACCOUNTS_MEMORY * 1024, "reconcile needs more than {ACCOUNTS_MEMORY} MiB");
    assert!(ratio >= FASTER, "reconcile is less than {FASTER} times faster than reading page after page");
}

/// The time of a run, and the start-up time and the memory of the program.
fn run_and_program(runtime: &tokio::runtime::Runtime) {
    let mut times: Vec<(Duration, Report)> = (0..RUNS).map(|_| runtime.block_on(timed())).collect();
    times.sort_by_key(|(took, _)| *took);
    let (took, report) = &times[RUNS / 2];
    let chain = chain::longest(report);
    let bound = LATENCY * u32::try_from(chain.len()).expect("a short chain");
    let ratio = took.as_secs_f64() / bound.as_secs_f64();
    println!("A full run, with {} ms added to every response (median of {RUNS} runs):", LATENCY.as_millis());
    println!("  {} requests; the longest chain of dependent requests has {}:", report.requests.len(), chain.len());
    for (number, link) in chain.iter().enumerate() {
        println!("    {}. {link}", number + 1);
    }
    println!(
        "  {:.2} times the chain ({} ms, chain {} ms); the limit is {ALLOWED}",
        ratio,
        took.as_millis(),
        bound.as_millis()
    );
    let twice = twice(report);
    println!("  repeated GETs: {}", if twice.is_empty() { "none".to_owned() } else { twice.join(", ") });
    let program = program::measure(runtime);
    println!("Start-up (`--version`, median of {}): {:.1} ms", program::STARTS, program.start.as_secs_f64() * 1000.0);
    println!("Peak memory of a run, in MiB:");
    for (users, peak) in &program.peaks {
        println!("  {users:>7} users, 250 products, 16 endpoints: {:.1}", *peak as f64 / 1024.0);
    }
    for (kind, peak) in &program.oversized {
        println!("  every response is 8 MiB of {kind:?}: {:.1}", *peak as f64 / 1024.0);
    }
    assert!(ratio <= ALLOWED, "a run takes longer than {ALLOWED} times its longest chain");
    assert!(twice.is_empty(), "a GET is repeated");
    assert!(program.peaks.iter().all(|(_, peak)| *peak < 50 * 1024), "a run needs more than 50 MiB");
    assert!(
        program.oversized.iter().all(|(_, peak)| *peak < 150 * 1024),
        "oversized responses make a run need more than 150 MiB"
    );
}

/// A run of a healthy deployment over a slow connection, and its time.
async fn timed() -> (Duration, Report) {
    let options = sandbox::Options { latency: LATENCY, ..sandbox::Options::default() };
    let sandbox = Sandbox::start(&["healthy"], options).await.expect("a sandbox");
    let journal = tempfile::tempdir().expect("a temporary folder");
    let options = Options { journal: journal.path().join("journal.jsonl"), ..Options::default() };
    let world = World::new(sandbox.config(None).expect("a configuration"), sandbox.options(options)).expect("a world");
    let started = Instant::now();
    let report = run(&world, &Selection::default(), None, pending()).await;
    (started.elapsed(), report)
}

fn twice(report: &Report) -> Vec<String> {
    // The usage route is requested with different tokens: five that must be rejected, and the canary's.
    let gets = report.requests.iter().filter(|request| request.method == "GET" && request.path != "/api/usage");
    let mut asked: Vec<String> = gets.map(|request| format!("{} {}", request.provider, request.path)).collect();
    asked.sort();
    let mut twice: Vec<String> =
        asked.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0].clone()).collect();
    twice.dedup();
    twice
}
