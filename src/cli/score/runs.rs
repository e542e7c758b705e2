//! Many runs of one scenario, in several sandboxes in parallel.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use preflight::report::outline;
use preflight::run::{self, CheckFinding, Report, Selection};
use preflight::sandbox::{self, Sandbox, TAMPERED, Tampering};
use preflight::world::{self, World};
use tokio::task::JoinSet;

use super::super::exit::CliError;

/// How many sandboxes run in parallel.
const PARALLEL: usize = 4;

/// A sandbox that is reused for many runs.
pub struct Runs {
    sandbox: Sandbox,
    journal: PathBuf,
}

impl Runs {
    /// Starts several sandboxes of one scenario.
    pub async fn start(scenario: &str, latency: Duration) -> Result<Vec<Arc<Self>>, CliError> {
        let mut all = Vec::new();
        for number in 0..PARALLEL {
            let options = sandbox::Options { latency, ..sandbox::Options::default() };
            let sandbox = Sandbox::start(&[scenario], options).await?;
            let name = format!("preflight-score-{}-{scenario}-{number}.jsonl", std::process::id());
            all.push(Arc::new(Self { sandbox, journal: std::env::temp_dir().join(name) }));
        }
        Ok(all)
    }

    /// The sandbox, with the requests of its last run.
    pub const fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// Resets the sandbox, and runs every check with `tampering`.
    pub async fn run(&self, tampering: Option<Tampering>) -> Result<Report, CliError> {
        self.sandbox.tamper(tampering);
        self.sandbox.renew()?;
        let options = world::Options {
            // Servers on this machine answer fast or never.
            timeout: Duration::from_secs(5),
            // A changed field may send a client in circles.
            deadline: Some(Duration::from_secs(30)),
            retries: 1,
            backoff: Duration::from_millis(1),
            journal: self.journal.clone(),
            ..world::Options::default()
        };
        let world = World::new(self.sandbox.config(None)?, self.sandbox.options(options))?;
        Ok(run::run(&world, &Selection::default(), None, std::future::pending()).await)
    }
}

impl Drop for Runs {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.journal);
    }
}

/// Runs every job on the next free sandbox. The results are in the order of the jobs.
pub async fn in_parallel<J, R, F>(all: &[Arc<Runs>], jobs: Vec<J>, work: F) -> Result<Vec<R>, CliError>
where
    J: Send + 'static,
    R: Send + 'static,
    F: Fn(Arc<Runs>, J) -> BoxFuture<'static, Result<R, CliError>> + Clone + Send + 'static,
{
    let queue = Arc::new(Mutex::new(jobs.into_iter().enumerate()));
    let mut workers = JoinSet::new();
    for runs in all {
        let (queue, runs, work) = (Arc::clone(&queue), Arc::clone(runs), work.clone());
        workers.spawn(async move {
            let mut done = Vec::new();
            loop {
                let job = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some((index, job)) = job else { return Ok::<_, CliError>(done) };
                done.push((index, work(Arc::clone(&runs), job).await?));
            }
        });
    }
    let mut results = Vec::new();
    while let Some(done) = workers.join_next().await {
        results.extend(done.map_err(|error| CliError::Defect(error.to_string()))??);
    }
    results.sort_by_key(|(index, _)| *index);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

/// Whether the run made the request that was tampered with.
pub fn made_tampered_request(report: &Report) -> bool {
    // A broken connection has no response, and so no request ID.
    report.requests.iter().any(|request| request.request_id.as_deref() == Some(TAMPERED) || request.trouble.is_some())
}

/// Every failure in a report: `check: code`, with the subject if there is one.
pub fn failures(report: &Report) -> Vec<String> {
    let described = |found: &CheckFinding<'_>| {
        let subject = &found.reported.subject;
        let of = if subject.is_empty() { String::new() } else { format!(" ({subject})") };
        format!("{}{of}: {}", found.name(), found.reported.finding.message)
    };
    outline::failures(report).iter().map(described).collect()
}

/// The checks that crashed.
pub fn crashed(report: &Report) -> Vec<String> {
    let crashed = |check: &&run::CheckReport| check.reasons.iter().any(|reason| reason.contains("crashed"));
    report.checks.iter().filter(crashed).map(|check| check.id.to_string()).collect()
}

/// The checks that passed in `before` and are not verified in `after`.
pub fn unverified<'a>(before: &Report, after: &'a Report) -> Vec<&'a run::CheckReport> {
    let pairs = before.checks.iter().zip(&after.checks);
    let lost = pairs.filter(|(before, after)| before.status.is_verified() && !after.status.is_verified());
    lost.map(|(_, after)| after).filter(|after| after.status != run::Status::Fail).collect()
}
