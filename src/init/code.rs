//! What the project's source adds to a draft: what the accounts cannot say.

use super::file::{Entry, Table, is_bare_key, quoted};
use crate::config::Limit;
use crate::holder::HolderKind;
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

/// Adds what the source says to the tables of a draft.
pub(super) fn add(source: &SourceFacts, holder: HolderKind, tables: &mut [Table]) {
    // Source without a handler of Stripe's events is not the Worker's.
    if source.webhook_route.is_none() {
        return;
    }
    // A cookie never holds the token of a template, whatever templates there are.
    if reads_cookies(source).is_some() {
        for table in tables.iter_mut().filter(|table| table.header == "[clerk]") {
            table.entries.retain(|entry| entry.key != "jwt_template" && entry.key != "plan_claim");
        }
    }
    let mut add = |header: &str, entries: Vec<Entry>| {
        if let Some(table) = tables.iter_mut().find(|table| table.header == header) {
            let is_new = |entry: &Entry| !table.entries.iter().any(|known| known.key == entry.key);
            let new: Vec<Entry> = entries.into_iter().filter(is_new).collect();
            table.entries.extend(new);
        }
    };
    add("[worker]", [routes(source, holder), auth(source)].concat());
    add("[webhook]", webhook(source));
    add("[entitlement]", keys(source, holder));
    add("[clerk]", clerk(source));
    for table in tables.iter_mut().filter(|table| table.header.starts_with("[tiers.")) {
        table.entries.extend(limit(&source.limits, table));
    }
}

pub(super) fn place<T>(found: &Found<T>) -> String {
    format!("{}:{}", found.file.display(), found.line)
}

fn routes(source: &SourceFacts, holder: HolderKind) -> Vec<Entry> {
    // A parameter that nothing is known for cannot be asked for.
    let is_whole = |path: &str| !with_placeholders(path, holder).0.contains([':', '[']);
    let of_role =
        |role| source.routes.iter().find(move |found| found.value.role == Some(role) && is_whole(&found.value.path));
    let mut entries = Vec::new();
    for (key, role, usual) in ROUTES {
        entries.push(match of_role(role) {
            Some(found) if role == Role::Checkout => checkout(found, holder),
            Some(found) => {
                let (path, _) = with_placeholders(&found.value.path, holder);
                Entry::new(key, quoted(&path), place(found)).unless(path == usual)
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

/// Where the Worker reads a cookie, unless the frontend asks for a template's tokens, which are sent in a header.
fn reads_cookies(source: &SourceFacts) -> Option<&Found<()>> {
    source.cookie_auth.as_ref().filter(|_| source.jwt_template.is_none())
}

fn auth(source: &SourceFacts) -> Vec<Entry> {
    reads_cookies(source).map(|found| Entry::new("auth", quoted("cookie"), place(found))).into_iter().collect()
}

/// The request for a Checkout Session: a path if it is the reference stack's, otherwise a table.
fn checkout(found: &Found<FoundRoute>, holder: HolderKind) -> Entry {
    let route = &found.value;
    let (path, in_path) = with_placeholders(&route.path, holder);
    let known: Vec<(&str, &str)> =
        route.body.iter().filter_map(|field| Some((field.as_str(), placeholder(field, holder)?))).collect();
    let others: Vec<&str> =
        route.body.iter().map(String::as_str).filter(|field| placeholder(field, holder).is_none()).collect();
    let is_get = route.method.as_deref() == Some("GET");
    let is_named = in_path || known.iter().any(|(_, placeholder)| is_of_tier(placeholder));
    let is_usual = !is_get && (known.is_empty() || known == [("tier", "{tier}")]);
    let session = route.session.as_deref().filter(|field| *field != "url").map(|field| quoted(&format!("/{field}")));
    let mut settings: Vec<(&str, String)> = Vec::new();
    match route.method.as_deref() {
        None | Some("POST") => {}
        Some(method) => settings.push(("method", quoted(method))),
    }
    if !is_usual && !is_get {
        let fields: Vec<String> =
            known.iter().map(|(field, placeholder)| format!("{} = {}", key(field), quoted(placeholder))).collect();
        settings.push(("body", format!("{{ {} }}", fields.join(", "))));
    }
    settings.extend(session.map(|session| ("session", session)));
    let path = if is_get && !is_named { format!("{path}?plan={{plan}}") } else { path };
    let value = if settings.is_empty() {
        quoted(&path)
    } else {
        let settings: Vec<String> = settings.iter().map(|(key, value)| format!(", {key} = {value}")).collect();
        format!("{{ path = {}{} }}", quoted(&path), settings.concat())
    };
    let entry =
        Entry::new("checkout", value, place(found)).unless(settings.is_empty() && path == "/api/create-checkout");
    match others.as_slice() {
        _ if is_get && !is_named => entry.doubtful("it is a GET: name the tier as its query expects it"),
        [] => entry,
        _ => entry.doubtful(format!("it also reads {} from the body", others.join(", "))),
    }
}

/// What preflight fills in for a field of that name.
fn placeholder(field: &str, holder: HolderKind) -> Option<&'static str> {
    let plain = field.to_lowercase().replace(['_', '-'], "");
    Some(match plain.as_str() {
        "tier" | "tierid" | "tiername" | "tierkey" => "{tier}",
        "plan" | "planid" | "planname" | "plankey" => "{plan}",
        "price" | "priceid" | "stripeprice" | "stripepriceid" => "{price_id}",
        "interval" | "billinginterval" => "{interval}",
        "user" | "userid" | "clerkuserid" => "{user}",
        "org" | "orgid" | "organization" | "organizationid" if holder == HolderKind::Organization => "{organization}",
        _ => return None,
    })
}

/// A path in which `:plan` and `[plan]` are placeholders, and whether one of them names the tier.
fn with_placeholders(path: &str, holder: HolderKind) -> (String, bool) {
    let mut names_tier = false;
    let segments = path.split('/').map(|segment| {
        let parameter = segment.strip_prefix(':').or_else(|| segment.strip_prefix('[')?.strip_suffix(']'));
        parameter.and_then(|parameter| placeholder(parameter, holder)).map_or_else(
            || segment.to_owned(),
            |placeholder| {
                names_tier |= is_of_tier(placeholder);
                placeholder.to_owned()
            },
        )
    });
    let segments: Vec<String> = segments.collect();
    (segments.join("/"), names_tier)
}

/// Whether a placeholder names the tier.
fn is_of_tier(placeholder: &str) -> bool {
    matches!(placeholder, "{tier}" | "{plan}" | "{price_id}")
}

/// A key as TOML.
fn key(name: &str) -> String {
    if is_bare_key(name) { name.to_owned() } else { quoted(name) }
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

fn keys(source: &SourceFacts, holder: HolderKind) -> Vec<Entry> {
    let of_holder = match holder {
        HolderKind::User => &source.user_key,
        HolderKind::Organization => &source.organization_key,
    };
    let all = [("user_key", of_holder, holder.usual_key()), ("tier_key", &source.tier_key, "tier")];
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
