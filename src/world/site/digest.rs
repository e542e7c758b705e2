//! What one file shows: work for a thread of its own, which ends with what was read so far when it is asked to.

use url::Url;

use super::page::Page;
use super::place::Reading;
use super::script::{Leads, leads};
use super::served::{Kind, Served, name_of};
use super::stop::Stop;
use crate::config::Config;
use crate::world::transport::Answer;

/// What was found in a file. The text itself is not kept.
#[derive(Default)]
pub(super) struct Digest {
    pub bytes: usize,
    pub found: Served,
    pub leads: Vec<Leads>,
    /// What the page names, of the page itself.
    pub page: Page,
    /// The source map that a header names.
    pub map: Option<Url>,
}

/// What is found in the page, but for what its inline scripts lead to.
pub(super) fn page_digest(config: &Config, url: &Url, text: &str, stop: &Stop) -> Digest {
    let file = name_of(url, url);
    let reading = Reading::new(&file, None, text);
    let page = Page::parse(text, url, stop);
    let mut found = Served::default();
    found.read(config, &reading, Kind::Page, stop);
    let mut from = 0;
    for inline in page.inline.iter().take_while(|_| !stop.is_asked()) {
        // They stand in their order, so that the page is searched once and not once for each.
        let within = text[from..].find(inline.as_str()).map_or(from, |at| from + at);
        found.addresses.read_within(config, &reading, within, inline);
        from = text.floor_char_boundary(within + inline.len());
    }
    Digest { bytes: text.len(), found, page, ..Digest::default() }
}

/// What is found in a script or a source map.
pub(super) fn digest(
    config: &Config,
    page: &Url,
    url: &Url,
    is_map: bool,
    known: &[Url],
    answer: &Answer,
    stop: &Stop,
) -> Digest {
    let (text, file) = (answer.text(), name_of(url, page));
    let mut digest = Digest { bytes: text.len(), ..Digest::default() };
    if is_map {
        digest.found.read_map(config, &file, &text, stop);
        return digest;
    }
    digest.found.read(config, &Reading::new(&file, None, &text), Kind::Script, stop);
    if stop.is_asked() {
        digest.found.is_stopped(&file);
        return digest;
    }
    digest.leads = vec![leads(&text, url, known)];
    digest.map = answer.header("sourcemap").and_then(|map| url.join(map).ok());
    digest
}
