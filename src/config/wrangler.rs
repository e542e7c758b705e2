//! The Wrangler file: what is meant to be deployed.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use jsonc_parser::ParseOptions;
use serde::Deserialize;
use serde_json::Value;

use super::literal;
use super::problem::Problems;
use super::source::{Fault, Faults, Text};

/// What `wrangler.toml`, `.json` or `.jsonc` says of a script.
#[derive(Debug, Clone)]
pub struct Wrangler {
    /// Where it was read.
    pub path: PathBuf,
    top: Declared,
    environments: Vec<(String, Declared)>,
}

/// What is declared for one environment. Names, variables, bindings and secrets are not inherited (facts.md, C2).
#[derive(Clone, Default)]
pub struct Declared {
    /// The script's name, where it is given.
    pub name: Option<String>,
    /// Plain variables by name; `None` stands for a value that is JSON and not text.
    pub vars: Vec<(String, Option<String>)>,
    /// KV namespaces.
    pub kv_namespaces: Vec<KvNamespace>,
    /// The names under `secrets.required`.
    pub required_secrets: Vec<String>,
}

/// A binding to a KV namespace.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct KvNamespace {
    /// What the Worker calls it.
    pub binding: String,
    /// The namespace; left out, Wrangler makes one when it deploys.
    pub id: Option<String>,
}

impl Wrangler {
    /// Reads the text of a Wrangler file; the extension tells the language.
    pub(super) fn parse(text: &Text) -> Result<Self, Problems> {
        let json = text.path.extension().is_some_and(|extension| extension == "json" || extension == "jsonc");
        let mut faults = Faults::hiding(text, literal::find(&text.contents));
        let written = if json { written_in_json(&text.contents) } else { written_in_toml(&text.contents) };
        let written = written.map_err(|fault| faults.add(fault)).ok();
        let written: Written = faults.finish(written)?;
        let environments = written.env.into_iter().map(|(name, section)| (name, section.into())).collect();
        Ok(Self { path: text.path.clone(), top: written.top.into(), environments })
    }

    /// The script's name without an environment.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.top.name.as_deref()
    }

    /// The name that an environment gives its script, where it gives one.
    #[must_use]
    pub fn environment_name(&self, environment: &str) -> Option<&str> {
        self.declared(Some(environment))?.name.as_deref()
    }

    /// The names of the environments.
    pub fn environments(&self) -> impl Iterator<Item = &str> {
        self.environments.iter().map(|(name, _)| name.as_str())
    }

    /// What is declared for an environment, or outside of any; `None` where there is no such environment.
    #[must_use]
    pub fn declared(&self, environment: Option<&str>) -> Option<&Declared> {
        let Some(environment) = environment else { return Some(&self.top) };
        self.environments.iter().find(|(name, _)| name == environment).map(|(_, declared)| declared)
    }

    /// The text of every plain variable, whatever the environment: some keep secrets there.
    pub(super) fn every_value(&self) -> impl Iterator<Item = &str> {
        let all = self.environments.iter().map(|(_, declared)| declared).chain([&self.top]);
        all.flat_map(|declared| &declared.vars).filter_map(|(_, value)| value.as_deref())
    }
}

impl fmt::Debug for Declared {
    // A variable's value may be a secret that was put there by mistake.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let vars: Vec<&String> = self.vars.iter().map(|(name, _)| name).collect();
        let mut declared = formatter.debug_struct("Declared");
        declared.field("name", &self.name).field("vars", &vars).field("kv_namespaces", &self.kv_namespaces);
        declared.field("required_secrets", &self.required_secrets).finish()
    }
}

/// The file as it is written, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Written {
    #[serde(flatten)]
    top: Section,
    #[serde(default)]
    env: BTreeMap<String, Section>,
}

#[derive(Debug, Deserialize)]
struct Section {
    name: Option<String>,
    #[serde(default)]
    vars: BTreeMap<String, Value>,
    #[serde(default)]
    kv_namespaces: Vec<KvNamespace>,
    #[serde(default)]
    secrets: Secrets,
}

#[derive(Debug, Default, Deserialize)]
struct Secrets {
    #[serde(default)]
    required: Vec<String>,
}

impl From<Section> for Declared {
    fn from(section: Section) -> Self {
        let text = |value: Value| if let Value::String(text) = value { Some(text) } else { None };
        Self {
            name: section.name,
            vars: section.vars.into_iter().map(|(name, value)| (name, text(value))).collect(),
            kv_namespaces: section.kv_namespaces,
            required_secrets: section.secrets.required,
        }
    }
}

fn written_in_toml(text: &str) -> Result<Written, Fault> {
    toml::from_str(text)
        .map_err(|error| Fault::at(error.span(), "Wrangler could not read this file").label(error.message()))
}

/// JSON with comments and trailing commas, as Wrangler reads both `.json` and `.jsonc`.
fn written_in_json(text: &str) -> Result<Written, Fault> {
    let options = ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    jsonc_parser::parse_to_serde_value(text, &options).map_err(|error| {
        let range = error.range();
        Fault::at(range.start..range.end, "Wrangler could not read this file").label(error.kind().to_string())
    })
}
