//! What the page and its scripts contain. The text itself is not kept: a site can be large.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use url::Url;

use super::addresses::Addresses;
use super::place::{Place, Reading, keep, keep_named, merge};
use super::policy::ContentPolicy;
use super::stop::Stop;
use crate::config::{Config, Exposed, Issuer, Secret, exposed, is_placeholder};
use crate::pattern::patterns;

/// What a page and its scripts contain.
#[derive(Debug, Default)]
pub struct SiteScan {
    /// The URL of the page, after redirects.
    pub page: String,
    /// How many files were read: the page, its scripts, their source maps.
    pub files: usize,
    /// The size of these files in bytes.
    pub bytes: usize,
    /// The files that the page loads but that could not be read, and why.
    pub unread: Vec<(String, String)>,
    /// How many more files were known when the limit was reached.
    pub left: usize,
    /// Other hosts that the page loads scripts from. Those scripts were not read.
    pub other_hosts: BTreeSet<String>,
    /// Secrets.
    pub leaks: Vec<Leak>,
    /// The publishable keys of Stripe and Clerk, and where they are.
    pub publishable_keys: BTreeMap<String, Vec<Place>>,
    /// The addresses that may be the Worker's.
    pub addresses: Addresses,
    /// The Content-Security-Policies of the page.
    pub policies: Vec<ContentPolicy>,
}

/// A secret that every visitor can read.
#[derive(Debug, Clone)]
pub struct Leak {
    /// Who issued it.
    pub issuer: Issuer,
    /// The secret.
    pub secret: Secret,
    /// The variable of this configuration that has the same value.
    pub variable: Option<String>,
    /// Where it is.
    pub places: Vec<Place>,
}

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextKind {
    Page,
    Script,
    /// A source in a source map. It does not run, so its keys and addresses are not used, but its secrets are exposed.
    Source,
}

patterns! {
    PUBLISHABLE = r"(?:^|[^A-Za-z0-9_]|\\[nrt])(pk_(?:live|test)_[A-Za-z0-9+/]{12,300}={0,2})";
}

/// The sources in a source map. A map that combines others has sections.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SourceMap {
    #[serde(default, deserialize_with = "some")]
    sources: Vec<Option<String>>,
    #[serde(default, deserialize_with = "some")]
    sources_content: Vec<Option<String>>,
    #[serde(default, deserialize_with = "some")]
    sections: Vec<Section>,
}

#[derive(Debug, Deserialize)]
struct Section {
    map: SourceMap,
}

/// The most entries of a list in a source map that are read: large applications have a few thousand sources.
const MOST_SOURCES: usize = 20_000;
/// The longest name of a file in a report, in characters.
const LONGEST_NAME: usize = 300;
const MOST_LEAKS: usize = 100;

/// Reads the first entries of a list and skips the rest.
fn some<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    struct Some<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Some<T> {
        type Value = Vec<T>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
            let mut read = Vec::new();
            while read.len() < MOST_SOURCES {
                let Option::Some(next) = list.next_element()? else { return Ok(read) };
                read.push(next);
            }
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(read)
        }
    }
    deserializer.deserialize_seq(Some(PhantomData))
}

impl SiteScan {
    /// Searches a text.
    pub(super) fn read(&mut self, config: &Config, reading: &Reading<'_>, kind: TextKind, stop: &Stop) {
        if stop.is_set() {
            return self.add_stopped(reading.file);
        }
        for Exposed { issuer, secret, variable, at } in exposed(reading.text, config) {
            self.leak(Leak { issuer, secret, variable, places: vec![reading.place(at)] });
        }
        if kind == TextKind::Source {
            return;
        }
        if stop.is_set() {
            return self.add_stopped(reading.file);
        }
        let keys = PUBLISHABLE.captures_iter(reading.text);
        for key in keys.filter_map(|captures| captures.get(1)).filter(|key| !is_placeholder(key.as_str())) {
            keep_named(&mut self.publishable_keys, key.as_str(), || reading.place(key.start()));
        }
        if kind == TextKind::Script {
            self.addresses.read(config, reading);
        }
    }

    fn leak(&mut self, found: Leak) {
        let is_same = |leak: &&mut Leak| leak.secret.fingerprint() == found.secret.fingerprint();
        if let Some(leak) = self.leaks.iter_mut().find(is_same) {
            for place in found.places {
                keep(&mut leak.places, || place);
            }
        } else if self.leaks.len() < MOST_LEAKS {
            self.leaks.push(found);
        }
    }

    /// Adds a file that was not searched to its end.
    pub(super) fn add_stopped(&mut self, file: &str) {
        let why = "searching it took too long";
        if !self.unread.iter().any(|(unread, _)| unread == file) {
            self.unread.push((file.to_owned(), why.to_owned()));
        }
    }

    /// Adds what was found in another text.
    pub(super) fn absorb(&mut self, other: Self) {
        other.leaks.into_iter().for_each(|leak| self.leak(leak));
        merge(&mut self.publishable_keys, other.publishable_keys);
        self.addresses.absorb(other.addresses);
        self.unread.extend(other.unread);
    }

    /// Searches the sources in a source map.
    pub(super) fn read_map(&mut self, config: &Config, file: &str, json: &str, stop: &Stop) {
        if stop.is_set() {
            return self.add_stopped(file);
        }
        // A file that is not a source map is still text, and may contain a secret.
        match serde_json::from_str::<SourceMap>(json) {
            Ok(map) => self.read_sources(config, file, &map, stop),
            Err(error) => {
                self.read(config, &Reading::new(file, None, json), TextKind::Source, stop);
                if error.is_eof() {
                    self.unread.push((file.to_owned(), "it is cut off".to_owned()));
                }
            }
        }
    }

    fn read_sources(&mut self, config: &Config, file: &str, map: &SourceMap, stop: &Stop) {
        for (index, text) in map.sources_content.iter().enumerate() {
            let Some(text) = text else { continue };
            let name = map.sources.get(index).cloned().flatten().unwrap_or_else(|| format!("source {index}"));
            // Paths are relative to the map's folder, which says nothing.
            let name: String = name.trim_start_matches("../").chars().take(LONGEST_NAME).collect();
            self.read(config, &Reading::new(file, Some(&name), text), TextKind::Source, stop);
        }
        map.sections.iter().for_each(|section| self.read_sources(config, file, &section.map, stop));
    }

    /// Sorts everything, so that the order does not depend on which file arrived first.
    pub(super) fn sort(&mut self) {
        self.publishable_keys.values_mut().for_each(|places| places.sort());
        self.leaks.iter_mut().for_each(|leak| leak.places.sort());
        self.leaks.sort_by(|left, right| (left.issuer, &left.places).cmp(&(right.issuer, &right.places)));
        self.unread.sort();
        self.addresses.sort();
    }
}

/// The name of a file in a report: its path, or its URL if another host serves it.
pub(super) fn name_of(url: &Url, page: &Url) -> String {
    let name = if url.origin() == page.origin() { url.path() } else { url.as_str() };
    name.chars().take(LONGEST_NAME).collect()
}
