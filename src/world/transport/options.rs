//! How the world is reached.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// How the world is reached.
#[derive(Debug, Clone)]
pub struct Options {
    /// For one request, its body included.
    pub timeout: Duration,
    /// For the run; what is asked later gets no answer.
    pub deadline: Option<Duration>,
    /// How often a request that may be made again is made again.
    pub retries: u32,
    /// How many requests may be under way at once.
    pub concurrency: usize,
    /// Addresses that take the place of what a name resolves to.
    pub resolve: Vec<Resolve>,
    /// PEM certificates that are trusted in place of the machine's.
    pub certificates: Option<Vec<u8>>,
    /// A closed world: these names and no others resolve, and no proxy is asked.
    pub names: Option<BTreeMap<String, SocketAddr>>,
    /// In a closed world: the hosts that are other names, and for what. No resolver is asked there.
    pub aliases: BTreeMap<String, String>,
    /// Ask nobody.
    pub offline: bool,
    /// Whether anything may be sent to the Worker beyond reads.
    pub probe: bool,
    /// Where what is about to be changed is written down first.
    pub journal: PathBuf,
    /// The first wait before a request is made again; it doubles each time.
    pub backoff: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            deadline: Some(Duration::from_mins(2)),
            retries: 2,
            concurrency: 32,
            resolve: Vec::new(),
            certificates: None,
            names: None,
            aliases: BTreeMap::new(),
            offline: false,
            probe: true,
            journal: PathBuf::from("reports/journal.jsonl"),
            backoff: Duration::from_millis(500),
        }
    }
}

/// `--resolve HOST:PORT:ADDR`: what curl means by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolve {
    /// The name.
    pub host: String,
    /// The port that it is asked at.
    pub port: u16,
    /// Where that leads.
    pub address: IpAddr,
}
