//! The program as a process: how fast it starts, and how much memory a run uses.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use preflight::sandbox::{Options, Sandbox};
use tokio::runtime::Runtime;
use url::Url;

use crate::oversized::Oversized;

/// How often the program is started.
pub const STARTS: usize = 21;

/// The scenario in which every response takes 300 ms.
const SLOW: &str = "healthy-slow-link";

/// What was measured.
pub struct Program {
    /// The time that `--version` takes.
    pub start: Duration,
    /// Users, and the peak resident memory in KiB.
    pub peaks: Vec<(usize, u64)>,
    /// The same if every response is oversized.
    pub oversized: Vec<(Oversized, u64)>,
}

pub fn measure(runtime: &Runtime) -> Program {
    let mut starts: Vec<Duration> = (0..STARTS).map(|_| start()).collect();
    starts.sort();
    let peaks = [1_200, 100_000].map(|users| (users, runtime.block_on(peak(users))));
    let oversized = Oversized::ALL.map(|kind| (kind, runtime.block_on(peak_with(kind))));
    Program { start: starts[STARTS / 2], peaks: peaks.to_vec(), oversized: oversized.to_vec() }
}

fn start() -> Duration {
    let started = Instant::now();
    let status = Command::new(env!("CARGO_BIN_EXE_preflight")).arg("--version").stdout(Stdio::null()).status();
    assert!(status.expect("the program starts").success());
    started.elapsed()
}

/// The peak memory of a run against a sandbox in another process.
async fn peak(users: usize) -> u64 {
    let scenario = if users > 10_000 { "healthy-many-users" } else { "healthy-many-pages" };
    let sandbox = Sandbox::start(&[scenario], Options::default()).await.expect("a sandbox");
    measured(&sandbox, &["run"]).await.peak
}

/// The peak memory of a run in which every response is oversized.
async fn peak_with(oversized: Oversized) -> u64 {
    let sandbox = Sandbox::start(&["healthy"], Options::default()).await.expect("a sandbox");
    let address = oversized.serve().await;
    peak_at(&sandbox, [address.as_str(); 6]).await
}

/// A finished process.
pub struct Measured {
    /// How long it took.
    pub took: Duration,
    /// The peak resident memory in KiB.
    pub peak: u64,
    /// What it printed.
    pub stdout: String,
}

/// Runs the program with these arguments against a sandbox in this process.
pub async fn measured(sandbox: &Sandbox, arguments: &[&str]) -> Measured {
    let plain = sandbox.plain();
    let addresses =
        [&plain.stripe, &plain.clerk, &plain.clerk_frontend, &plain.cloudflare, &plain.worker, &plain.frontend];
    measured_at(sandbox, addresses.map(Url::as_str), arguments).await
}

/// The peak memory of a run with the sandbox's configuration and these addresses.
async fn peak_at(sandbox: &Sandbox, addresses: [&str; 6]) -> u64 {
    measured_at(sandbox, addresses, &["run"]).await.peak
}

/// The program with the sandbox's configuration and these addresses of Stripe, Clerk's two APIs, Cloudflare, the Worker and
/// the frontend. Without TLS and by address, because another process cannot resolve the sandbox's names.
async fn measured_at(sandbox: &Sandbox, addresses: [&str; 6], arguments: &[&str]) -> Measured {
    let [stripe, clerk, clerk_frontend, cloudflare, worker, frontend] =
        addresses.map(|address| address.trim_end_matches('/'));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let configuration = sandbox
        .configuration()
        .replace("[stripe]", &format!("[stripe]\napi_base = \"{stripe}\""))
        .replace("[cloudflare]", &format!("[cloudflare]\napi_base = \"{cloudflare}\""))
        .replace("https://pan-api.acme.workers.dev", worker)
        .replace("https://app.acme.com", frontend)
        + &format!("\n[clerk]\napi_base = \"{clerk}\"\nfrontend_api = \"{clerk_frontend}\"\n");
    fs::write(folder.path().join("preflight.toml"), &configuration).expect("a configuration");
    let mut command = Command::new(env!("CARGO_BIN_EXE_preflight"));
    command.args(arguments).current_dir(folder.path()).envs(sandbox.environment());
    ended(command, folder.path()).await
}

/// One run of that many deployments, or of one, against the program's own sandbox: over TLS and by name, as at the providers.
pub async fn measured_together(deployments: usize) -> Measured {
    let sandbox = Sandbox::start(&[SLOW], Options::default()).await.expect("a sandbox");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let many = folder.path().join("many");
    fs::create_dir(&many).expect("a folder");
    for number in 1..=deployments {
        let named = sandbox.configuration().replacen("\"acme\"", &format!("\"acme {number}\""), 1);
        fs::write(many.join(format!("acme-{number}.toml")), named).expect("a configuration");
    }
    fs::create_dir(many.join("api")).expect("a folder");
    let wrangler = sandbox.read(Path::new("api/wrangler.toml")).expect("the Wrangler file");
    fs::write(many.join("api/wrangler.toml"), wrangler).expect("the Wrangler file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_preflight"));
    command.arg("run").arg(format!("--sandbox={SLOW}")).args(["--no-report", "-c", "many"]).current_dir(folder.path());
    ended(command, folder.path()).await
}

/// Runs the program to its end.
async fn ended(mut command: Command, folder: &Path) -> Measured {
    let output = folder.join("stdout");
    command.stdout(fs::File::create(&output).expect("a file")).stderr(Stdio::null());
    let started = Instant::now();
    let mut child = command.spawn().expect("the program starts");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let mut samples = tokio::time::interval(Duration::from_millis(2));
    while child.try_wait().expect("a child").is_none() {
        // The kernel keeps the high-water mark, so the last sample is close to the peak.
        peak = peak.max(fs::read_to_string(&status).ok().and_then(|status| high_water(&status)).unwrap_or_default());
        samples.tick().await;
    }
    let stdout = fs::read_to_string(output).expect("the output");
    Measured { took: started.elapsed(), peak, stdout }
}

fn high_water(status: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
