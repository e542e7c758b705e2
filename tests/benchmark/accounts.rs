//! `preflight reconcile` over as many accounts as a large business has, compared with reading page after page.

use std::time::{Duration, Instant};

use preflight::sandbox::{ManyAccounts, Options, Sandbox};
use serde_json::Value;

use crate::program::{Measured, measured};

/// How many subscriptions, and how many users.
pub const ACCOUNTS: u64 = 100_000;
/// Added to every response.
pub const LATENCY: Duration = Duration::from_millis(50);
/// The part of the pages that is read in sequence: all of them would take a minute.
const PART: u64 = 10;
/// The largest pages of both providers.
const SUBSCRIPTIONS_ON_A_PAGE: u64 = 100;
const USERS_ON_A_PAGE: u64 = 500;
/// Far above what the sandbox can serve, so that only the client limits itself.
const UNLIMITED: &str = "--rate=100000";

/// What was measured.
pub struct Accounts {
    /// The time to read all pages one after the other, from a part of them.
    pub in_sequence: Duration,
    /// `preflight reconcile` without a limit of requests in a second.
    pub reconciled: Measured,
    /// Whether it found the drift that was planted.
    pub found: bool,
}

/// Measures both against a sandbox in this process.
pub async fn measure() -> Accounts {
    let accounts = Some(ManyAccounts { count: ACCOUNTS, drift: true });
    let options = Options { latency: LATENCY, accounts, unrecorded: true, ..Options::default() };
    let sandbox = Sandbox::start(&["healthy"], options).await.expect("a sandbox");
    let in_sequence = in_sequence(&sandbox).await;
    let arguments = ["reconcile", "--format=json", "--pause=0s", UNLIMITED];
    let reconciled = measured(&sandbox, &arguments).await;
    let document: Value = serde_json::from_str(&reconciled.stdout).expect("a document");
    let drifted: u64 = document["buckets"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|bucket| bucket["drift"] == true)
        .filter_map(|bucket| bucket["accounts"].as_u64())
        .sum();
    let found = drifted == preflight::sandbox::Drift::ALL.len() as u64 && document["complete"] == true;
    Accounts { in_sequence, reconciled, found }
}

/// The time for all pages, one after the other over one connection each, measured with a part of them and scaled.
async fn in_sequence(sandbox: &Sandbox) -> Duration {
    let (plain, environment) = (sandbox.plain(), sandbox.environment());
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let get = async |url: String, key: &str| -> Value {
        let response = client.get(url).bearer_auth(&environment[key]).send().await.expect("a response");
        response.json().await.expect("a page")
    };
    let began = Instant::now();
    let mut after = String::new();
    for _ in 0..ACCOUNTS / SUBSCRIPTIONS_ON_A_PAGE / PART {
        let url = format!("{}v1/subscriptions?status=all&limit={SUBSCRIPTIONS_ON_A_PAGE}{after}", plain.stripe);
        let page = get(url, "STRIPE_SECRET_KEY").await;
        let last = page["data"].as_array().and_then(|data| data.last()).expect("a subscription");
        after = format!("&starting_after={}", last["id"].as_str().unwrap_or_default());
    }
    for page in 0..ACCOUNTS / USERS_ON_A_PAGE / PART {
        let offset = page * USERS_ON_A_PAGE;
        let url = format!("{}v1/users?limit={USERS_ON_A_PAGE}&offset={offset}", plain.clerk);
        let page = get(url, "CLERK_SECRET_KEY").await;
        assert!(page.is_array(), "a page of users");
    }
    began.elapsed() * u32::try_from(PART).expect("a small number")
}
