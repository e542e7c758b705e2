//! The addresses in scripts that may be the Worker's.

use std::collections::BTreeMap;

use url::Url;

use super::place::{Place, Reading, keep, keep_named, merge};
use crate::config::{CheckoutRoute, Config};
use crate::pattern::patterns;
use crate::world::address::{HostRelation, host_relation};

/// Where scripts name the Worker, and other addresses that they may use instead.
#[derive(Debug, Default)]
pub struct Addresses {
    /// The Worker's own host.
    pub worker: Vec<Place>,
    /// The same without TLS, `http://…`.
    pub insecure: Vec<Place>,
    /// Addresses on the visitor's machine, in scripts that also use the Worker's routes.
    pub local: BTreeMap<String, Vec<Place>>,
    /// Other hosts that are a Worker by their name, or are used with the Worker's routes.
    pub others: BTreeMap<String, Vec<Place>>,
}

patterns! {
    /// An address in a script.
    ADDRESS = r#"(?i)(?-u:\b)(?:https?|wss?)://([a-z0-9.\-]+|\[::1\])(:[0-9]{2,5})?(/[^"'`\s\\<>]*)?"#;
}

impl Addresses {
    /// Searches a script for addresses.
    pub(super) fn read(&mut self, config: &Config, reading: &Reading<'_>) {
        self.read_within(config, reading, 0, reading.text);
    }

    /// Searches a script that begins at a byte of a page.
    pub(super) fn read_within(&mut self, config: &Config, reading: &Reading<'_>, from: usize, script: &str) {
        let own = hosts(config);
        let place = |at: usize| reading.place(from + at);
        for at in own.iter().flat_map(|host| named(script, host)) {
            let is_insecure = script[..at].ends_with("http://");
            keep(if is_insecure { &mut self.insecure } else { &mut self.worker }, || place(at));
        }
        let uses_a_route = uses_a_route(config, script);
        for found in ADDRESS.captures_iter(script) {
            let (Some(whole), Some(host)) = (found.get(0), found.get(1)) else { continue };
            let port = found.get(2).map_or("", |port| port.as_str());
            let (name, path) = (host.as_str().to_lowercase(), found.get(3).map_or("", |path| path.as_str()));
            let authority = format!("{name}{port}");
            if own.contains(&authority) {
                continue;
            }
            if is_local(&name) {
                // A library may mention a development server without using it.
                if uses_a_route {
                    keep_named(&mut self.local, &format!("http://{authority}"), || place(whole.start()));
                }
            } else if is_another_worker(config, &name, path) {
                keep_named(&mut self.others, &authority, || place(whole.start()));
            }
        }
    }

    /// Adds what was found in another text.
    pub(super) fn absorb(&mut self, other: Self) {
        for (ours, theirs) in [(&mut self.worker, other.worker), (&mut self.insecure, other.insecure)] {
            for at in theirs {
                keep(ours, || at);
            }
        }
        merge(&mut self.local, other.local);
        merge(&mut self.others, other.others);
    }

    pub(super) fn sort(&mut self) {
        self.worker.sort();
        self.insecure.sort();
        self.local.values_mut().chain(self.others.values_mut()).for_each(|places| places.sort());
    }
}

/// Every host of the Worker, with a port that is not the default.
fn hosts(config: &Config) -> Vec<String> {
    let mut hosts: Vec<String> = [&config.worker.url, &config.webhook.url].into_iter().filter_map(authority).collect();
    hosts.extend(config.webhook.hosts.iter().map(|host| host.to_lowercase()));
    hosts.dedup();
    hosts
}

fn authority(url: &Url) -> Option<String> {
    let host = url.host_str()?.to_lowercase();
    Some(url.port().map_or_else(|| host.clone(), |port| format!("{host}:{port}")))
}

/// Where a text names a host that is not part of a longer one.
fn named(text: &str, host: &str) -> Vec<usize> {
    let is_host = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'.');
    let bytes = text.as_bytes();
    let is_alone = |at: &usize| {
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        let mut after = bytes[at + host.len()..].iter();
        let ends = match after.next() {
            // A full stop may end a sentence.
            Some(b'.') => !after.next().is_some_and(u8::is_ascii_alphanumeric),
            Some(letter) => !is_host(*letter),
            None => true,
        };
        !before.is_some_and(|letter| is_host(*letter)) && ends
    };
    text.match_indices(host).map(|(at, _)| at).filter(is_alone).collect()
}

fn is_local(host: &str) -> bool {
    matches!(host, "localhost" | "0.0.0.0" | "[::1]") || host.starts_with("127.") || host.ends_with(".localhost")
}

/// The routes that a frontend uses.
fn routes(config: &Config) -> impl Iterator<Item = &str> {
    let worker = &config.worker;
    let checkout = worker.checkout.as_ref().map(CheckoutRoute::fixed_path).filter(|path| path.len() > 1);
    let routes = [&worker.tiers, &worker.usage, &worker.portal];
    routes.into_iter().flatten().map(String::as_str).chain(checkout)
}

/// Whether a script uses one of the Worker's routes: its whole path, its last segment, or the first segment of all routes.
fn uses_a_route(config: &Config, text: &str) -> bool {
    routes(config).any(|route| {
        let mut parts = route.trim_matches('/').split('/');
        let (first, last) = (parts.next().unwrap_or_default(), parts.next_back().unwrap_or_default());
        let begins = !first.is_empty() && !last.is_empty() && text.contains(&format!("/{first}"));
        text.contains(route) || begins || (last.len() > 8 && text.contains(last))
    })
}

/// Whether a host is a Worker by its name, or is used with one of this Worker's routes.
fn is_another_worker(config: &Config, host: &str, path: &str) -> bool {
    let has_same_route = routes(config)
        .any(|route| path == route || path.strip_prefix(route).is_some_and(|rest| rest.starts_with(['?', '#'])));
    let worker = config.worker.url.host_str().unwrap_or_default();
    let is_api = host.split(['.', '-']).any(|part| part == "api");
    let sibling = is_api && worker.contains("api") && host_relation(host, worker) != HostRelation::CrossSite;
    host.ends_with(".workers.dev") || has_same_route || sibling
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_within_a_longer_host_is_not_named() {
        let host = "api.acme.com";
        for text in ["\"https://api.acme.com/x\"", "//api.acme.com", "Ask api.acme.com.", "api.acme.com"] {
            assert_eq!(named(text, host).len(), 1, "{text}");
        }
        for text in ["old-api.acme.com", "x.api.acme.com", "api.acme.com.evil.net", "api.acme.community"] {
            assert_eq!(named(text, host).len(), 0, "{text}");
        }
    }

    #[test]
    fn the_visitors_machine_has_several_names() {
        assert!(["localhost", "127.0.0.1", "[::1]", "0.0.0.0"].into_iter().all(is_local));
        assert!(!is_local("localhost.acme.com"));
    }
}
