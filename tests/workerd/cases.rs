//! Every way to break the Worker, and the scenario that breaks the sandbox's Worker in the same way.

use preflight::checks;
use preflight::sandbox::{Scenario, scenarios};

/// One way to break the Worker.
#[derive(Debug, Clone, Copy)]
pub struct WorkerCase {
    /// The scenario for the sandbox's Worker.
    pub scenario: &'static str,
    /// Additional variables for the Worker in workerd, mostly names of `src/defects.ts`.
    pub variables: &'static [(&'static str, &'static str)],
}

/// One or more defects in the Worker's code, separated by commas.
macro_rules! broken {
    ($scenario:literal, $defects:literal) => {
        WorkerCase { scenario: $scenario, variables: &[("BREAK", $defects)] }
    };
}

/// The same, for a purchase on the Worker's own Checkout page.
macro_rules! broken_for_buyers {
    ($scenario:literal, $defects:literal) => {
        WorkerCase { scenario: $scenario, variables: &[("BREAK", $defects), ("PROMOTION_CODES", "true")] }
    };
}

/// A deployment problem, which both Workers have.
const fn deployed(scenario: &'static str) -> WorkerCase {
    WorkerCase { scenario, variables: &[] }
}

pub const CASES: &[WorkerCase] = &[
    // Its deployment.
    deployed("worker-secret-wrong"),
    deployed("worker-secret-missing"),
    deployed("secret-not-set"),
    deployed("secret-other-environment"),
    deployed("checkout-test-key"),
    deployed("checkout-other-account"),
    deployed("checkout-key-revoked"),
    deployed("checkout-wrong-price"),
    deployed("checkout-price-test-mode"),
    deployed("checkout-price-readable"),
    deployed("canary-subscribed"),
    deployed("canary-customer-subscribed"),
    deployed("portal-wrong-configuration"),
    deployed("secret-price-not-set"),
    deployed("worker-variable-empty"),
    deployed("usage-clerk-key"),
    deployed("checkout-managed-payments"),
    deployed("checkout-managed-payments-refused"),
    broken!("checkout-managed-payments-excludes", "checkout-payment-methods"),
    broken!("checkout-managed-payments-missing", "checkout-not-managed"),
    WorkerCase {
        scenario: "checkout-returns-elsewhere",
        variables: &[("FRONTEND_URL", "https://acme-staging.example")],
    },
    WorkerCase { scenario: "checkout-returns-to-sister", variables: &[("FRONTEND_URL", "https://www.acme.com")] },
    // Its routes.
    deployed("worker-host-dark"),
    deployed("health-missing"),
    deployed("usage-not-there"),
    // The webhook's signature.
    broken!("worker-accepts-unsigned", "accepts-unsigned"),
    broken!("worker-accepts-wrong", "accepts-wrong"),
    broken!("worker-accepts-stale", "accepts-stale"),
    broken!("worker-accepts-tampered", "accepts-tampered"),
    broken!("worker-swallows", "swallows"),
    broken!("worker-reserialises", "reserialises"),
    broken!("worker-first-signature", "first-signature"),
    broken!("worker-sync-crypto", "sync-crypto"),
    // Genuine events.
    broken!("worker-unhandled-type", "unhandled-type-refused"),
    broken!("worker-unhandled-type-selected", "unhandled-type-refused"),
    broken!("worker-not-idempotent", "not-idempotent"),
    broken!("worker-slow", "slow"),
    broken!("worker-hangs", "hangs"),
    broken!("worker-500", "server-error"),
    // Something else answers in place of the handler.
    broken!("worker-redirects", "redirects"),
    broken!("worker-login-wall", "login-wall"),
    broken!("worker-login-wall-clerk", "login-wall-401"),
    broken!("worker-challenge", "challenge"),
    broken!("worker-challenge-for-us", "challenge"),
    broken!("worker-spa", "spa"),
    broken!("worker-404", "not-found"),
    broken!("worker-405", "method"),
    // Tokens and usage.
    broken!("auth-none-alg", "auth-none-alg"),
    WorkerCase {
        scenario: "auth-none-alg-for-members",
        variables: &[("STYLE", "organizations"), ("BREAK", "auth-none-alg")],
    },
    broken!("auth-hs256", "auth-hs256"),
    broken!("auth-foreign", "auth-foreign"),
    broken!("auth-open", "auth-open"),
    broken!("usage-plan", "usage-plan"),
    broken!("usage-limit", "usage-limit"),
    // Tiers and checkout.
    broken!("tiers-amount", "tiers-amount"),
    broken!("tiers-limit", "tiers-limit"),
    broken!("tiers-limit-granted", "tiers-limit,usage-limit"),
    broken!("tiers-missing", "tiers-missing"),
    broken!("tiers-surplus", "tiers-surplus"),
    broken!("checkout-wrong-price", "checkout-wrong-price"),
    deployed("checkout-misplaced"),
    broken!("checkout-localhost", "checkout-localhost"),
    broken!("checkout-open-redirect", "checkout-open-redirect"),
    broken!("checkout-no-user", "checkout-no-user"),
    broken!("checkout-no-tier", "checkout-no-tier"),
    broken!("checkout-tax", "checkout-tax"),
    broken!("tax-unregistered", "checkout-tax"),
    broken!("checkout-delayed-payment-methods", "checkout-delayed"),
    broken!("checkout-breaks-on-bad-json", "checkout-breaks-on-bad-json"),
    broken!("checkout-any-tier", "checkout-any-tier"),
    broken!("checkout-shows-stripe-errors", "checkout-shows-stripe-errors"),
    // What an event does to its user.
    broken!("rehearsal-no-effect", "swallows-events"),
    broken!("rehearsal-tier-elsewhere", "tier-elsewhere"),
    broken!("rehearsal-tiers-mixed-up", "tiers-mixed-up"),
    broken!("rehearsal-plan-change", "tier-of-checkout"),
    broken!("rehearsal-older-wins", "older-wins"),
    broken!("rehearsal-status-ignored", "status-ignored"),
    broken!("rehearsal-past-due", "past-due-keeps"),
    broken!("rehearsal-unpaid", "unpaid-keeps"),
    broken!("rehearsal-incomplete", "incomplete-grants"),
    broken!("rehearsal-incomplete-expired", "incomplete-expired-grants"),
    broken!("rehearsal-not-restored", "not-restored"),
    deployed("rehearsal-grace-missing"),
    broken!("rehearsal-deleted-ignored", "deleted-ignored"),
    broken!("rehearsal-old-takes-new", "old-takes-new"),
    broken!("rehearsal-ends-early", "ends-early"),
    broken!("rehearsal-metadata-replaced", "metadata-replaced"),
    broken!("rehearsal-subscription-lost", "subscription-lost"),
    broken!("rehearsal-plan-lost", "plan-lost"),
    broken!("rehearsal-unpaid-takes-active", "unpaid-takes-active"),
    broken!("rehearsal-returning-ignored", "returning-ignored"),
    broken!("rehearsal-plan-cached", "plan-cached"),
    broken!("rehearsal-limit", "enterprise-limit"),
    broken!("rehearsal-not-counted", "not-counted"),
    broken!("rehearsal-counted-twice", "counted-twice"),
    broken!("rehearsal-expired-token", "expired-token"),
    broken!("rehearsal-test-events", "test-events"),
    // What a real subscription does to its user.
    broken_for_buyers!("billing-no-effect", "swallows-events"),
    broken_for_buyers!("billing-tiers-mixed-up", "tiers-mixed-up"),
    broken_for_buyers!("billing-plan-change", "tier-of-checkout"),
    broken_for_buyers!("billing-unmappable", "checkout-unmappable"),
    broken_for_buyers!("billing-deleted-ignored", "deleted-ignored"),
    broken_for_buyers!("billing-ends-early", "ends-early"),
    broken_for_buyers!("billing-plan-cached", "plan-cached"),
    broken_for_buyers!("billing-customer-forgotten", "customer-forgotten"),
    broken!("billing-recovery-ignored", "not-restored"),
    broken!("billing-past-due-kept", "past-due-keeps"),
    // Browsers.
    broken!("cors-wildcard", "cors-wildcard"),
    broken!("cors-wildcard-credentials", "cors-wildcard-credentials"),
    broken!("cors-reflects", "cors-reflects"),
    broken!("cors-frontend-blocked", "cors-frontend-blocked"),
];

