//! The catalogue: every settings in which the sandbox can differ from a healthy world.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Deserializer};

use super::Error;
use super::document::Document;

/// A named change to the healthy world, and what preflight must make of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it is asked for by, `price-test-mode`.
    pub name: String,
    /// The heading that it stands under in a list.
    pub group: String,
    /// One sentence: what is wrong, or why it is right.
    pub about: String,
    /// The findings that it must cause; none in a healthy world, but for warnings.
    #[serde(default)]
    pub finds: Vec<Expected>,
    /// The checks that cannot tell, by id or glob, where a provider is in fault.
    #[serde(default)]
    pub unknown: Vec<String>,
    /// Scenarios that are applied before this one; it is found as the first of them is, unless it says otherwise.
    #[serde(default)]
    extends: Vec<String>,
    /// What is copied, by path: to where, from where.
    #[serde(default)]
    copy: BTreeMap<String, String>,
    /// What is taken out, by path.
    #[serde(default)]
    remove: Vec<String>,
    /// What is set, by path.
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
    /// Whether it is a warning and not a failure.
    pub warning: bool,
}

impl<'de> Deserialize<'de> for Expected {
    /// Reads `stripe/price-mode: other-mode`, with ` (warning)` behind it where it is one.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (finding, warning) = text.strip_suffix(" (warning)").map_or((text.as_str(), false), |text| (text, true));
        let (check, code) = finding
            .split_once(": ")
            .filter(|(check, _)| check.contains('/'))
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not `group/check: code`")))?;
        Ok(Self { check: check.to_owned(), code: code.to_owned(), warning })
    }
}

impl Scenario {
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
struct Catalogue {
    scenario: Vec<Scenario>,
}

static CATALOGUE: LazyLock<Result<Vec<Scenario>, String>> = LazyLock::new(|| {
    let catalogue: Catalogue = toml::from_str(include_str!("scenarios.toml")).map_err(|error| error.to_string())?;
    let mut scenarios = catalogue.scenario;
    for index in 0..scenarios.len() {
        // A variant is found as its base is, unless it says otherwise.
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

/// Every scenario, in the order of the catalogue.
#[must_use]
pub fn scenarios() -> &'static [Scenario] {
    CATALOGUE.as_deref().unwrap_or_default()
}

/// The healthy document with the named scenarios applied to it, one after the other.
pub(super) fn document(names: &[&str]) -> Result<Document, Error> {
    if let Err(error) = CATALOGUE.as_ref() {
        return Err(Error::Catalogue(error.clone()));
    }
    let mut document = Document::healthy()?;
    for name in names {
        apply(&mut document, name, 0)?;
    }
    Ok(document)
}

fn apply(document: &mut Document, name: &str, depth: usize) -> Result<(), Error> {
    let scenario = find(name)?;
    // No scenario is a variant of a variant of a variant: deeper than that is a circle.
    if depth > 8 {
        return Err(Error::Catalogue(format!("`{name}` extends itself")));
    }
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
    fn the_catalogue_can_be_read() {
        assert!(CATALOGUE.is_ok(), "{:?}", CATALOGUE.as_ref().err());
    }

    #[test]
    fn no_name_stands_in_it_twice() {
        for scenario in scenarios() {
            assert_eq!(scenarios().iter().filter(|other| other.name == scenario.name).count(), 1, "{}", scenario.name);
        }
    }

    #[test]
    fn an_unknown_name_brings_the_nearest_known_one() {
        let error = document(&["helthy"]).unwrap_err();
        assert_eq!(error.to_string(), "there is no scenario `helthy`; did you mean `healthy`?");
    }

    #[test]
    fn an_expected_finding_is_a_check_and_a_code_and_perhaps_a_warning() {
        let expected: BTreeMap<String, Expected> = toml::from_str("x = 'webhook/events: surplus (warning)'").unwrap();
        assert_eq!(expected["x"], Expected { check: "webhook/events".into(), code: "surplus".into(), warning: true });
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
