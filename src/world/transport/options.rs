//! How to reach the providers and the deployment.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

/// How to reach the providers and the deployment.
#[derive(Debug, Clone)]
pub struct Options {
    /// The time limit for one request, including its body.
    pub timeout: Duration,
    /// The time limit for the run. Later requests fail.
    pub deadline: Option<Duration>,
    /// How often to retry a request that is safe to repeat.
    pub retries: u32,
    /// How many requests may be in flight at once.
    pub concurrency: usize,
    /// Addresses that replace what a host resolves to.
    pub resolve: Vec<Resolve>,
    /// PEM certificates to trust instead of the machine's.
    pub certificates: Option<Vec<u8>>,
    /// For the sandbox: only these hosts resolve, and proxies are ignored.
    pub names: Option<BTreeMap<String, SocketAddr>>,
    /// For the sandbox: CNAME records, from host to target.
    pub aliases: BTreeMap<String, String>,
    /// For the sandbox: the certificate authorities in CAA records, by domain.
    pub issuers: BTreeMap<String, Vec<String>>,
    /// How many requests to make to Stripe in a second, if not the usual number.
    pub stripe_rate: Option<NonZeroU32>,
    /// How many requests the log keeps: the first ones.
    pub most_logged: usize,
    /// Make no requests.
    pub offline: bool,
    /// Whether to send anything besides reads to the Worker.
    pub probe: bool,
    /// The file that records each change before it is made.
    pub journal: PathBuf,
    /// The wait before the first retry. It doubles each time.
    pub backoff: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            deadline: Some(Duration::from_mins(2)),
            retries: 2,
            concurrency: 32,
            stripe_rate: None,
            most_logged: usize::MAX,
            resolve: Vec::new(),
            certificates: None,
            names: None,
            aliases: BTreeMap::new(),
            issuers: BTreeMap::new(),
            offline: false,
            probe: true,
            journal: PathBuf::from("reports/journal.jsonl"),
            backoff: Duration::from_millis(500),
        }
    }
}

/// `--resolve HOST:PORT:ADDR`, as in curl.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolve {
    /// The host.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The address.
    pub address: IpAddr,
}
