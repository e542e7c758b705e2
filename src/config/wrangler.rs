//! The Wrangler file: what is deployed.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use jsonc_parser::ParseOptions;
use jsonc_parser::errors::ParseError;
use serde::Deserialize;
use serde_json::Value;

use super::problem::Problems;
use super::source::{Diagnostic, Diagnostics, Text};
use super::{CloudflareConfig, hardcoded};

/// What `wrangler.toml`, `.json` or `.jsonc` says of a script.
#[derive(Debug, Clone)]
pub struct Wrangler {
    /// Where it was read.
    pub path: PathBuf,
    top: Declared,
    environments: Vec<(String, Declared)>,
}

/// What is declared for one environment. Names, variables, bindings and secrets are not inherited (docs/providers.md,
/// "Wrangler").
#[derive(Clone, Default)]
pub struct Declared {
    /// The script's name, where it is given.
    pub name: Option<String>,
    /// Plain variables by name; `None` for a value that is JSON and not text.
    pub vars: Vec<(String, Option<String>)>,
    /// KV namespaces.
    pub kv_namespaces: Vec<KvNamespace>,
    /// The names under `secrets.required`.
    pub required_secrets: Vec<String>,
    /// The patterns of `route` and `routes`: `api.acme.com/*`. A custom domain is one without a path.
    pub routes: Vec<String>,
}

/// A binding to a KV namespace.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct KvNamespace {
    /// What the Worker calls it.
    pub binding: String,
    /// The namespace; left out, Wrangler makes one when it deploys.
    pub id: Option<String>,
    /// The namespace that `wrangler dev --remote` uses instead.
    pub preview_id: Option<String>,
}

impl Wrangler {
    /// Reads a Wrangler file as TOML or JSON, by its extension.
    ///
    /// # Errors
    /// Every problem, at its place.
    pub fn of(text: &Text) -> Result<Self, Problems> {
        let json = text.path.extension().is_some_and(|extension| extension == "json" || extension == "jsonc");
        let mut diagnostics = Diagnostics::hiding(text, hardcoded::find(&text.contents));
        let written = if json { written_in_json(&mut diagnostics) } else { written_in_toml(&mut diagnostics) };
        let mut written: Section = diagnostics.finish(written)?;
        let environments = std::mem::take(&mut written.env);
        let environments = environments.into_iter().map(|(name, section)| (name, section.into())).collect();
        Ok(Self { path: text.path.clone(), top: written.into(), environments })
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

    /// The text of every plain variable in every environment. Some people keep secrets there.
    pub(super) fn every_value(&self) -> impl Iterator<Item = &str> {
        let all = self.environments.iter().map(|(_, declared)| declared).chain([&self.top]);
        all.flat_map(|declared| &declared.vars).filter_map(|(_, value)| value.as_deref())
    }
}

impl CloudflareConfig {
    /// The deployed script: a named environment is a separate script, `<name>-<environment>`, unless the Wrangler file
    /// gives it another name.
    #[must_use]
    pub fn deployed_script(&self) -> String {
        let Some(environment) = &self.environment else { return self.script.clone() };
        let named = self.wrangler.as_ref().and_then(|wrangler| wrangler.environment_name(environment));
        named.map_or_else(|| format!("{}-{environment}", self.script), str::to_owned)
    }

    /// What the Wrangler file declares for the environment that serves.
    #[must_use]
    pub fn declared(&self) -> Option<&Declared> {
        self.wrangler.as_ref()?.declared(self.environment.as_deref())
    }

    /// What the Wrangler file declares for the environments that do not serve, each with its name; `None` is the one
    /// without a name.
    #[must_use]
    pub fn declared_elsewhere(&self) -> Vec<(Option<&str>, &Declared)> {
        let Some(wrangler) = &self.wrangler else { return Vec::new() };
        let all = wrangler.environments().map(Some).chain([None]);
        let others = all.filter(|name| *name != self.environment.as_deref());
        others.filter_map(|name| Some((name, wrangler.declared(name)?))).collect()
    }

    /// The scripts of this Worker's other environments: of the Wrangler file's, and the one without an environment.
    #[must_use]
    pub fn other_scripts(&self) -> Vec<String> {
        let declared = self.wrangler.iter().flat_map(Wrangler::environments);
        let named = declared.map(|name| Self { environment: Some(name.to_owned()), ..self.clone() }.deployed_script());
        let mut scripts: Vec<String> = std::iter::once(self.script.clone()).chain(named).collect();
        scripts.retain(|script| *script != self.deployed_script());
        scripts.dedup();
        scripts
    }
}

impl fmt::Debug for Declared {
    // A variable may hold a secret by mistake.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let vars: Vec<&String> = self.vars.iter().map(|(name, _)| name).collect();
        let mut declared = formatter.debug_struct("Declared");
        declared.field("name", &self.name).field("vars", &vars).field("kv_namespaces", &self.kv_namespaces);
        declared.field("required_secrets", &self.required_secrets).field("routes", &self.routes).finish()
    }
}

