//! What is found in the page and its scripts. The texts themselves are not kept: a site can be large.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use url::Url;

use super::addresses::Addresses;
use super::place::{Place, Reading};
use crate::config::{Config, Issuer, Secret, exposed, is_placeholder};
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
    #[serde(default)]
    sources: Vec<Option<String>>,
    #[serde(default)]
    sources_content: Vec<Option<String>>,
    #[serde(default)]
    sections: Vec<Section>,
}

#[derive(Debug, Deserialize)]
struct Section {
    map: SourceMap,
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
        let unread = self.unread.iter().map(|(file, why)| format!("{file} ({why})")).collect::<Vec<_>>();
        match (unread.is_empty(), self.left) {
            (true, 0) => None,
            (true, left) => Some(format!("the bound was reached, with {left} more to read")),
            (false, 0) => Some(format!("not read: {}", unread.join(", "))),
            (false, left) => Some(format!("not read: {}, and at the bound there were {left} more", unread.join(", "))),
        }
    }

    /// Looks through a text.
    pub(super) fn read(&mut self, config: &Config, reading: Reading<'_>, kind: Kind) {
        for found in exposed(reading.text, config) {
            let place = reading.place(found.at);
            let same = |leak: &&mut Leak| leak.secret.fingerprint() == found.secret.fingerprint();
            match self.leaks.iter_mut().find(same) {
                Some(leak) => leak.places.push(place),
                None => self.leaks.push(Leak {
                    issuer: found.issuer,
                    secret: found.secret,
                    variable: found.variable,
                    places: vec![place],
                }),
            }
        }
        if kind == Kind::Source {
            return;
        }
        let keys = PUBLISHABLE.captures_iter(reading.text);
        for key in keys.filter_map(|captures| captures.get(1)).filter(|key| !is_placeholder(key.as_str())) {
            self.keys.entry(key.as_str().to_owned()).or_default().push(reading.place(key.start()));
        }
        if kind == Kind::Script {
            self.addresses.read(config, reading);
        }
    }

    /// Looks through the sources in a source map.
    pub(super) fn read_map(&mut self, config: &Config, file: &str, json: &str) {
        if let Ok(map) = serde_json::from_str::<SourceMap>(json) {
            self.read_sources(config, file, &map);
        }
    }

    fn read_sources(&mut self, config: &Config, file: &str, map: &SourceMap) {
        for (index, text) in map.sources_content.iter().enumerate() {
            let Some(text) = text else { continue };
            let name = map.sources.get(index).cloned().flatten().unwrap_or_else(|| format!("source {index}"));
            // Counted from the map's own folder, which tells nobody anything.
            let source = Some(name.trim_start_matches("../"));
            self.read(config, Reading { file, source, text }, Kind::Source);
        }
        map.sections.iter().for_each(|section| self.read_sources(config, file, &section.map));
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
    if url.origin() == page.origin() { url.path().to_owned() } else { url.to_string() }
}
