//! What a route is for: judged by what its handlers call, and by its path where that shows nothing.

use std::collections::HashSet;

use super::Route;
use crate::source::facts::{FoundRoute, Role};
use crate::source::project::{At, Project};
use crate::source::tree::{Kind, Node, Pattern};

/// How many calls deep a handler is followed.
const DEPTH: usize = 2;

/// What a call shows of the route: the end of the callee's path.
const CALLS: [(&[&str], Role); 4] = [
    (&["checkout", "sessions", "create"], Role::Checkout),
    (&["billingPortal", "sessions", "create"], Role::Portal),
    (&["constructEvent"], Role::Webhook),
    (&["constructEventAsync"], Role::Webhook),
];

/// What an address shows where Stripe is called without its SDK.
const ADDRESSES: [(&str, Role); 2] =
    [("/v1/checkout/sessions", Role::Checkout), ("/v1/billing_portal/sessions", Role::Portal)];

/// What a path says by its last part.
const NAMES: [(&str, Role); 7] = [
    ("health", Role::Health),
    ("healthz", Role::Health),
    ("healthcheck", Role::Health),
    ("tiers", Role::Tiers),
    ("plans", Role::Tiers),
    ("pricing", Role::Tiers),
    ("usage", Role::Usage),
];

/// A route with its role.
pub(super) fn judge(project: &Project, route: &Route) -> FoundRoute {
    let reached = reachable(project, &route.handlers);
    let role = reached.iter().find_map(|at| called(*at)).or_else(|| named(route));
    let mut found =
        FoundRoute { method: route.method.clone(), path: route.path.clone(), role, body: Vec::new(), session: None };
    if role == Some(Role::Checkout) {
        found.body = body(project, &reached);
        found.session = session(project, &reached);
    }
    found
}

/// Every node that handlers lead to: their own first, then those of the functions that they call.
pub(in crate::source) fn reachable<'t>(project: &Project<'t>, handlers: &[At<'t>]) -> Vec<At<'t>> {
    let (mut reached, mut seen) = (Vec::new(), HashSet::new());
    let mut open: Vec<At> = handlers.iter().map(|handler| project.follow(*handler)).collect();
    for _ in 0..=DEPTH {
        let mut next = Vec::new();
        for root in open {
            if !seen.insert(std::ptr::from_ref(root.node)) {
                continue;
            }
            for at in root.all() {
                reached.push(at);
                let Kind::Call(callee, arguments) = &at.node.kind else { continue };
                let functions = std::iter::once(&**callee).chain(arguments).map(|node| project.follow(at.to(node)));
                next.extend(functions.filter(|one| matches!(one.node.kind, Kind::Function(..))));
            }
        }
        open = next;
    }
    reached
}

fn called(at: At) -> Option<Role> {
    let Kind::Call(callee, arguments) = &at.node.kind else { return None };
    let by_call = CALLS.iter().find(|(path, _)| callee.ends_with(path)).map(|(_, role)| *role);
    by_call.or_else(|| {
        // The header that Stripe signs an event with, for code that verifies it without the SDK.
        if arguments.iter().filter_map(Node::text).any(|text| text.eq_ignore_ascii_case("stripe-signature")) {
            return Some(Role::Webhook);
        }
        let address = arguments.first().and_then(last_text)?;
        ADDRESSES.iter().find(|(end, _)| address.ends_with(end)).map(|(_, role)| *role)
    })
}

fn named(route: &Route) -> Option<Role> {
    let last = route.path.rsplit('/').next()?;
    let is_read = route.method.as_deref().is_none_or(|method| method == "GET");
    NAMES.iter().find(|(name, _)| *name == last && is_read).map(|(_, role)| *role)
}

/// The string that an address ends with.
fn last_text(node: &Node) -> Option<&str> {
    match &node.kind {
        Kind::Text(text) => Some(text),
        Kind::Joined(parts) => last_text(parts.last()?),
        _ => None,
    }
}

/// The fields that a handler reads from the request's body.
fn body(project: &Project, reached: &[At]) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    let mut add = |field: &str| {
        if !fields.iter().any(|known| known == field) {
            fields.push(field.to_owned());
        }
    };
    for at in reached {
        match &at.node.kind {
            Kind::Declare(Pattern::Fields(named), Some(value)) if is_body(project, at.to(value)) => {
                named.iter().filter(|(key, _)| !key.is_empty()).for_each(|(key, _)| add(key));
            }
            Kind::Member(object, key) if is_body(project, at.to(object)) && key != "catch" && key != "then" => add(key),
            _ => {}
        }
    }
    fields
}

/// Whether an expression is the request's JSON body: `await request.json()`, `c.req.json()`, `req.body`, also checked by a
/// schema.
fn is_body(project: &Project, at: At) -> bool {
    let at = project.follow(at);
    match &at.node.kind {
        Kind::Call(callee, arguments) => match &callee.kind {
            Kind::Member(object, method) if method == "json" && arguments.is_empty() => {
                let from = project.origin(at.to(object));
                // An answer has a body, too.
                from.last().is_none_or(|last| !last.starts_with('(') && !last.contains("esponse") && last != "res")
                    && from.first().is_none_or(|first| first != "fetch")
            }
            Kind::Member(object, method) if method == "valid" => {
                project.origin(at.to(object)).ends_with(&["req".into()])
            }
            Kind::Member(object, method) if method == "catch" => is_body(project, at.to(object)),
            _ => arguments.iter().any(|argument| is_body(project, at.to(argument))),
        },
        Kind::Member(object, key) if key == "body" => {
            matches!(&object.kind, Kind::Name(name) if name == "req" || name == "request")
        }
        Kind::Or(one, _) => is_body(project, at.to(one)),
        _ => false,
    }
}

/// The field of a JSON answer that holds the URL of the session.
fn session(project: &Project, reached: &[At]) -> Option<String> {
    let mut by_name = None;
    for at in reached {
        let Kind::Call(callee, arguments) = &at.node.kind else { continue };
        let is_answer = matches!(&callee.kind, Kind::Member(_, name) | Kind::Name(name)
            if matches!(name.as_str(), "json" | "stringify" | "send") || name.ends_with("Json") || name.starts_with("json"));
        for argument in arguments.iter().filter(|_| is_answer) {
            for (value, property) in project.properties(project.follow(at.to(argument))) {
                let Some(name) = property.name() else { continue };
                let origin = project.origin(value);
                let is_url = origin.last().is_some_and(|last| last == "url");
                if is_url && origin.iter().any(|name| name == "sessions" || name.to_lowercase().contains("session")) {
                    return Some(name.to_owned());
                }
                if name.to_lowercase().ends_with("url") && value.node.text().is_none() {
                    by_name.get_or_insert_with(|| name.to_owned());
                }
            }
        }
    }
    by_name
}
