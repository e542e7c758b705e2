//! What the tests of this folder share.

use std::fs;

use super::{Reading, SourceFacts, read};

/// Reads files with these paths and texts.
pub(super) fn reading(files: &[(&str, &str)]) -> Reading {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    read(root.path())
}

/// What one file says.
pub(super) fn facts(text: &str) -> SourceFacts {
    let reading = reading(&[("worker.ts", text)]);
    assert_eq!(reading.skipped, []);
    reading.facts
}

/// The values of facts, without their places.
pub(super) fn values<T: Clone>(found: &[super::Found<T>]) -> Vec<T> {
    found.iter().map(|found| found.value.clone()).collect()
}
