//! The limits of tiers: tables, lists of tiers, and functions that choose by the tier.

use super::facts::{Found, TierLimit, once};
use super::project::{At, Project};
use super::tree::{Case, Kind, Node, Pattern, Property};
use super::words::has_word;
use crate::config::Limit;

/// Keys that name a tier in an object about it, the surest first.
const IDS: [&str; 6] = ["id", "slug", "key", "plan", "tier", "name"];

/// Words of names that limits are kept under.
const WORDS: [&str; 10] =
    ["limit", "limits", "quota", "quotas", "allowance", "allowances", "requests", "uses", "calls", "credits"];

/// Words of keys that only an object about something on sale has.
const SALE: [&str; 6] = ["price", "prices", "features", "tier", "plan", "popular"];

/// `Number.MAX_SAFE_INTEGER`
const NO_LIMIT: f64 = 9_007_199_254_740_991.0;

/// The limits of tiers that the code has.
pub(super) fn limits(project: &Project) -> Vec<Found<TierLimit>> {
    let mut found = Vec::new();
    for at in project.all() {
        match &at.node.kind {
            Kind::Declare(Pattern::Name(name), Some(value)) => {
                let table = at.to(unwrapped(value));
                found.extend(table_of(project, name, table));
                if let (Kind::Function(_, body), true) = (&value.kind, names_limit(name)) {
                    let switches = body.iter().flat_map(Node::all).filter_map(|node| match &node.kind {
                        Kind::Switch(_, cases) => Some(cases),
                        _ => None,
                    });
                    found.extend(switches.flat_map(|cases| chosen(project, at, cases)).collect::<Vec<_>>());
                }
            }
            Kind::Object(_) => {
                found.extend(described(project, at).filter(|one| is_on_sale(at.node, &one.value.tier)));
                let tables = at.node.properties().iter().filter_map(|one| Some((one.name()?, at.to(&one.value))));
                found.extend(tables.flat_map(|(name, table)| table_of(project, name, table)).collect::<Vec<_>>());
            }
            Kind::Array(items) => {
                let all: Vec<_> =
                    items.iter().filter_map(|item| described(project, project.follow(at.to(item)))).collect();
                // One that is a tier for sure shows what the others are.
                if all.iter().any(|one| names_tier(&one.value.tier)) {
                    found.extend(all);
                }
            }
            _ => {}
        }
    }
    once(found)
}

/// Whether an object with a name and a limit is about a tier, and not about a page of a list.
fn is_on_sale(object: &Node, tier: &str) -> bool {
    names_tier(tier) || object.properties().iter().filter_map(Property::name).any(|key| has_word(key, &SALE))
}

/// The object in `Object.freeze({ … })` and `new Map(Object.entries({ … }))`.
fn unwrapped(node: &Node) -> &Node {
    match &node.kind {
        Kind::Call(_, arguments) | Kind::New(_, arguments) => arguments.first().map_or(node, unwrapped),
        _ => node,
    }
}

/// `LIMITS = { free: 10, pro: 50 }` and `TIERS = { free: { limit: 10 }, pro: { limit: Infinity } }`
fn table_of<'t>(project: &Project<'t>, name: &str, table: At<'t>) -> Vec<Found<TierLimit>> {
    let is_about_tiers = has_word(name, &["tier", "tiers", "plan", "plans"]);
    let entries = table.node.properties().iter().filter_map(|property| {
        let (tier, value) = (property.name()?, project.follow(table.to(&property.value)));
        let limit = match &value.node.kind {
            Kind::Object(_) if names_limit(name) => inner(project, value).or_else(|| only(project, value)),
            Kind::Object(_) if is_about_tiers || names_tier(tier) => inner(project, value),
            _ if names_limit(name) => limit(project, value),
            _ => None,
        };
        // The object's own name for the tier is the one that counts.
        let described = described(project, value).is_some();
        limit
            .filter(|_| !described && !names_limit(tier))
            .map(|limit| project.found_on(table, property.line, TierLimit { tier: tier.to_owned(), limit }))
    });
    let entries: Vec<_> = entries.collect();
    // Other limits are in such tables, too: of a rate, or of a page.
    if is_about_tiers || entries.iter().any(|entry| names_tier(&entry.value.tier)) { entries } else { Vec::new() }
}

