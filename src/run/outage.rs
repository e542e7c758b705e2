//! Outages: one line, however many checks they stop.

use std::collections::BTreeSet;

use crate::world::LoggedRequest;

/// Someone who gave no usable answer to any request of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// The name in a sentence.
    pub name: &'static str,
    /// What happened instead, as a sentence.
    pub what: String,
}

/// The providers. Without an answer from any of them, the network of this machine may be the cause.
const PROVIDERS: [&str; 3] = ["Stripe", "Clerk", "Cloudflare"];

/// Who gave no usable answer to any request. If this machine is offline, that is everyone, with one sentence.
pub(super) fn outages(requests: &[LoggedRequest]) -> Vec<Outage> {
    let names: BTreeSet<&'static str> = telling(requests).map(|request| request.name).collect();
    if is_offline(requests) {
        let asked: Vec<&str> = PROVIDERS.into_iter().filter(|name| names.contains(name)).collect();
        let what = format!("This machine is offline: it could not connect to {}.", listed(&asked));
        return names.into_iter().map(|name| Outage { name, what: what.clone() }).collect();
    }
    // The deployment is judged by its checks, so that its outage is a failure and not the reason for an unknown.
    names.into_iter().filter(|name| PROVIDERS.contains(name)).filter_map(|name| outage(requests, name)).collect()
}

/// Whether every provider that was asked could not be connected to, and nothing else could.
pub(super) fn is_offline(requests: &[LoggedRequest]) -> bool {
    telling(requests).any(|request| PROVIDERS.contains(&request.name))
        && telling(requests).all(|request| !request.is_connected)
}

/// The requests that say something about the other side.
fn telling(requests: &[LoggedRequest]) -> impl Iterator<Item = &LoggedRequest> {
    requests.iter().filter(|request| !request.is_ours)
}

fn outage(requests: &[LoggedRequest], name: &'static str) -> Option<Outage> {
    let requests: Vec<&LoggedRequest> = telling(requests).filter(|request| request.name == name).collect();
    if requests.iter().any(|request| request.is_usable()) {
        return None;
    }
    let seen = |request: &&LoggedRequest| match (&request.trouble, request.status) {
        (Some(trouble), _) => trouble.clone(),
        (None, Some(status)) => format!("status {status}"),
        (None, None) => "no response".to_owned(),
    };
    let seen: BTreeSet<String> = requests.iter().map(seen).collect();
    let seen: Vec<&str> = seen.iter().take(2).map(String::as_str).collect();
    let seen = seen.join(", ");
    let what = if requests.iter().all(|request| !request.is_connected) {
        format!("Could not connect to {name}: {seen}.")
    } else {
        format!("{name} answered no request: {seen}.")
    };
    Some(Outage { name, what })
}

impl Outage {
    /// Whether this is why a question has no answer.
    #[must_use]
    pub fn explains(&self, reason: &str) -> bool {
        let name = self.name;
        let starts = [
            format!("{name} answered "),
            format!("{name} returned "),
            format!("Could not connect to {name}: "),
            format!("No response from {name} to "),
        ];
        starts.iter().any(|start| reason.contains(start.as_str()))
    }
}

/// `a, b and c`.
fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [before @ .., last] => format!("{} and {last}", before.join(", ")),
    }
}
