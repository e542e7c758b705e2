//! What one file contains. Searching it runs on a thread, and ends early when it is asked to stop.

use url::Url;

use super::page::PageScripts;
use super::place::Reading;
use super::scan::{SiteScan, TextKind, name_of};
use super::script::{References, references};
use super::stop::Stop;
use crate::config::Config;
use crate::world::transport::Answer;

/// What a file contains. The text itself is not kept.
#[derive(Default)]
pub(super) struct Digest {
    pub bytes: usize,
    pub found: SiteScan,
    pub references: Vec<References>,
    /// The scripts of the page, if the file is the page.
    pub page: PageScripts,
    /// The source map in a header.
    pub map: Option<Url>,
}

/// What the page contains, except for what its inline scripts refer to.
pub(super) fn page_digest(config: &Config, url: &Url, text: &str, stop: &Stop) -> Digest {
    let file = name_of(url, url);
    let reading = Reading::new(&file, None, text);
    let page = PageScripts::parse(text, url, stop);
    let mut found = SiteScan::default();
    found.read(config, &reading, TextKind::Page, stop);
    let mut from = 0;
    for inline in page.inline.iter().take_while(|_| !stop.is_set()) {
        // Inline scripts are in the page's order, so the page is searched once and not once for each.
        let within = text[from..].find(inline.as_str()).map_or(from, |at| from + at);
        found.addresses.read_within(config, &reading, within, inline);
        from = text.floor_char_boundary(within + inline.len());
    }
    Digest { bytes: text.len(), found, page, ..Digest::default() }
}

/// What a script or a source map contains.
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
    digest.found.read(config, &Reading::new(&file, None, &text), TextKind::Script, stop);
    if stop.is_set() {
        digest.found.add_stopped(&file);
        return digest;
    }
    digest.references = vec![references(&text, url, known)];
    digest.map = answer.header("sourcemap").and_then(|map| url.join(map).ok());
    digest
}
