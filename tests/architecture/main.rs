//! The house holds: no file needs, by whatever way round, one that needs it, and the arrows of `src/lib.rs` point one way.

#![expect(clippy::unwrap_used, reason = "what cannot be read has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// From the ground up. What stands in one row knows only what stands in a row below it, and its own.
const FLOORS: [&[&str]; 10] = [
    &["holder", "pattern"],
    &["change"],
    &["finding"],
    &["config"],
    &["source", "world"],
    &["check", "sandbox"],
    &["checks"],
    &["reconcile", "run"],
    &["fix", "init", "report", "trace"],
    &["cli"],
];

/// A module by its path, `world::stripe`, and what it imports.
type Modules = BTreeMap<String, Vec<Import>>;

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every module of the library and the binary. A folder of tests is none.
fn modules() -> Modules {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    files(&root.join("src"), &mut found);
    files(&root.join("checks"), &mut found);
    let comment = Regex::new(r"(?m)//.*$").unwrap();
    let name = |path: &Path| {
        let path = path.strip_prefix(root).unwrap().with_extension("");
        let path = path.strip_prefix("src").unwrap_or(&path);
        let steps: Vec<&str> = path.iter().map(|step| step.to_str().unwrap()).collect();
        steps.join("::").trim_end_matches("mod").trim_end_matches("::").to_owned()
    };
    let code = |path: &Path| {
        let text = fs::read_to_string(path).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        comment.replace_all(text, "").into_owned()
    };
    let is_test = |name: &str| name.split("::").any(|step| matches!(step, "tests" | "testing" | "laws"));
    let modules = found.iter().map(|path| (name(path), imports(&code(path))));
    modules.filter(|(name, _)| !is_test(name)).collect()
}

/// One name that a `use` brings in, in steps, and whether it is only handed on.
struct Import {
    steps: Vec<String>,
    is_handed_on: bool,
}

/// Every `use` of a module, with its braces taken apart.
fn imports(code: &str) -> Vec<Import> {
    let statement = Regex::new(r"(?m)^\s*(pub(?:\([^)]*\))?\s+)?use\s+([^;]+);").unwrap();
    let mut imports = Vec::new();
    for found in statement.captures_iter(code) {
        let tree: String = found[2].split_whitespace().collect::<Vec<_>>().join(" ");
        let mut paths = Vec::new();
        take_apart("", &tree, &mut paths);
        imports.extend(paths.into_iter().map(|path| {
            let path = path.split(" as ").next().unwrap().trim();
            let steps = path.split("::").map(|step| step.trim().to_owned()).collect();
            Import { steps, is_handed_on: found.get(1).is_some() }
        }));
    }
    imports
}

fn take_apart(before: &str, tree: &str, paths: &mut Vec<String>) {
    let Some(open) = tree.find('{') else { return paths.push(format!("{before}{tree}")) };
    let before = format!("{before}{}", tree[..open].trim());
    let inner = &tree[open + 1..tree.rfind('}').unwrap()];
    let (mut depth, mut start) = (0, 0);
    for (at, letter) in inner.char_indices().chain([(inner.len(), ',')]) {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let part = inner[start..at].trim();
                if !part.is_empty() {
                    take_apart(&before, part, paths);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// The module that the name comes from: where it is declared, through whatever hands it on.
fn origin(modules: &Modules, at: &str, import: &[String], depth: usize) -> Option<String> {
    let mut module = match import[0].as_str() {
        "crate" | "preflight" => String::new(),
        "self" => at.to_owned(),
        "super" => parent(at),
        child if modules.contains_key(&join(at, child)) => join(at, child),
        _ => return None,
    };
    let mut rest = &import[1..];
    while let Some((step, after)) = rest.split_first() {
        match step.as_str() {
            "super" => module = parent(&module),
            step if modules.contains_key(&join(&module, step)) => module = join(&module, step),
            _ => break,
        }
        rest = after;
    }
    let Some(name) = rest.first().filter(|name| depth < 8 && *name != "*" && *name != "self") else {
        return Some(module);
    };
    let handed_on = modules.get(&module).into_iter().flatten();
    let handed_on = handed_on.filter(|import| import.is_handed_on).find(|import| import.steps.last() == Some(name));
    let further = handed_on.and_then(|import| origin(modules, &module, &import.steps, depth + 1));
    Some(further.unwrap_or(module))
}

fn join(module: &str, step: &str) -> String {
    if module.is_empty() { step.to_owned() } else { format!("{module}::{step}") }
}

fn parent(module: &str) -> String {
    module.rsplit_once("::").map_or_else(String::new, |(parent, _)| parent.to_owned())
}

/// Which modules each module imports from. A name that is only handed on is needed by whoever asks for it.
fn arrows(modules: &Modules) -> BTreeMap<String, BTreeSet<String>> {
    let arrows = modules.iter().map(|(name, imports)| {
        let needed = imports.iter().filter(|import| !import.is_handed_on);
        let origins = needed.filter_map(|import| origin(modules, name, &import.steps, 0));
        (name.clone(), origins.filter(|origin| origin != name && !origin.is_empty()).collect())
    });
    arrows.collect()
}

#[test]
fn every_arrow_between_modules_points_down() {
    let modules = modules();
    let floor = |module: &str| {
        let top = module.split("::").next().unwrap();
        FLOORS.iter().position(|floor| floor.contains(&top)).unwrap_or_else(|| panic!("{module} stands on no floor"))
    };
    let mut wrong = Vec::new();
    for (from, needed) in arrows(&modules).into_iter().filter(|(from, _)| !matches!(from.as_str(), "lib" | "main")) {
        for to in needed {
            let same = from.split("::").next() == to.split("::").next();
            if !same && floor(&from) <= floor(&to) {
                wrong.push(format!("{from} -> {to}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_two_files_need_each_other() {
    let modules = modules();
    let arrows = arrows(&modules);
    let reach = |from: &str| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from.to_owned()]);
        while let Some(module) = open.pop() {
            for next in arrows.get(&module).into_iter().flatten() {
                if seen.insert(next.clone()) {
                    open.push(next.clone());
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&str, BTreeSet<String>> = arrows.keys().map(|from| (from.as_str(), reach(from))).collect();
    let in_circle = |from: &&&str| reached[**from].contains(**from);
    let circles: Vec<String> = reached
        .keys()
        .filter(in_circle)
        .flat_map(|from| {
            let back =
                arrows[*from].iter().filter(|to| reached.get(to.as_str()).is_some_and(|all| all.contains(*from)));
            back.map(move |to| format!("{from} -> {to}"))
        })
        .collect();
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn a_use_is_taken_apart_and_followed_to_where_the_name_is_declared() {
    let modules: Modules = [
        ("a", "mod b;\npub use b::{B, c::C as D};"),
        ("a::b", "pub mod c;\nuse super::A;\npub struct B;"),
        ("a::b::c", "pub struct C;"),
        ("d", "use crate::a::{\n    A, B,\n    b::c::C,\n};\nuse std::fmt;"),
    ]
    .map(|(name, code)| (name.to_owned(), imports(code)))
    .into();
    let arrows = arrows(&modules);
    assert_eq!(arrows["d"], ["a", "a::b", "a::b::c"].map(str::to_owned).into());
    assert_eq!(arrows["a::b"], ["a".to_owned()].into());
    assert!(arrows["a"].is_empty());
}
