//! The catalog of scenarios: every way in which the sandbox can differ from a healthy world, and scenarios from files beside it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use serde::{Deserialize, Deserializer};

use super::Error;
use super::document::Document;
use crate::finding::Severity;
use crate::world::Depth;

/// A named change to the healthy world, and what preflight must find in it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name, such as `price-test-mode`. Empty in a file, which is its name.
    #[serde(default)]
    pub name: String,
    /// Its group in lists.
    #[serde(default)]
    pub group: String,
    /// One sentence: what is wrong, or why it is healthy.
    #[serde(default)]
    pub about: String,
    /// The findings that it must cause. A healthy world may only cause warnings.
    #[serde(default)]
    pub finds: Vec<Expected>,
    /// The checks that must be unknown, by id or glob.
    #[serde(default)]
    pub unknown: Vec<String>,
    /// Whether the months of a subscription must pass before it shows.
    #[serde(default)]
    needs_time: bool,
    /// Scenarios to apply before this one. Unless this one has its own, the findings of the first one are expected.
    #[serde(default)]
    extends: Vec<String>,
    /// What to copy: target path, source path.
    #[serde(default)]
    copy: BTreeMap<String, String>,
    /// The paths to remove.
    #[serde(default)]
    remove: Vec<String>,
    /// The values to set, by path.
    #[serde(default)]
    set: toml::Table,
}

/// A finding that a scenario must cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The check's id, `stripe/price-mode`.
    pub check: String,
    /// The finding's code, `other-mode`.
    pub code: String,
    /// Its severity.
    pub severity: Severity,
}

impl<'de> Deserialize<'de> for Expected {
    /// Reads `stripe/price-mode: other-mode`, followed by ` (warning)` or ` (note)` if it is no failure.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let weaker = [Severity::Warning, Severity::Note].into_iter();
        let mut named = weaker.filter_map(|severity| Some((text.strip_suffix(severity.suffix())?, severity)));
        let (finding, severity) = named.next().unwrap_or((&text, Severity::Failure));
        let (check, code) = finding
            .split_once(": ")
            .filter(|(check, _)| check.contains('/'))
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not `group/check: code`")))?;
        Ok(Self { check: check.to_owned(), code: code.to_owned(), severity })
    }
}

impl Scenario {
    /// The rehearsal that its findings are those of. A run finds nothing then.
    #[must_use]
    pub fn depth(&self) -> Option<Depth> {
        let finds_in = |group: &str| self.finds.iter().any(|expected| expected.check.split('/').next() == Some(group));
        match self.needs_time {
            true => Some(Depth::Live),
            _ if finds_in("rehearsal") => Some(Depth::Events),
            _ if finds_in("billing") => Some(Depth::Guided),
            _ => None,
        }
    }

    /// A scenario that is not in the catalog, from a file.
    fn in_file(path: &str) -> Result<Self, Error> {
        let unreadable = |reason: String| Error::File { path: path.to_owned(), reason };
        let text = fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
        let scenario: Self =
            toml::from_str(&text).map_err(|error| unreadable(error.to_string().trim_end().to_owned()))?;
        Ok(Self { name: path.to_owned(), ..scenario })
    }

    /// Copies, then removes, then sets.
    fn apply_to(&self, document: &mut Document) -> Result<(), Error> {
        let at = |path: &str| {
            let (scenario, path) = (self.name.clone(), path.to_owned());
            move |reason| Error::Patch { scenario, path, reason }
        };
        for (to, from) in &self.copy {
            document.copy(to, from).map_err(at(to))?;
        }
        for path in &self.remove {
            document.remove(path).map_err(at(path))?;
        }
        for (path, value) in &self.set {
            document.set(path, value.clone()).map_err(at(path))?;
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalog {
    scenario: Vec<Scenario>,
}

static CATALOG: LazyLock<Result<Vec<Scenario>, String>> = LazyLock::new(|| {
    let catalog: Catalog = toml::from_str(include_str!("scenarios.toml")).map_err(|error| error.to_string())?;
    let mut scenarios = catalog.scenario;
    for index in 0..scenarios.len() {
        // A variant is expected to cause its base's findings unless it has its own.
        let variant = &scenarios[index];
        let base = variant.extends.first().filter(|_| variant.finds.is_empty() && variant.unknown.is_empty());
        if let Some(base) = scenarios[..index].iter().find(|scenario| Some(&scenario.name) == base) {
            let (finds, unknown) = (base.finds.clone(), base.unknown.clone());
            scenarios[index].finds = finds;
            scenarios[index].unknown = unknown;
        }
    }
    Ok(scenarios)
});

/// Every scenario, in the catalog's order.
#[must_use]
pub fn scenarios() -> &'static [Scenario] {
    CATALOG.as_deref().unwrap_or_default()
}

/// The healthy document with the scenarios applied in order: each a name of the catalog, or the path of a TOML file.
pub(super) fn document(names: &[&str]) -> Result<Document, Error> {
    if let Err(error) = CATALOG.as_ref() {
        return Err(Error::Catalog(error.clone()));
    }
    let mut document = Document::healthy()?;
    for name in names {
        apply(&mut document, name, 0)?;
    }
    Ok(document)
}

fn apply(document: &mut Document, name: &str, depth: usize) -> Result<(), Error> {
    // No chain of variants is this long, so this is a circle.
    if depth > 8 {
        return Err(Error::Circle(name.to_owned()));
    }
    let is_file = Path::new(name).extension().is_some_and(|extension| extension == "toml");
    let scenario = if is_file { Cow::Owned(Scenario::in_file(name)?) } else { Cow::Borrowed(find(name)?) };
    for base in &scenario.extends {
        apply(document, base, depth + 1)?;
    }
    scenario.apply_to(document)
}

fn find(name: &str) -> Result<&'static Scenario, Error> {
    scenarios().iter().find(|scenario| scenario.name == name).ok_or_else(|| {
        let near = scenarios().iter().map(|scenario| (strsim::jaro_winkler(&scenario.name, name), scenario));
        let nearest =
            near.filter(|(likeness, _)| *likeness > 0.7).max_by(|(left, _), (right, _)| left.total_cmp(right));
        Error::UnknownScenario { name: name.to_owned(), nearest: nearest.map(|(_, scenario)| scenario.name.clone()) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalog_is_valid() {
        assert!(CATALOG.is_ok(), "{:?}", CATALOG.as_ref().err());
    }

    #[test]
    fn names_are_unique() {
        for scenario in scenarios() {
            assert_eq!(scenarios().iter().filter(|other| other.name == scenario.name).count(), 1, "{}", scenario.name);
        }
    }

    #[test]
    fn an_unknown_name_gets_a_suggestion() {
        let error = document(&["helthy"]).unwrap_err();
        assert_eq!(error.to_string(), "there is no scenario `helthy`; did you mean `healthy`?");
    }

    #[test]
    fn an_expected_finding_may_be_a_warning() {
        let expected: BTreeMap<String, Expected> = toml::from_str("x = 'webhook/events: surplus (warning)'").unwrap();
        let severity = Severity::Warning;
        assert_eq!(expected["x"], Expected { check: "webhook/events".into(), code: "surplus".into(), severity });
    }

    #[test]
    fn a_patch_through_a_missing_key_is_an_error() {
        let scenario: Scenario =
            toml::from_str("name = 'x'\ngroup = ''\nabout = ''\nset = { 'stripe.prizes.pro.livemode' = false }")
                .unwrap();
        let error = scenario.apply_to(&mut Document::healthy().unwrap()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "scenario `x`: `stripe.prizes.pro.livemode`: leads through something that is not there"
        );
    }
}
