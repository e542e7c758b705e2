//! What is found in the page and its scripts. The texts themselves are not kept: a site can be large.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use url::Url;

use super::addresses::Addresses;
use super::place::{Place, Reading, keep, keep_of, merge};
use super::stop::Stop;
use crate::config::{Config, Exposed, Issuer, Secret, exposed, is_placeholder};
use crate::pattern::patterns;

/// What a page and its scripts show to everybody.
#[derive(Debug, Default)]
pub struct Served {
    /// Where the page is, after redirects.
    pub page: String,
    /// How many files were read: the page, its scripts, their source maps.
    pub files: usize,
    /// How many bytes those have.
    pub bytes: usize,
    /// What the page loads and could not be read, and why.
    pub unread: Vec<(String, String)>,
    /// How many files more were known of when the bound was reached.
    pub left: usize,
    /// The hosts of others that the page loads scripts from; those were not read.
    pub others: BTreeSet<String>,
    /// Secrets.
    pub leaks: Vec<Leak>,
    /// Publishable keys, of Stripe and of Clerk, and where they stand.
    pub(super) keys: BTreeMap<String, Vec<Place>>,
    /// Where the scripts look for the Worker.
    pub(super) addresses: Addresses,
}

/// A secret that everybody can read.
#[derive(Debug, Clone)]
pub struct Leak {
    /// Whose it is.
    pub issuer: Issuer,
    /// The secret.
    pub secret: Secret,
    /// The variable that holds it here, where it is one of ours.
    pub variable: Option<String>,
    /// Where it stands.
    pub places: Vec<Place>,
}

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Page,
    Script,
    /// What a source map holds is not what runs: what it leaks is leaked, and what it names is not asked.
    Source,
}

patterns! {
    PUBLISHABLE = r"(?:^|[^A-Za-z0-9_]|\\[nrt])(pk_(?:live|test)_[A-Za-z0-9+/]{12,300}={0,2})";
}

/// A source map, as far as it holds sources. One that was put together of several has sections.
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

/// The most that is read of a list in a source map: large applications have a few thousand sources.
const MOST_SOURCES: usize = 20_000;
/// The most characters of a file's name that a report shows.
const LONGEST_NAME: usize = 300;
/// The most secrets that are told apart.
const MOST_LEAKS: usize = 100;
/// The most files that are named as not read.
const MOST_UNREAD: usize = 10;

/// Reads a list up to a bound, and leaves the rest.
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

