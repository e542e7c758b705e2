//! Where scripts look for the Worker.

use std::collections::BTreeMap;

use url::Url;

use super::super::address::registrable_domain;
use super::place::{Place, Reading, keep, keep_of, merge};
use crate::config::Config;
use crate::pattern::patterns;

/// The addresses in scripts that may be the Worker's.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    /// Where the Worker's own host is named.
    pub worker: Vec<Place>,
    /// Addresses on the machine of whoever opens the page, in scripts that also know the Worker's routes.
    pub local: BTreeMap<String, Vec<Place>>,
    /// Hosts that are a Worker, or are asked for the Worker's routes, and are not this Worker.
    pub others: BTreeMap<String, Vec<Place>>,
}

patterns! {
    /// An address in a script. What is not a host ends it.
    ADDRESS = r#"(?i)\b(?:https?|wss?)://([a-z0-9.\-]{1,255}|\[::1\])(:\d{2,5})?(/[^"'`\s\\<>]{0,300})?"#;
}

impl Addresses {
    /// Looks for addresses in a script.
    pub fn read(&mut self, config: &Config, reading: &Reading<'_>) {
        self.read_within(config, reading, 0, reading.text);
    }

    /// Looks for addresses in a script that begins at a byte of a page.
    pub fn read_within(&mut self, config: &Config, reading: &Reading<'_>, from: usize, script: &str) {
        let own = hosts(config);
        let place = |at: usize| reading.place(from + at);
        for at in own.iter().flat_map(|host| named(script, host)) {
            keep(&mut self.worker, || place(at));
        }
        let asks = knows_a_route(config, script);
        for found in ADDRESS.captures_iter(script) {
            let (Some(whole), Some(host)) = (found.get(0), found.get(1)) else { continue };
            let port = found.get(2).map_or("", |port| port.as_str());
            let (name, path) = (host.as_str().to_lowercase(), found.get(3).map_or("", |path| path.as_str()));
            let authority = format!("{name}{port}");
            if own.contains(&authority) {
                continue;
            }
            if is_local(&name) {
                // A library that mentions a development server asks nobody there.
                if asks {
                    keep_of(&mut self.local, &format!("http://{authority}"), || place(whole.start()));
                }
            } else if is_another_worker(config, &name, path) {
                keep_of(&mut self.others, &authority, || place(whole.start()));
            }
        }
    }

    /// Adds what was found in another text.
    pub fn absorb(&mut self, other: Self) {
        for at in other.worker {
            keep(&mut self.worker, || at);
        }
        merge(&mut self.local, other.local);
        merge(&mut self.others, other.others);
    }

    pub fn settle(&mut self) {
        self.worker.sort();
        self.local.values_mut().chain(self.others.values_mut()).for_each(|places| places.sort());
    }
}

/// Every host that leads to the Worker, with its port where that is an unusual one.
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

/// Where a host stands in a text, as itself and not as a part of another.
fn named(text: &str, host: &str) -> Vec<usize> {
    let is_host = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'.');
    let bytes = text.as_bytes();
    let alone = |at: &usize| {
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        let mut after = bytes[at + host.len()..].iter();
        let ends = match after.next() {
            // The full stop of a sentence ends a host too.
            Some(b'.') => !after.next().is_some_and(u8::is_ascii_alphanumeric),
            Some(letter) => !is_host(*letter),
            None => true,
        };
        !before.is_some_and(|letter| is_host(*letter)) && ends
    };
    text.match_indices(host).map(|(at, _)| at).filter(alone).collect()
}

fn is_local(host: &str) -> bool {
    matches!(host, "localhost" | "0.0.0.0" | "[::1]") || host.starts_with("127.") || host.ends_with(".localhost")
}

/// The routes that a frontend asks for.
fn routes(config: &Config) -> impl Iterator<Item = &str> {
    let worker = &config.worker;
    let routes = [&worker.tiers, &worker.usage, &worker.checkout, &worker.portal];
    routes.into_iter().flatten().map(String::as_str)
}

/// Whether a script knows one of the Worker's routes: by its whole path, its last part, or what all of them begin with.
fn knows_a_route(config: &Config, text: &str) -> bool {
    routes(config).any(|route| {
        let mut parts = route.trim_matches('/').split('/');
        let (first, last) = (parts.next().unwrap_or_default(), parts.next_back().unwrap_or_default());
        let begins = !first.is_empty() && !last.is_empty() && text.contains(&format!("/{first}"));
        text.contains(route) || begins || (last.len() > 8 && text.contains(last))
    })
}

/// Whether a host is a Worker by its name, or is asked for what the Worker is asked for.
fn is_another_worker(config: &Config, host: &str, path: &str) -> bool {
    let asked_alike = routes(config)
        .any(|route| path == route || path.strip_prefix(route).is_some_and(|rest| rest.starts_with(['?', '#'])));
    let worker = config.worker.url.host_str().unwrap_or_default();
    let is_api = host.split(['.', '-']).any(|part| part == "api");
    let sibling = is_api && worker.contains("api") && registrable_domain(host) == registrable_domain(worker);
    host.ends_with(".workers.dev") || asked_alike || sibling
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_named_where_it_stands_alone() {
        let host = "api.acme.com";
        for text in ["\"https://api.acme.com/x\"", "//api.acme.com", "Ask api.acme.com.", "api.acme.com"] {
            assert_eq!(named(text, host).len(), 1, "{text}");
        }
        for text in ["old-api.acme.com", "x.api.acme.com", "api.acme.com.evil.net", "api.acme.community"] {
            assert_eq!(named(text, host).len(), 0, "{text}");
        }
    }

    #[test]
    fn this_machine_has_several_names() {
        assert!(["localhost", "127.0.0.1", "[::1]", "0.0.0.0"].into_iter().all(is_local));
        assert!(!is_local("localhost.acme.com"));
    }
}
