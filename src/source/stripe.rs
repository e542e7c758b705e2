//! What the code says of Stripe: the API version of its client, and the events that it handles.

use super::facts::{Found, once};
use super::project::{At, Project};
use super::tree::{Kind, Node};

/// The first part of Stripe's event types, apart from families that only platforms receive.
const FAMILIES: [&str; 28] = [
    "account",
    "balance",
    "billing",
    "billing_portal",
    "charge",
    "checkout",
    "coupon",
    "credit_note",
    "customer",
    "entitlements",
    "invoice",
    "invoiceitem",
    "mandate",
    "payment_intent",
    "payment_link",
    "payment_method",
    "payout",
    "plan",
    "price",
    "product",
    "promotion_code",
    "quote",
    "radar",
    "refund",
    "review",
    "setup_intent",
    "subscription_schedule",
    "tax_rate",
];

/// `new Stripe(key, { apiVersion: "…" })`, and the header of requests without the SDK.
pub(super) fn api_version(project: &Project) -> Option<Found<String>> {
    project.all().find_map(|at| {
        let version = match &at.node.kind {
            Kind::New(_, arguments) => project.property(at.to(arguments.get(1)?), "apiVersion")?,
            Kind::Object(_) => at.to(at.node.property("Stripe-Version")?),
            _ => return None,
        };
        let text = project.text(version).filter(|text| is_version(text))?;
        Some(project.found(version, text))
    })
}

/// `2025-09-30.clover`
fn is_version(text: &str) -> bool {
    let (date, name) = text.split_once('.').unwrap_or((text, "any"));
    let is_date = date.len() == 10 && date.bytes().all(|letter| letter.is_ascii_digit() || letter == b'-');
    is_date && !name.is_empty() && name.bytes().all(|letter| letter.is_ascii_lowercase())
}

/// The types of events that the code compares with, has a case for, or lists.
pub(super) fn handled_events(project: &Project) -> Vec<Found<String>> {
    let mut found: Vec<Found<String>> = Vec::new();
    let mut open: Vec<At> = project.files().flat_map(|(_, body)| body).collect();
    open.reverse();
    while let Some(at) = open.pop() {
        let handled: Vec<At> = match &at.node.kind {
            Kind::Switch(_, cases) => {
                cases.iter().filter_map(|case| case.test.as_ref()).map(|test| at.to(test)).collect()
            }
            Kind::Compare(_, one, other) => vec![at.to(one), at.to(other)],
            Kind::Array(items) => {
                let all: Vec<At> = items.iter().map(|item| at.to(item)).collect();
                // A list of other things may have one by chance.
                if all.iter().all(|item| event(project, *item).is_some()) { all } else { Vec::new() }
            }
            _ => Vec::new(),
        };
        found.extend(handled.into_iter().filter_map(|at| Some(project.found(at, event(project, at)?))));
        for property in at.node.properties() {
            let is_handler = property.name().filter(|name| is_event(name));
            found.extend(is_handler.map(|name| project.found_on(at, property.line, name.to_owned())));
        }
        open.extend(below(at.node).into_iter().rev().map(|node| at.to(node)));
    }
    once(found)
}

/// What a node is made of, without the events that a script selects for an endpoint.
fn below(node: &Node) -> Vec<&Node> {
    let selected = node.property("enabled_events").map(std::ptr::from_ref);
    node.children().into_iter().filter(|child| Some(std::ptr::from_ref(*child)) != selected).collect()
}

fn event<'t>(project: &Project<'t>, at: At<'t>) -> Option<String> {
    project.text(at).filter(|text| is_event(text))
}

/// Whether a text is a type of event of Stripe's: `customer.subscription.updated`. Clerk's `user.created` is none.
fn is_event(text: &str) -> bool {
    let is_name = text.bytes().all(|letter| letter.is_ascii_lowercase() || letter == b'_' || letter == b'.');
    let family = text.split_once('.').filter(|(_, rest)| !rest.is_empty() && !rest.ends_with('.'));
    is_name && family.is_some_and(|(family, _)| FAMILIES.contains(&family))
}

#[cfg(test)]
mod tests {
    use crate::source::testing::{facts, reading, values};

    fn events(text: &str) -> Vec<String> {
        values(&facts(text).handled_events)
    }

    #[test]
    fn the_api_version_of_the_client_is_found_through_a_constant_of_another_file() {
        let files = [
            ("a.ts", r#"import { VERSION } from "./b"; new Stripe(key, { apiVersion: VERSION });"#),
            ("b.ts", r#"export const VERSION = "2025-09-30.clover";"#),
        ];
        assert_eq!(reading(&files).facts.api_version.unwrap().value, "2025-09-30.clover");
    }

    #[test]
    fn the_api_version_of_requests_without_the_sdk_is_found() {
        let text = r#"fetch(url, { headers: { Authorization: key, "Stripe-Version": "2024-06-20" } });"#;
        assert_eq!(facts(text).api_version.unwrap().value, "2024-06-20");
    }

    #[test]
    fn what_is_no_api_version_is_not_taken_for_one() {
        assert_eq!(facts(r#"new Stripe(key, { apiVersion: "latest" });"#).api_version, None);
    }

    #[test]
    fn cases_comparisons_lists_and_tables_of_events_are_handled() {
        let text = r#"
            switch (event.type) { case "customer.subscription.updated": break; }
            if (event.type !== "checkout.session.completed") return;
            const HANDLED = new Set(["invoice.paid", "invoice.payment_failed"]);
            const handlers = { "customer.subscription.deleted": remove };
        "#;
        let all = [
            "customer.subscription.updated",
            "checkout.session.completed",
            "invoice.paid",
            "invoice.payment_failed",
            "customer.subscription.deleted",
        ];
        assert_eq!(events(text), all);
    }

    #[test]
    fn an_event_has_the_line_of_its_case() {
        let found = facts("switch (event.type) {\n  case 'invoice.paid':\n    break;\n}").handled_events;
        assert_eq!(found[0].line, 2);
    }

    #[test]
    fn events_of_clerk_are_not_stripes() {
        assert_eq!(events(r#"if (event.type === "user.created") save();"#), [""; 0]);
    }

    #[test]
    fn events_that_a_script_selects_are_not_handled() {
        let text = r#"stripe.webhookEndpoints.create({ url, enabled_events: ["invoice.paid"] });"#;
        assert_eq!(events(text), [""; 0]);
    }
}
