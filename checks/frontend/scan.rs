//! How the checks of this group report what was read of the frontend, and where something is.

use crate::check::prelude::*;
use crate::world::{Place, SiteScan};

/// The most unread files that a report names.
const MOST_UNREAD: usize = 10;

/// What was read: `12 files (340 KB) were read`.
pub(super) fn extent(scan: &SiteScan) -> String {
    let files = if scan.files == 1 { "file" } else { "files" };
    let size = if scan.bytes < 10_000 { format!("{} bytes", scan.bytes) } else { format!("{} KB", scan.bytes / 1000) };
    let others = scan.other_hosts.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let others = if others.is_empty() { String::new() } else { format!("; not the scripts of {others}") };
    format!("{} {files} ({size}) were read{others}", scan.files)
}

/// What the page loads but could not be read; `None` if everything was read.
pub(super) fn missing(scan: &SiteScan) -> Option<String> {
    let named = scan.unread.iter().take(MOST_UNREAD).map(|(file, why)| format!("{file} ({why})"));
    let mut unread = named.collect::<Vec<_>>().join(", ");
    if scan.unread.len() > MOST_UNREAD {
        unread.push_str(&format!(" and {} more", scan.unread.len() - MOST_UNREAD));
    }
    match (unread.is_empty(), scan.left) {
        (true, 0) => None,
        (true, left) => Some(format!("the limit was reached with {left} files left")),
        (false, 0) => Some(format!("not read: {unread}")),
        (false, left) => Some(format!("not read: {unread}; the limit was reached with {left} more files left")),
    }
}

/// The first few places in a sentence, and how many more there are.
pub(super) fn listed(places: &[Place]) -> String {
    let shown: Vec<String> = places.iter().take(3).map(ToString::to_string).collect();
    let more = places.len().saturating_sub(shown.len());
    let shown = shown.join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

/// The first few places as evidence of something that was seen there.
pub(super) fn evidence(places: &[Place], seen: &str) -> Vec<Evidence> {
    let evidence = |place: &Place| Evidence {
        request: format!("GET {}", place.file),
        status: Some(200),
        request_id: None,
        field: place.to_string(),
        seen: seen.to_owned(),
    };
    places.iter().take(3).map(evidence).collect()
}
