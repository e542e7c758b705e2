//! Every way to break the Worker, by the scenario that breaks the sandbox's own in the same way.

use preflight::checks;
use preflight::sandbox::{Scenario, scenarios};

/// One way to break the Worker.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// What the sandbox's own Worker has.
    pub scenario: &'static str,
    /// What the Worker in workerd has: names of `src/defects.ts`. Empty where the scenario is about what is deployed
    /// on the Worker, since both are given the same.
    pub defects: &'static str,
}

const fn case(scenario: &'static str, defects: &'static str) -> Case {
    Case { scenario, defects }
}

pub const CASES: &[Case] = &[
    // What is deployed on it.
    case("worker-secret-wrong", ""),
    case("worker-secret-missing", ""),
    case("secret-not-set", ""),
    case("secret-other-environment", ""),
    case("checkout-test-key", ""),
    case("checkout-other-account", ""),
    case("checkout-wrong-price", ""),
    case("usage-clerk-key", ""),
    // The webhook's signature.
    case("worker-accepts-unsigned", "accepts-unsigned"),
    case("worker-accepts-wrong", "accepts-wrong"),
    case("worker-accepts-stale", "accepts-stale"),
    case("worker-accepts-tampered", "accepts-tampered"),
    case("worker-swallows", "swallows"),
    case("worker-reserialises", "reserialises"),
    case("worker-first-signature", "first-signature"),
    case("worker-sync-crypto", "sync-crypto"),
    // What becomes of a genuine event.
    case("worker-unhandled-type", "unhandled-type-refused"),
    case("worker-unhandled-type-selected", "unhandled-type-refused"),
    case("worker-not-idempotent", "not-idempotent"),
    case("worker-slow", "slow"),
    case("worker-hangs", "hangs"),
    case("worker-500", "server-error"),
    // What answers in the handler's place.
    case("worker-redirects", "redirects"),
    case("worker-login-wall", "login-wall"),
    case("worker-login-wall-clerk", "login-wall-401"),
    case("worker-challenge", "challenge"),
    case("worker-challenge-for-us", "challenge"),
    case("worker-spa", "spa"),
    case("worker-404", "not-found"),
    case("worker-405", "method"),
    // Tokens, and what they give a right to.
    case("auth-none-alg", "auth-none-alg"),
    case("auth-hs256", "auth-hs256"),
    case("auth-foreign", "auth-foreign"),
    case("auth-open", "auth-open"),
    case("usage-plan", "usage-plan"),
    case("usage-limit", "usage-limit"),
    // What is for sale.
    case("tiers-amount", "tiers-amount"),
    case("tiers-limit", "tiers-limit"),
    case("tiers-missing", "tiers-missing"),
    case("checkout-wrong-price", "checkout-wrong-price"),
    case("checkout-localhost", "checkout-localhost"),
    case("checkout-open-redirect", "checkout-open-redirect"),
    case("checkout-no-user", "checkout-no-user"),
    case("checkout-no-tier", "checkout-no-tier"),
    // Browsers.
    case("cors-wildcard", "cors-wildcard"),
    case("cors-wildcard-credentials", "cors-wildcard-credentials"),
    case("cors-reflects", "cors-reflects"),
    case("cors-frontend-blocked", "cors-frontend-blocked"),
];

/// Worlds in which a sound Worker has to be found sound, whatever is unusual about them; and what is deployed on it
/// besides, where the unusual is in the Worker.
pub const HEALTHY: &[(&str, &[(&str, &str)])] = &[
    ("healthy", &[]),
    ("healthy-restricted-key", &[]),
    ("healthy-event-destination", &[]),
    ("healthy-key-rotation", &[]),
    ("healthy-claim-default", &[]),
    ("healthy-canary-customer", &[]),
    ("healthy-no-native-api", &[]),
    ("healthy-authorized-parties", &[("CLERK_AUTHORIZED_PARTIES", "https://app.acme.com")]),
    ("healthy-test-mode", &[]),
];

/// What only stands behind another defect.
const MODIFIERS: &[&str] = &["everywhere"];

/// Ways to break the deployment in which the Worker's code has no part.
const NOT_THE_WORKER: &[&str] = &[
    "script-missing",
    "secret-as-plain-text",
    "binding-missing",
    "var-differs",
    "version-not-deployed",
    "version-split",
];

impl Case {
    /// The scenario in the catalogue.
    pub fn scenario(self) -> Result<&'static Scenario, String> {
        let named = |scenario: &&Scenario| scenario.name == self.scenario;
        scenarios().iter().find(named).ok_or_else(|| format!("there is no scenario `{}`", self.scenario))
    }

    /// Whether there is a check yet for everything that it must be found by.
    pub fn has_its_checks(self) -> bool {
        let is_there = |id: &str| checks::ALL.iter().any(|check| check.id.as_str() == id);
        self.scenario().is_ok_and(|scenario| scenario.finds.iter().all(|expected| is_there(&expected.check)))
    }

    /// What the test is called.
    pub fn name(self) -> String {
        match self.defects {
            "" => format!("verdicts agree on {}", self.scenario),
            defects => format!("verdicts agree on {} ({defects})", self.scenario),
        }
    }
}

/// The table has every defect that the Worker can have.
pub fn every_defect_is_a_case() -> Result<(), String> {
    let defects = defects_of(include_str!("../worker/src/defects.ts"));
    let is_in_table =
        |name: &String| MODIFIERS.contains(&name.as_str()) || CASES.iter().any(|case| case.defects == name.as_str());
    let forgotten: Vec<String> = defects.iter().filter(|name| !is_in_table(name)).cloned().collect();
    let unknown = CASES.iter().map(|case| case.defects).filter(|name| !name.is_empty());
    let unknown: Vec<&str> = unknown.filter(|name| !defects.iter().any(|defect| defect == name)).collect();
    if forgotten.is_empty() && unknown.is_empty() && !defects.is_empty() {
        return Ok(());
    }
    Err(format!("not in the table: {forgotten:?}; in the table only: {unknown:?}"))
}

/// The table has every scenario of the groups that are about the Worker.
pub fn every_scenario_of_the_worker_is_a_case() -> Result<(), String> {
    let groups: Vec<&str> =
        CASES.iter().filter_map(|case| case.scenario().ok()).map(|found| found.group.as_str()).collect();
    let ours = scenarios().iter().filter(|scenario| groups.contains(&scenario.group.as_str()));
    let names = ours.map(|scenario| scenario.name.as_str());
    let is_in_table = |name: &&str| NOT_THE_WORKER.contains(name) || CASES.iter().any(|case| case.scenario == *name);
    let forgotten: Vec<&str> = names.filter(|name| !is_in_table(name)).collect();
    if forgotten.is_empty() { Ok(()) } else { Err(format!("not in the table: {forgotten:?}")) }
}

/// The names of the defects: the keys of the table, which are what stands two spaces deep.
fn defects_of(source: &str) -> Vec<String> {
    let table = source.split("export const defects").nth(1).and_then(|rest| rest.split("\n};").next());
    let entries = table.unwrap_or_default().lines().filter_map(|line| line.strip_prefix("  "));
    let entries = entries.filter(|line| line.starts_with(|first: char| first == '"' || first.is_ascii_lowercase()));
    let names = entries.filter_map(|line| line.split_once(':')).map(|(name, _)| name.trim_matches('"').to_owned());
    names.collect()
}