/// Unusual scenarios in which a healthy Worker must be GO in a run and in every rehearsal, and additional variables for the Worker.
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
    ("healthy-own-domain", &[]),
    ("healthy-no-frontend", &[]),
    ("healthy-price-ids-as-variables", &[]),
    ("healthy-subscription-metadata", &[]),
    ("healthy-taxes", &[("BREAK", "checkout-tax")]),
    ("healthy-session-cookie", &[("STYLE", "cookies"), ("CLERK_JWT_TEMPLATE", "none")]),
    ("healthy-organizations", &[("STYLE", "organizations")]),
    ("healthy-organizations-test-mode", &[("STYLE", "organizations")]),
    ("healthy-organizations-session-token", &[("STYLE", "organizations,cookies"), ("CLERK_JWT_TEMPLATE", "none")]),
    ("healthy-checkout-by-price", &[("STYLE", "price")]),
    ("healthy-checkout-link", &[("STYLE", "link")]),
    ("healthy-checkout-without-a-card", &[("PROMOTION_CODES", "true")]),
];

/// Names that only modify another defect.
const MODIFIERS: &[&str] = &["everywhere"];

/// Scenarios of the same groups without a case: those that do not involve the Worker's code, and those that would need entirely
/// different code.
const WITHOUT_CASE: &[&str] = &[
    "script-missing",
    "secret-as-plain-text",
    "binding-missing",
    "var-differs",
    "version-not-deployed",
    "version-split",
    "checkout-makes-customers",
    "worker-without-logs",
    "worker-old-compatibility-date",
];