/// `{ id: "pro", limit: 50 }`
fn described<'t>(project: &Project<'t>, object: At<'t>) -> Option<Found<TierLimit>> {
    let tier = IDS.iter().find_map(|key| {
        let text = project.text(object.to(object.node.property(key)?))?;
        // A name for people is no value of a key.
        let is_id = !text.is_empty()
            && text.bytes().all(|letter| !letter.is_ascii_whitespace() && !letter.is_ascii_uppercase());
        (*key != "name" || is_id).then_some(text)
    })?;
    let limit = inner(project, object)?;
    Some(project.found(object, TierLimit { tier, limit }))
}

/// `case "pro": return 50;`
fn chosen<'t>(project: &Project<'t>, at: At<'t>, cases: &'t [Case]) -> Vec<Found<TierLimit>> {
    let chosen = cases.iter().enumerate().filter_map(|(number, case)| {
        let tier = project.text(at.to(case.test.as_ref()?))?;
        let body = cases[number..].iter().find(|case| !case.body.is_empty())?;
        let limit = body.body.iter().find_map(|node| match &node.kind {
            Kind::Return(Some(value)) => limit(project, at.to(value)),
            _ => None,
        })?;
        Some(project.found(at.to(case.test.as_ref()?), TierLimit { tier, limit }))
    });
    chosen.collect()
}

/// The limit among an object's properties: the one that says so, or the only one of several that counts uses.
fn inner<'t>(project: &Project<'t>, object: At<'t>) -> Option<Limit> {
    let limits: Vec<(&str, At)> = object
        .node
        .properties()
        .iter()
        .filter_map(|property| Some((property.name()?, object.to(&property.value))))
        .filter(|(name, _)| names_limit(name))
        .collect();
    let exact = limits.iter().find(|(name, _)| *name == "limit");
    let (_, value) = exact.or(if let [only] = limits.as_slice() { Some(only) } else { None })?;
    let value = project.follow(*value);
    if matches!(value.node.kind, Kind::Object(_)) { inner(project, value) } else { limit(project, value) }
}

/// The limit in an object that has nothing else: `{ projects: 3 }`
fn only<'t>(project: &Project<'t>, object: At<'t>) -> Option<Limit> {
    if let [only] = object.node.properties() { limit(project, object.to(&only.value)) } else { None }
}

/// A number of uses, or one of the ways to say that there is no limit.
fn limit<'t>(project: &Project<'t>, at: At<'t>) -> Option<Limit> {
    let at = project.follow(at);
    match &at.node.kind {
        Kind::Number(number) if *number < 0.0 || *number >= NO_LIMIT => Some(Limit::Unlimited),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is whole, positive and small")]
        Kind::Number(number) if *number >= 0.0 && number.fract() == 0.0 => Some(Limit::Uses(*number as u64)),
        Kind::Null => Some(Limit::Unlimited),
        Kind::Text(text) if text == "unlimited" => Some(Limit::Unlimited),
        Kind::Name(name) if name == "Infinity" => Some(Limit::Unlimited),
        Kind::Member(_, name) if name == "POSITIVE_INFINITY" || name == "MAX_SAFE_INTEGER" => Some(Limit::Unlimited),
        _ => None,
    }
}

fn names_limit(name: &str) -> bool {
    has_word(name, &WORDS)
}