/// The file as it is written, as far as it matters here; an environment is written as the whole is.
#[derive(Debug, Deserialize)]
#[serde(expecting = "a table")]
struct Section {
    name: Option<String>,
    #[serde(default)]
    vars: BTreeMap<String, Value>,
    #[serde(default)]
    kv_namespaces: Vec<KvNamespace>,
    #[serde(default)]
    secrets: Secrets,
    #[serde(default)]
    route: Value,
    #[serde(default)]
    routes: Value,
    #[serde(default)]
    env: BTreeMap<String, Section>,
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
            routes: [section.route, section.routes].iter().flat_map(patterns).collect(),
        }
    }
}

/// The patterns of routes: a text, a table with a pattern, or a list of these.
fn patterns(routes: &Value) -> Vec<String> {
    match routes {
        Value::String(pattern) => vec![pattern.clone()],
        Value::Object(route) => route.get("pattern").and_then(Value::as_str).map(str::to_owned).into_iter().collect(),
        Value::Array(all) => all.iter().flat_map(patterns).collect(),
        _ => Vec::new(),
    }
}

fn written_in_toml(diagnostics: &mut Diagnostics<'_>) -> Option<Section> {
    let text = diagnostics.text;
    let tell = |error: toml::de::Error| diagnostics.add(unreadable(error.span(), error.message()));
    toml::from_str(&text.contents).map_err(tell).ok()
}

/// JSON with comments and trailing commas, as Wrangler reads both `.json` and `.jsonc`.
fn written_in_json(diagnostics: &mut Diagnostics<'_>) -> Option<Section> {
    let text = diagnostics.text;
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
    let tell = |error: ParseError| {
        let range = error.range();
        diagnostics.add(unreadable(range.start..range.end, &error.kind().to_string()));
    };
    jsonc_parser::parse_to_serde_value(&text.contents, &options).map_err(tell).ok()
}

fn unreadable(at: impl Into<Option<Range<usize>>>, why: &str) -> Diagnostic {
    Diagnostic::at(at, "Wrangler cannot read this file").label(why)
}

#[cfg(test)]
mod tests {
    use super::{KvNamespace, Text, Wrangler};
    use crate::config::sample::{MINIMAL, values_with};
    use crate::config::{CloudflareConfig, Options, Problems, load};

    const WRANGLER: &str = r#"
name = "acme-api"
main = "src/index.ts"
vars = { CLERK_JWT_TEMPLATE = "pan-api", LIMITS = { free = 10 } }
kv_namespaces = [{ binding = "USAGE", id = "0123" }]
secrets = { required = ["TOP"] }

[env.production]
vars = { CLERK_JWT_TEMPLATE = "production" }
secrets = { required = ["STRIPE_SECRET_KEY", "SENTRY_DSN"] }

[env.staging]
name = "acme-staging"
"#;

    /// What `[cloudflare]` is with these keys, beside this file.
    fn cloudflare(keys: &str, file: &'static str, contents: &'static str) -> Result<CloudflareConfig, Problems> {
        let text = format!("{MINIMAL}\n[cloudflare]\n{keys}\n");
        let read = |path: &std::path::Path| {
            if path == std::path::Path::new(file) {
                Ok(contents.to_owned())
            } else {
                Err(std::io::ErrorKind::NotFound.into())
            }
        };
        let options = Options { read: &read, ..Options::default() };
        let config = load(&Text::new("deploy/preflight.toml", text), &values_with(&[]), &options)?;
        Ok(config.cloudflare.unwrap())
    }

    fn with(keys: &str) -> CloudflareConfig {
        cloudflare(keys, "deploy/api/wrangler.toml", WRANGLER).unwrap()
    }

    #[test]
    fn the_script_is_named_by_the_wrangler_file() {
        assert_eq!(with("").deployed_script(), "acme-api");
    }

    #[test]
    fn a_script_name_in_preflight_toml_wins() {
        assert_eq!(with("script = \"other\"").deployed_script(), "other");
    }

    #[test]
    fn without_either_it_is_the_script_of_the_reference_stack() {
        assert_eq!(cloudflare("", "", "").unwrap().deployed_script(), "pan-api");
    }