impl Served {
    /// Whether everything was read that the page was seen to load from its own site.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.unread.is_empty() && self.left == 0
    }

    /// What was read, in a phrase: `12 files (340 KB)`.
    #[must_use]
    pub fn extent(&self) -> String {
        let files = if self.files == 1 { "file" } else { "files" };
        let size =
            if self.bytes < 10_000 { format!("{} bytes", self.bytes) } else { format!("{} KB", self.bytes / 1000) };
        let others = self.others.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let others = if others.is_empty() { String::new() } else { format!("; not the scripts of {others}") };
        format!("{} {files} ({size}) were read{others}", self.files)
    }

    /// What was not read although the page loads it, in a sentence.
    #[must_use]
    pub fn missing(&self) -> Option<String> {
        let named = self.unread.iter().take(MOST_UNREAD).map(|(file, why)| format!("{file} ({why})"));
        let mut unread = named.collect::<Vec<_>>().join(", ");
        if self.unread.len() > MOST_UNREAD {
            unread.push_str(&format!(" and {} more", self.unread.len() - MOST_UNREAD));
        }
        match (unread.is_empty(), self.left) {
            (true, 0) => None,
            (true, left) => Some(format!("the bound was reached, with {left} more to read")),
            (false, 0) => Some(format!("not read: {unread}")),
            (false, left) => Some(format!("not read: {unread}, and at the bound there were {left} more")),
        }
    }

    /// Looks through a text.
    pub(super) fn read(&mut self, config: &Config, reading: &Reading<'_>, kind: Kind, stop: &Stop) {
        if stop.is_asked() {
            return self.is_stopped(reading.file);
        }
        for Exposed { issuer, secret, variable, at } in exposed(reading.text, config) {
            self.leak(Leak { issuer, secret, variable, places: vec![reading.place(at)] });
        }
        if kind == Kind::Source {
            return;
        }
        if stop.is_asked() {
            return self.is_stopped(reading.file);
        }
        let keys = PUBLISHABLE.captures_iter(reading.text);
        for key in keys.filter_map(|captures| captures.get(1)).filter(|key| !is_placeholder(key.as_str())) {
            keep_of(&mut self.keys, key.as_str(), || reading.place(key.start()));
        }
        if kind == Kind::Script {
            self.addresses.read(config, reading);
        }
    }

    fn leak(&mut self, found: Leak) {
        let same = |leak: &&mut Leak| leak.secret.fingerprint() == found.secret.fingerprint();
        if let Some(leak) = self.leaks.iter_mut().find(same) {
            for place in found.places {
                keep(&mut leak.places, || place);
            }
        } else if self.leaks.len() < MOST_LEAKS {
            self.leaks.push(found);
        }
    }

    /// Says that a file was not looked through to its end, once.
    pub(super) fn is_stopped(&mut self, file: &str) {
        let why = "it took too long to look through";
        if !self.unread.iter().any(|(unread, _)| unread == file) {
            self.unread.push((file.to_owned(), why.to_owned()));
        }
    }

    /// Adds what was found in another text.
    pub(super) fn absorb(&mut self, other: Self) {
        other.leaks.into_iter().for_each(|leak| self.leak(leak));
        merge(&mut self.keys, other.keys);
        self.addresses.absorb(other.addresses);
        self.unread.extend(other.unread);
    }

    /// Looks through the sources in a source map.
    pub(super) fn read_map(&mut self, config: &Config, file: &str, json: &str, stop: &Stop) {
        if stop.is_asked() {
            return self.is_stopped(file);
        }
        // What cannot be read as one is text all the same: it may hold what nobody should read.
        match serde_json::from_str::<SourceMap>(json) {
            Ok(map) => self.read_sources(config, file, &map, stop),
            Err(error) => {
                self.read(config, &Reading::new(file, None, json), Kind::Source, stop);
                if error.is_eof() {
                    self.unread.push((file.to_owned(), "it ends in the middle".to_owned()));
                }
            }
        }
    }

    fn read_sources(&mut self, config: &Config, file: &str, map: &SourceMap, stop: &Stop) {
        for (index, text) in map.sources_content.iter().enumerate() {
            let Some(text) = text else { continue };
            let name = map.sources.get(index).cloned().flatten().unwrap_or_else(|| format!("source {index}"));
            // Counted from the map's own folder, which tells nobody anything.
            let name: String = name.trim_start_matches("../").chars().take(LONGEST_NAME).collect();
            self.read(config, &Reading::new(file, Some(&name), text), Kind::Source, stop);
        }
        map.sections.iter().for_each(|section| self.read_sources(config, file, &section.map, stop));
    }

    /// Puts what was found in an order that does not depend on who answered first.
    pub(super) fn settle(&mut self) {
        self.keys.values_mut().for_each(|places| places.sort());
        self.leaks.iter_mut().for_each(|leak| leak.places.sort());
        self.leaks.sort_by(|left, right| (left.issuer, &left.places).cmp(&(right.issuer, &right.places)));
        self.unread.sort();
        self.addresses.settle();
    }
}

/// What a report calls a file: its path, or its URL where another host serves it.
pub(super) fn name_of(url: &Url, page: &Url) -> String {
    let name = if url.origin() == page.origin() { url.path() } else { url.as_str() };
    name.chars().take(LONGEST_NAME).collect()
}