impl WorkerCase {
    /// The scenario.
    pub fn scenario(self) -> Result<&'static Scenario, String> {
        let named = |scenario: &&Scenario| scenario.name == self.scenario;
        scenarios().iter().find(named).ok_or_else(|| format!("unknown scenario `{}`", self.scenario))
    }

    /// Whether every check exists that must find it.
    pub fn has_its_checks(self) -> bool {
        let is_there = |id: &str| checks::built_in().any(|check| check.id.as_str() == id);
        self.scenario().is_ok_and(|scenario| scenario.finds.iter().all(|expected| is_there(&expected.check)))
    }

    /// The test's name.
    pub fn name(self) -> String {
        let variables: Vec<String> = self.variables.iter().map(|(name, value)| format!(" ({name}={value})")).collect();
        format!("verdicts agree on {}{}", self.scenario, variables.concat())
    }

    /// The defects in its code.
    fn defects(self) -> impl Iterator<Item = &'static str> {
        self.variables.iter().filter(|(name, _)| *name == "BREAK").flat_map(|(_, defects)| defects.split(','))
    }
}

/// The table has every defect of the Worker.
pub fn every_defect_is_a_case() -> Result<(), String> {
    let defects = defects_of(include_str!("../worker/src/defects.ts"));
    let known: Vec<&str> = CASES.iter().flat_map(|case| case.defects()).chain(MODIFIERS.iter().copied()).collect();
    let missing: Vec<&String> = defects.iter().filter(|name| !known.contains(&name.as_str())).collect();
    let unknown: Vec<&&str> = known.iter().filter(|name| !defects.iter().any(|defect| defect == *name)).collect();
    if missing.is_empty() && unknown.is_empty() && !defects.is_empty() {
        return Ok(());
    }
    Err(format!("not in the table: {missing:?}; in the table only: {unknown:?}"))
}

/// The table has every scenario about the Worker.
pub fn every_scenario_of_the_worker_is_a_case() -> Result<(), String> {
    let groups: Vec<&str> =
        CASES.iter().filter_map(|case| case.scenario().ok()).map(|found| found.group.as_str()).collect();
    let ours = scenarios().iter().filter(|scenario| groups.contains(&scenario.group.as_str()));
    let names = ours.map(|scenario| scenario.name.as_str());
    let is_in_table = |name: &&str| WITHOUT_CASE.contains(name) || CASES.iter().any(|case| case.scenario == *name);
    let missing: Vec<&str> = names.filter(|name| !is_in_table(name)).collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("not in the table: {missing:?}")) }
}

/// The names of the defects: the keys of the table, which are indented by two spaces.
fn defects_of(source: &str) -> Vec<String> {
    let table = source.split("export const defects").nth(1).and_then(|rest| rest.split("\n};").next());
    let entries = table.unwrap_or_default().lines().filter_map(|line| line.strip_prefix("  "));
    let entries = entries.filter(|line| line.starts_with(|first: char| first == '"' || first.is_ascii_lowercase()));
    let names = entries.filter_map(|line| line.split_once(':')).map(|(name, _)| name.trim_matches('"').to_owned());
    names.collect()
}
