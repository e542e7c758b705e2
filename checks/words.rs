//! The law of words: comments, messages and documentation are plain American English.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// Words and phrases that may not appear, each with what to write instead.
const BANNED: &[(&str, &str)] = &[
    ("mends?", "fix"),
    ("mended", "fixed"),
    ("mending", "fixing"),
    ("whoever", "the one who, anyone who, or name the reader: you"),
    ("whomever", "name who it is"),
    ("somebody", "someone, or name who it is"),
    ("nobody", "say what is missing: `no user`, `not signed off`"),
    ("no one", "say what is missing: `no user`, `not signed off`"),
    ("lets? in", "accepts"),
    ("comes? about", "name the event: `could not connect`"),
    ("came about", "name the event: `could not connect`"),
    ("belongs? into", "belongs in"),
    ("of (live|test) mode", "a live-mode …, a test-mode …"),
    ("is of", "is a …"),
    ("slips?", "mistake, problem or typo"),
    ("payers?", "customer, or the customer who pays"),
    ("is to be found", "is"),
    ("what is meant", "the intended value"),
    ("has to be", "must be"),
    ("have to be", "must be"),
    ("sound", "valid, usable or healthy"),
    ("told", "reported"),
    ("of its own", "its own"),
    ("of their own", "their own"),
    ("for who wants it so", "if you want it"),
];

/// The files whose words are read: the code, its data, the checks and the documents. Tests and laws quote what they like.
fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![root.join("README.md")];
    let mut folders = vec![root.join("checks"), root.join("docs"), root.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let is_test = matches!(name.as_str(), "tests" | "tests.rs" | "testing.rs" | "laws.rs" | "words.rs");
            match path.extension().and_then(|extension| extension.to_str()) {
                _ if is_test => {}
                None if path.is_dir() => folders.push(path),
                Some("rs" | "toml" | "md") => files.push(path),
                _ => {}
            }
        }
    }
    files.sort();
    files
}

/// Everything in a file that a reader reads: a comment or a literal each, with its first line. A comment of several lines is
/// one text, so that no phrase hides in a line break.
fn texts(path: &Path) -> Vec<(usize, String)> {
    let source = fs::read_to_string(path).unwrap();
    if path.extension().is_none_or(|extension| extension != "rs") {
        return vec![(1, source)];
    }
    let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let comments_and_literals = concat!(
        r"(?s)(?<comment>//[^\n]*(?:\n\s*//[^\n]*)*)|/\*.*?\*/",
        r##"|r#+".*?"#+|r"[^"]*"|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\[^\n']*)'"##
    );
    let (token, margin) = (Regex::new(comments_and_literals).unwrap(), Regex::new(r"\n\s*//[/!]?").unwrap());
    token
        .captures_iter(source)
        .map(|found| {
            let line = source[..found.get(0).unwrap().start()].matches('\n').count() + 1;
            (line, margin.replace_all(&found[0], "\n").into_owned())
        })
        .collect()
}

#[test]
fn the_words_are_plain_american_english() {
    let banned: Vec<(Regex, &str)> = BANNED
        .iter()
        .map(|(word, instead)| {
            let spaced = word.replace(' ', r"(?:\s|\\\n)+");
            (Regex::new(&format!(r"(?i)\b(?:{spaced})\b")).unwrap(), *instead)
        })
        .collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for path in files() {
        let shown = path.strip_prefix(root).unwrap().display().to_string();
        for (line, text) in texts(&path) {
            for (word, instead) in &banned {
                for hit in word.find_iter(&text) {
                    let line = line + text[..hit.start()].matches('\n').count();
                    found.push(format!("{shown}:{line}: \"{}\": write {instead}", hit.as_str()));
                }
            }
        }
    }
    assert!(found.is_empty(), "{} banned words:\n{}", found.len(), found.join("\n"));
}
