//! Where the code reads a key of a value: `claims.plan`, and `const { plan } = claims`.

use super::project::{At, Project};
use super::tree::{Kind, Pattern};

/// Functions that return the claims of a token.
const VERIFIERS: [&str; 8] = [
    "verifyToken",
    "verifyJwt",
    "jwtVerify",
    "verifyJWT",
    "decodeJwt",
    "decode",
    "authenticateRequest",
    "verifySession",
];

/// A key that is read.
pub(super) struct Read<'t> {
    /// Where.
    pub at: At<'t>,
    /// The key.
    pub key: String,
    /// What it is read from: as it is written, and as it came to be.
    pub paths: [Vec<String>; 2],
}

impl Read<'_> {
    /// The claim that it is, if it is read from the claims of a token.
    pub(super) fn claim(&self) -> Option<String> {
        self.paths.iter().find_map(|path| {
            let after = claims(path)?;
            let inner = after.iter().filter(|name| !is_call(name) && *name != "payload").map(String::as_str);
            Some(inner.chain([self.key.as_str()]).collect::<Vec<_>>().join("."))
        })
    }
}

/// What follows the claims of a token in a path: `sessionClaims`, a `payload`, or what a function returns that verifies.
fn claims(path: &[String]) -> Option<&[String]> {
    let at = path.iter().enumerate().rposition(|(at, name)| {
        let bare = name.trim_matches(['(', ')']);
        let is_named =
            bare.to_lowercase().ends_with("claims") || bare.ends_with("Payload") || (at == 0 && bare == "payload");
        is_named || (is_call(name) && at > 0 && VERIFIERS.contains(&path[at - 1].as_str()))
    })?;
    path.get(at + 1..)
}

fn is_call(name: &str) -> bool {
    name.starts_with('(')
}

/// Every reading of a key that is looked for.
pub(super) fn reads<'t>(project: &Project<'t>, is_wanted: impl Fn(&str) -> bool) -> Vec<Read<'t>> {
    let mut reads = Vec::new();
    for at in project.all() {
        match &at.node.kind {
            Kind::Member(object, key) if is_wanted(key) => {
                let object = at.to(object);
                reads.push(Read { at, key: key.clone(), paths: [project.written(object), project.origin(object)] });
            }
            Kind::Declare(pattern @ Pattern::Fields(_), Some(value)) => {
                for keys in pattern.names().into_iter().filter_map(|(_, keys)| keys) {
                    let Some((key, before)) = keys.split_last().filter(|(key, _)| is_wanted(key)) else { continue };
                    let paths = [project.written(at.to(value)), project.origin(at.to(value))];
                    let paths = paths.map(|mut path| {
                        path.extend(before.iter().map(|key| (*key).to_owned()));
                        path
                    });
                    reads.push(Read { at, key: (*key).to_owned(), paths });
                }
            }
            _ => {}
        }
    }
    reads
}