/// Names that tiers often have.
fn names_tier(name: &str) -> bool {
    ["free", "pro", "starter", "basic", "hobby", "plus", "premium", "team", "business", "enterprise"]
        .contains(&name.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use crate::config::Limit;
    use crate::source::testing::{facts, values};

    fn limits(text: &str) -> Vec<(String, Limit)> {
        values(&facts(text).limits).into_iter().map(|found| (found.tier, found.limit)).collect()
    }

    fn expected<const N: usize>(limits: [(&str, Limit); N]) -> Vec<(String, Limit)> {
        limits.map(|(tier, limit)| (tier.to_owned(), limit)).into()
    }

    const THREE: [(&str, Limit); 3] =
        [("free", Limit::Uses(10)), ("pro", Limit::Uses(50)), ("enterprise", Limit::Unlimited)];

    #[test]
    fn a_table_from_tiers_to_numbers_has_limits() {
        assert_eq!(limits("const LIMITS = { free: 10, pro: 50, enterprise: Infinity };"), expected(THREE));
    }

    #[test]
    fn a_table_from_tiers_to_objects_has_limits() {
        let text = "const PLANS = { free: { limit: 10 }, pro: { price: 29, limit: 50 }, enterprise: { limit: null } };";
        assert_eq!(limits(text), expected(THREE));
    }

    #[test]
    fn a_table_of_limits_can_name_what_is_counted() {
        let text = "const PLAN_LIMITS = { free: { scans: 10 }, pro: { scans: 50 }, enterprise: { scans: -1 } };";
        assert_eq!(limits(text), expected(THREE));
        assert_eq!(limits("const PLAN_LIMITS = { free: { scans: 3, seats: 1 }, pro: { scans: 50, seats: 5 } };"), []);
    }

    #[test]
    fn a_list_of_tiers_has_limits() {
        let text = r#"const plans = [
            { id: "free", limit: 10 },
            { id: "pro", name: "Pro", price: 29, limit: 50 },
            { id: "enterprise", limit: "unlimited" },
        ];"#;
        assert_eq!(limits(text), expected(THREE));
    }

    #[test]
    fn a_function_that_chooses_by_the_tier_has_limits() {
        let text = r#"function limitFor(plan) { switch (plan) {
            case "enterprise": return -1;
            case "pro": return 50;
            default: return 10;
        } }"#;
        assert_eq!(limits(text), expected([("enterprise", Limit::Unlimited), ("pro", Limit::Uses(50))]));
    }

    #[test]
    fn numbers_can_be_constants_and_products() {
        let text = "const PRO = 5 * 1_000; const LIMITS = { free: 10, pro: PRO };";
        assert_eq!(limits(text), expected([("free", Limit::Uses(10)), ("pro", Limit::Uses(5000))]));
    }

    #[test]
    fn prices_are_no_limits() {
        assert_eq!(limits("const PRICES = { free: 0, pro: 29, enterprise: 99 };"), []);
    }

    #[test]
    fn settings_with_a_limit_are_no_tiers() {
        assert_eq!(limits("const settings = { rateLimit: 5, requests: { limit: 3 } }; list({ limit: 100 });"), []);
    }

    #[test]
    fn words_that_only_look_like_limits_are_none() {
        assert_eq!(limits("const STATUSES = { free: 1, pro: 2 }; const delimiters = { free: 1, pro: 2 };"), []);
    }

    #[test]
    fn limits_of_rates_and_pages_are_no_tiers() {
        assert_eq!(limits("const RATE_LIMIT = { windowMs: 60_000, max: 100 };"), []);
        assert_eq!(limits(r#"useQuery({ key: "users", limit: 20 });"#), []);
    }

    #[test]
    fn a_tier_with_an_unusual_name_is_known_by_its_price_or_by_its_neighbors() {
        let text = r#"export const solo = { id: "solo", price: 9, limit: 10 };"#;
        assert_eq!(limits(text), expected([("solo", Limit::Uses(10))]));
        let text = r#"const all = [{ id: "free", limit: 5 }, { id: "solo", limit: 10 }];"#;
        assert_eq!(limits(text), expected([("free", Limit::Uses(5)), ("solo", Limit::Uses(10))]));
    }

    #[test]
    fn of_several_limits_of_a_tier_none_is_guessed() {
        assert_eq!(limits("const PLANS = { pro: { requestLimit: 50, uploadLimit: 5 } };"), []);
    }

    #[test]
    fn a_tier_with_two_limits_appears_with_both() {
        let text = "const LIMITS = { free: 10, pro: 50 };\nconst OLD_LIMITS = { free: 5, pro: 50 };";
        let all = [("free", Limit::Uses(10)), ("pro", Limit::Uses(50)), ("free", Limit::Uses(5))];
        assert_eq!(limits(text), expected(all));
    }
}
