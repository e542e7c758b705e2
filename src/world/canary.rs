//! What connects the canary with customers and subscriptions at Stripe.

use serde_json::{Map, Value};

use super::World;
use super::clerk::User;
use super::stripe::Customer;
use crate::finding::Answered;
use crate::pattern::patterns;

/// What connects the canary with Stripe.
#[derive(Debug, Clone)]
pub struct CanaryTies {
    /// The canary.
    pub user: User,
    /// Every ID of a customer or a subscription in its metadata.
    pub held: Vec<MetadataId>,
    /// Stripe's customers with one of its e-mail addresses; or why that is not known.
    pub customers: Answered<Vec<Customer>>,
}

/// The ID of a customer or a subscription in a user's metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataId {
    /// `cus_…` or `sub_…`.
    pub id: String,
    /// Where it is: `private_metadata.billing.ids[0]`.
    pub place: String,
}

impl World {
    /// What connects the canary with Stripe. Blocked or unknown if the canary is not known.
    pub(crate) async fn canary_ties(&self) -> Answered<CanaryTies> {
        let user = self.clerk().known_canary().await?;
        let (held, customers) = (held_ids(&user)?, self.customers_of(&user).await);
        Ok(CanaryTies { user, held, customers })
    }

    async fn customers_of(&self, user: &User) -> Answered<Vec<Customer>> {
        let addresses = user.email_addresses()?;
        let stripe = self.stripe();
        let asked = addresses.iter().map(|address| stripe.customers_with(&address.email_address));
        let mut customers = Vec::new();
        for found in futures::future::join_all(asked).await {
            customers.extend(found?);
        }
        Ok(customers)
    }
}

patterns! {
    /// The ID of a customer or a subscription, also inside a longer text.
    HELD = "(?:^|[^A-Za-z0-9])((?:cus|sub)_[A-Za-z0-9]+)";
}

/// Every ID of a customer or a subscription in a user's metadata, at any depth, also in keys and inside longer texts.
fn held_ids(user: &User) -> Answered<Vec<MetadataId>> {
    let mut held = Vec::new();
    let parts = [
        ("public_metadata", Some(user.public_metadata()?)),
        ("private_metadata", user.private_metadata()?),
        ("unsafe_metadata", user.unsafe_metadata()?),
    ];
    for (name, part) in parts {
        if let Some(part) = part {
            in_object(part, name, &mut held);
        }
    }
    Ok(held)
}

fn in_object(object: &Map<String, Value>, place: &str, held: &mut Vec<MetadataId>) {
    for (key, value) in object {
        let place = format!("{place}.{key}");
        in_text(key, &place, held);
        in_value(value, &place, held);
    }
}

fn in_value(value: &Value, place: &str, held: &mut Vec<MetadataId>) {
    match value {
        Value::String(text) => in_text(text, place, held),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                in_value(item, &format!("{place}[{index}]"), held);
            }
        }
        Value::Object(object) => in_object(object, place, held),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn in_text(text: &str, place: &str, held: &mut Vec<MetadataId>) {
    let found = HELD.captures_iter(text).map(|found| MetadataId { id: found[1].to_owned(), place: place.to_owned() });
    held.extend(found);
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::held_ids;
    use crate::sandbox::{self, Sandbox};
    use crate::world::{self, World};

    fn places(user: Value) -> Vec<(String, String)> {
        let held = held_ids(&serde_json::from_value(user).unwrap()).unwrap();
        held.into_iter().map(|held| (held.id, held.place)).collect()
    }

    #[test]
    fn an_id_is_found_in_every_part_of_the_metadata_at_any_depth() {
        let found = places(json!({
            "id": "user_1",
            "public_metadata": { "plan": "pro", "billing": { "ids": [7, { "any": "sub_1A" }] } },
            "private_metadata": { "note": "moved from cus_Old1,cus_New2 (see sub_9)" },
            "unsafe_metadata": { "cus_AsKey": true, "resub_x": "customs" },
        }));
        let expected = [
            ("sub_1A", "public_metadata.billing.ids[1].any"),
            ("cus_Old1", "private_metadata.note"),
            ("cus_New2", "private_metadata.note"),
            ("sub_9", "private_metadata.note"),
            ("cus_AsKey", "unsafe_metadata.cus_AsKey"),
        ];
        let mut found: Vec<(&str, &str)> = found.iter().map(|(id, place)| (id.as_str(), place.as_str())).collect();
        found.sort_unstable();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }

    #[tokio::test]
    async fn customers_with_the_canarys_email_address_are_found() {
        let sandbox = Sandbox::start(&["healthy-canary-customer"], sandbox::Options::default()).await.unwrap();
        let world = World::new(sandbox.config(None).unwrap(), sandbox.options(world::Options::default())).unwrap();
        let ties = world.canary_ties().await.unwrap();
        let held: Vec<(&str, &str)> = ties.held.iter().map(|held| (held.id.as_str(), held.place.as_str())).collect();
        assert_eq!(held, [("cus_QpanCanary001", "public_metadata.stripeCustomerId")]);
        let customers = ties.customers.unwrap();
        let customers: Vec<(&str, &str)> =
            customers.iter().map(|customer| (customer.id.as_str(), customer.email.as_str())).collect();
        assert_eq!(customers, [("cus_QpanCanary001", "canary@acme.com")]);
    }

    #[tokio::test]
    async fn a_canary_that_was_never_a_customer_has_no_ties() {
        let sandbox = Sandbox::start(&["healthy"], sandbox::Options::default()).await.unwrap();
        let world = World::new(sandbox.config(None).unwrap(), sandbox.options(world::Options::default())).unwrap();
        let ties = world.canary_ties().await.unwrap();
        assert!(ties.held.is_empty() && ties.customers.unwrap().is_empty());
    }
}
