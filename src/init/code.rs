//! What the project's source adds to a draft: what the accounts cannot say.

use super::file::{Entry, Table, quoted};
use crate::config::Limit;
use crate::source::{Found, FoundRoute, Holds, Role, SourceFacts, TierLimit};

/// The routes of the reference stack, which are the defaults.
const ROUTES: [(&str, Role, &str); 5] = [
    ("health", Role::Health, "/health"),
    ("tiers", Role::Tiers, "/api/tiers"),
    ("usage", Role::Usage, "/api/usage"),
    ("checkout", Role::Checkout, "/api/create-checkout"),
    ("portal", Role::Portal, "/api/customer-portal"),
];

/// The events that are the default.
const EVENTS: [&str; 4] = [
    "checkout.session.completed",
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
];

/// The beginnings of the events that are about subscriptions.
const OURS: [&str; 3] = ["checkout.session.", "customer.subscription.", "invoice."];

/// Adds what the source says to the tables of a draft. Returns what is no setting.
pub(super) fn add(source: &SourceFacts, tables: &mut [Table]) -> Vec<String> {
    // Source without a handler of Stripe's events is not the Worker's.
    if source.webhook_route.is_none() {
        return Vec::new();
    }
    let mut add = |header: &str, entries: Vec<Entry>| {
        if let Some(table) = tables.iter_mut().find(|table| table.header == header) {
            let is_new = |entry: &Entry| !table.entries.iter().any(|known| known.key == entry.key);
            let new: Vec<Entry> = entries.into_iter().filter(is_new).collect();
            table.entries.extend(new);
        }
    };
    add("[worker]", routes(source));
    add("[webhook]", webhook(source));
    add("[entitlement]", keys(source));
    add("[clerk]", clerk(source));
    for table in tables.iter_mut().filter(|table| table.header.starts_with("[tiers.")) {
        table.entries.extend(limit(&source.limits, table));
    }
    let cookie = source.cookie_auth.as_ref().map(|found| {
        format!("{} reads the session from a cookie. preflight sends its token as Authorization: Bearer", place(found))
    });
    cookie.into_iter().collect()
}

fn place<T>(found: &Found<T>) -> String {
    format!("{}:{}", found.file.display(), found.line)
}

fn routes(source: &SourceFacts) -> Vec<Entry> {
    let of_role = |role| source.routes.iter().find(move |found| found.value.role == Some(role));
    let mut entries = Vec::new();
    for (key, role, usual) in ROUTES {
        entries.push(match of_role(role) {
            Some(found) => {
                let entry = Entry::new(key, quoted(&found.value.path), place(found)).unless(found.value.path == usual);
                match unknown_body(&found.value) {
                    Some(doubt) => entry.doubtful(doubt),
                    None => entry,
                }
            }
            None => Entry::new(key, "false", "the source").doubtful(format!("no route like {usual} was found")),
        });
    }
    let metered = source.routes.iter().find(|found| found.value.path == "/api/data");
    entries.push(match metered {
        Some(found) => Entry::new("metered", quoted("/api/data"), place(found)).unless(true),
        None => Entry::new("metered", "false", "the source")
            .doubtful("a POST route of which one call is one use, for `preflight rehearse`"),
    });
    entries
}

/// Why preflight's request may not be the one that a checkout route expects.
fn unknown_body(route: &FoundRoute) -> Option<String> {
    let is_known =
        route.role != Some(Role::Checkout) || route.body.is_empty() || route.body.iter().any(|field| field == "tier");
    (!is_known)
        .then(|| format!("it reads {} from the body, but preflight sends {{ \"tier\": … }}", route.body.join(", ")))
}

fn webhook(source: &SourceFacts) -> Vec<Entry> {
    let mut entries = Vec::new();
    if let Some(found) = &source.api_version {
        entries.push(Entry::new("api_version", quoted(&found.value), place(found)));
    }
    let is_ours = |found: &&Found<String>| OURS.iter().any(|ours| found.value.starts_with(ours));
    let handled: Vec<&Found<String>> = source.handled_events.iter().filter(is_ours).collect();
    if let Some(first) = handled.first() {
        let is_usual =
            handled.len() == EVENTS.len() && handled.iter().all(|found| EVENTS.contains(&found.value.as_str()));
        let list: Vec<String> = handled.iter().map(|found| quoted(&found.value)).collect();
        entries.push(Entry::new("events", format!("[{}]", list.join(", ")), place(first)).unless(is_usual));
    }
    entries
}

fn keys(source: &SourceFacts) -> Vec<Entry> {
    let all = [("user_key", &source.user_key, "userId"), ("tier_key", &source.tier_key, "tier")];
    let entries = all.into_iter().filter_map(|(key, found, usual)| {
        let first = found.iter().find(|found| found.value == usual).or_else(|| found.first())?;
        Some(Entry::new(key, quoted(&first.value), place(first)).unless(first.value == usual))
    });
    entries.collect()
}

fn clerk(source: &SourceFacts) -> Vec<Entry> {
    let holding = |holds| source.public_metadata.iter().find(move |found| found.value.holds == Some(holds));
    let keys = [
        ("metadata_key", Holds::Plan, "plan"),
        ("customer_key", Holds::Customer, "stripeCustomerId"),
        ("subscription_key", Holds::Subscription, "subscriptionId"),
    ];
    let metadata = keys.into_iter().filter_map(|(key, holds, usual)| {
        let found = holding(holds)?;
        Some(Entry::new(key, quoted(&found.value.key), place(found)).unless(found.value.key == usual))
    });
    let template = source
        .jwt_template
        .as_ref()
        .map(|found| Entry::new("jwt_template", quoted(&found.value), place(found)).unless(found.value == "pan-api"));
    let claim = source
        .claim
        .first()
        .map(|found| Entry::new("plan_claim", quoted(&found.value), place(found)).unless(found.value == "plan"));
    metadata.chain(template).chain(claim).collect()
}

/// The limit of the tier that a table is about. With several, a person has to choose.
fn limit(limits: &[Found<TierLimit>], table: &Table) -> Option<Entry> {
    let name = table.header.trim_start_matches("[tiers.").trim_end_matches(']');
    let metadata = table.entries.iter().find(|entry| entry.key == "metadata").map(|entry| entry.value.as_str());
    let is_it =
        |found: &&Found<TierLimit>| found.value.tier == name || metadata == Some(quoted(&found.value.tier).as_str());
    let mut found = limits.iter().filter(is_it);
    let first = found.next()?;
    let text = |limit: Limit| match limit {
        Limit::Uses(uses) => uses.to_string(),
        Limit::Unlimited => quoted("unlimited"),
    };
    let entry = Entry::new("limit", text(first.value.limit), place(first));
    let others: Vec<String> = found.map(|other| format!("{} in {}", text(other.value.limit), place(other))).collect();
    Some(if others.is_empty() { entry } else { entry.doubtful(format!("also {}", others.join(", "))) })
}