    #[test]
    fn a_named_environment_is_a_separate_script() {
        assert_eq!(with("environment = \"production\"").deployed_script(), "acme-api-production");
        assert_eq!(with("environment = \"staging\"").deployed_script(), "acme-staging");
    }

    #[test]
    fn an_environment_inherits_neither_variables_nor_bindings_nor_secrets() {
        let staging = with("environment = \"staging\"");
        let declared = staging.declared().unwrap();
        assert!(declared.vars.is_empty() && declared.kv_namespaces.is_empty() && declared.required_secrets.is_empty());
        assert!(!staging.secrets.contains(&"TOP".to_owned()));
    }

    #[test]
    fn required_secrets_of_the_environment_are_wanted_once_beside_the_usual_ones() {
        let wanted = [
            "STRIPE_SECRET_KEY",
            "STRIPE_WEBHOOK_SECRET",
            "CLERK_SECRET_KEY",
            "STRIPE_PRICE_ID_PRO",
            "STRIPE_PRICE_ID_ENTERPRISE",
            "SENTRY_DSN",
        ];
        assert_eq!(with("environment = \"production\"").secrets, wanted);
    }

    #[test]
    fn a_list_of_secrets_replaces_the_default() {
        assert_eq!(with("secrets = [\"ONLY\"]").secrets, ["ONLY"]);
    }

    #[test]
    fn variables_and_bindings_are_kept() {
        let cloudflare = with("");
        let declared = cloudflare.declared().unwrap();
        let vars = [("CLERK_JWT_TEMPLATE".to_owned(), Some("pan-api".to_owned())), ("LIMITS".to_owned(), None)];
        assert_eq!(declared.vars, vars);
        assert_eq!(
            declared.kv_namespaces,
            [KvNamespace { binding: "USAGE".into(), id: Some("0123".into()), preview_id: None }]
        );
    }

    #[test]
    fn json_may_have_comments_and_trailing_commas() {
        let json = r#"{ "name": "acme-json", /* vars */ "env": { "production": { "vars": {"A": "b",}, } }, } // end"#;
        let cloudflare =
            cloudflare("wrangler = \"w.jsonc\"\nenvironment = \"production\"", "deploy/w.jsonc", json).unwrap();
        assert_eq!(cloudflare.deployed_script(), "acme-json-production");
        assert_eq!(cloudflare.declared().unwrap().vars, [("A".to_owned(), Some("b".to_owned()))]);
    }

    #[test]
    fn an_unknown_environment_is_reported_with_the_known_ones() {
        let problems =
            cloudflare("environment = \"prod\"", "deploy/api/wrangler.toml", WRANGLER).unwrap_err().to_string();
        assert!(problems.contains("deploy/api/wrangler.toml has no environment `prod`"), "{problems}");
        assert!(problems.contains("its environments: production, staging"), "{problems}");
    }

    #[test]
    fn a_missing_wrangler_file_is_reported_where_it_is_named() {
        let problems = cloudflare("wrangler = \"no.toml\"", "", "").unwrap_err();
        let problem = problems.iter().next().unwrap();
        assert_eq!((problem.line, problem.column), (19, 12));
        assert_eq!(problem.message, "cannot read deploy/no.toml: there is no such file");
    }

    #[test]
    fn a_broken_wrangler_file_is_reported_without_its_secrets() {
        let broken = "name = \"a\"\nvars = { KEY = \"sk_live_planted1234567890\" oops }\n";
        let problems = cloudflare("", "deploy/api/wrangler.toml", broken).unwrap_err().to_string();
        assert!(problems.contains("--> deploy/api/wrangler.toml:2:"), "{problems}");
        assert!(!problems.contains("planted"), "{problems}");
        let problems = cloudflare("", "deploy/api/wrangler.toml", "\nname = 5\n").unwrap_err().to_string();
        assert!(problems.contains("--> deploy/api/wrangler.toml:2:8"), "{problems}");
        let broken = "{\n  \"name\": 'a'\n}";
        let problems = cloudflare("wrangler = \"w.json\"", "deploy/w.json", broken).unwrap_err().to_string();
        assert!(problems.contains("--> deploy/w.json:2:11"), "{problems}");
    }

    #[test]
    fn a_secret_among_the_variables_is_not_printed() {
        let contents = "name = \"a\"\n[vars]\nSTRIPE_SECRET_KEY = \"sk_live_planted1234567890\"\n";
        let wrangler = Wrangler::of(&Text::new("wrangler.toml", contents)).unwrap();
        assert!(!format!("{wrangler:?}").contains("planted"));
        let misplaced = wrangler.every_value().collect::<Vec<_>>();
        assert_eq!(misplaced, ["sk_live_planted1234567890"]);
    }
}
