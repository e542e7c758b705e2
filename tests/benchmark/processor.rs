//! How much processor time a run needs, compared with a script that only reads a few of the same objects.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use preflight::sandbox::{Options, Sandbox};

use crate::program;

/// What the benchmark is called with to be that script.
pub const SCRIPT: &str = "script";
/// How often each is started.
const STARTS: usize = 20;

/// Processor time for each start.
pub struct Processor {
    pub run: Duration,
    pub requests: usize,
    pub script: Duration,
    pub script_requests: usize,
}

/// Measures both against the same sandbox, which adds nothing to its responses.
pub async fn measure() -> Processor {
    let sandbox = Sandbox::start(&["healthy"], Options::default()).await.expect("a sandbox");
    let addresses = read_by_script(&sandbox);
    let before = of_children();
    let mut requests = 0;
    for _ in 0..STARTS {
        let ended = program::measured(&sandbox, &["run", "--format=json"]).await;
        requests = ended.stdout.matches("\"is_connected\": true").count();
    }
    let between = of_children();
    for _ in 0..STARTS {
        let mut script = Command::new(std::env::current_exe().expect("this program"));
        let child = script
            .arg(SCRIPT)
            .args(addresses.iter().flatten())
            .stdout(Stdio::null())
            .spawn()
            .expect("the script starts");
        let ended = tokio::task::spawn_blocking(move || child.wait_with_output()).await.expect("the script ends");
        assert!(ended.expect("the script ends").status.success(), "the script failed");
    }
    let starts = u32::try_from(STARTS).expect("few starts");
    Processor {
        run: between.saturating_sub(before) / starts,
        requests,
        script: of_children().saturating_sub(between) / starts,
        script_requests: addresses.len(),
    }
}

/// What a person's checklist looks at, one after the other: each an address and the key for it.
fn read_by_script(sandbox: &Sandbox) -> Vec<[String; 2]> {
    let (plain, environment) = (sandbox.plain(), sandbox.environment());
    let stripe =
        ["account", "prices?limit=100", "products?limit=100", "webhook_endpoints", "billing_portal/configurations"];
    let clerk = ["instance", "jwt_templates"];
    let stripe = stripe.map(|path| (&plain.stripe, format!("v1/{path}"), "STRIPE_SECRET_KEY"));
    let clerk = clerk.map(|path| (&plain.clerk, format!("v1/{path}"), "CLERK_SECRET_KEY"));
    let deployed = [(&plain.worker, "api/tiers"), (&plain.frontend, "")];
    let deployed = deployed.map(|(base, path)| (base, path.to_owned(), ""));
    let all = stripe.into_iter().chain(clerk).chain(deployed);
    let key = |name: &str| environment.get(name).cloned().unwrap_or_default();
    all.map(|(base, path, name)| [base.join(&path).expect("an address").to_string(), key(name)]).collect()
}

/// The script: requests each address with its key, and reads the response.
pub fn script(addresses: &[String]) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let client = reqwest::Client::new();
        for pair in addresses.chunks(2) {
            let [address, key] = pair else { panic!("an address without a key") };
            let answer = client.get(address).bearer_auth(key).send().await.expect("a response");
            assert!(answer.status().is_success(), "{address} returned {}", answer.status());
            assert!(!answer.bytes().await.expect("a body").is_empty(), "{address} returned nothing");
        }
    });
}

/// The processor time of every process that this one has waited for.
fn of_children() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").expect("the statistics of this process");
    // The name may contain spaces, and ends at the last parenthesis. `cutime` and `cstime` are fields 16 and 17.
    let (_, rest) = stat.rsplit_once(')').expect("a name");
    let ticks = rest.split_whitespace().skip(13).take(2).map(|field| field.parse::<u64>().expect("a number"));
    // Linux counts these in hundredths of a second on every platform.
    Duration::from_millis(ticks.sum::<u64>() * 10)
}
