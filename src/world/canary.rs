//! What connects the canary with customers and subscriptions at Stripe.

use serde_json::{Map, Value};

use super::World;
use super::clerk::Holder;
use super::id::{CustomerId, HolderId};
use super::rehearsal::{MARKER, UNFINISHED};
use super::seen::Seen;
use super::stripe::{Customer, Found, Subscription};
use crate::finding::{Answered, NoAnswer};
use crate::holder::HolderKind;
use crate::pattern::patterns;

/// What connects the canary with Stripe.
#[derive(Debug, Clone)]
pub struct CanaryTies {
    /// What has the canary's plan: the canary, or its organization.
    pub holder: Holder,
    /// The canary itself.
    pub user: Holder,
    /// Every ID of a customer or a subscription in the metadata of both.
    pub held: Vec<MetadataId>,
    /// Stripe's customers with one of the canary's e-mail addresses; or why that is not known.
    pub customers: Answered<Vec<Customer>>,
}

/// The ID of a customer or a subscription in metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataId {
    /// `cus_…` or `sub_…`.
    pub id: String,
    /// Whose metadata it is: the canary's, or its organization's.
    pub kind: HolderKind,
    /// Where it is: `private_metadata.billing.ids[0]`.
    pub place: String,
}

impl MetadataId {
    /// Where it is, and in whose metadata.
    fn whose(&self) -> String {
        whose(self.kind, &self.place)
    }
}

fn whose(kind: HolderKind, place: &str) -> String {
    format!("{place} of the {}", kind.canary())
}

impl World {
    /// What connects the canary with Stripe. Blocked or unknown if the canary is not known.
    pub(crate) async fn canary_ties(&self) -> Answered<CanaryTies> {
        let (holder, user) = futures::join!(self.clerk().known_canary(), self.clerk().known_canary_user());
        let (holder, user) = (holder?, user?);
        let mut held = held_ids(&holder)?;
        if user.id != holder.id {
            held.extend(held_ids(&user)?);
        }
        let customers = self.customers_of(&user).await;
        Ok(CanaryTies { holder, user, held, customers })
    }

    async fn customers_of(&self, user: &Holder) -> Answered<Vec<Customer>> {
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

impl World {
    /// The ID of what has the canary's plan, if nothing shows that it has a subscription.
    ///
    /// # Errors
    /// Unknown if it may have one, under whatever metadata key: a Worker of this stack would change that subscription at
    /// once (docs/providers.md, "How a Worker on this stack responds").
    pub(crate) async fn canary_without_subscription(&self) -> Answered<HolderId> {
        let ties = self.canary_ties().await?;
        if ties.holder.public_metadata()?.contains_key(MARKER) {
            return Err(NoAnswer::unknown(UNFINISHED));
        }
        self.holds_no_subscription(&ties)?;
        let mut customers: Vec<(&str, String)> = Vec::new();
        let held = ties.held.iter().map(|held| (held.id.as_str(), format!("{} in {}", held.id, held.whose())));
        let known = ties.customers.as_ref().map_err(Clone::clone)?.iter();
        let known =
            known.map(|known| (known.id.as_str(), format!("{} with the canary's address {}", known.id, known.email)));
        for (id, words) in held.chain(known) {
            if !customers.iter().any(|(other, _)| *other == id) {
                customers.push((id, words));
            }
        }
        let asked = customers.iter().map(|(id, words)| self.has_no_subscription(id, words));
        futures::future::join_all(asked).await.into_iter().collect::<Answered>()?;
        self.clerk().canary_holder_id()
    }

    /// Whether no metadata of the canary names a subscription, or may name one.
    fn holds_no_subscription(&self, ties: &CanaryTies) -> Answered {
        if let Some(held) = ties.held.iter().find(|held| held.id.starts_with("sub_")) {
            return Err(not_safe(&format!("{} holds {}", held.whose(), held.id)));
        }
        let config = &self.config.clerk;
        let metadata = ties.holder.public_metadata()?;
        let kind = ties.holder.kind();
        for key in [&config.subscription_key, &config.customer_key] {
            let place = format!("public_metadata.{key}");
            let is_customer = ties.held.iter().any(|held| held.kind == kind && held.place == place);
            let value = metadata.get(key).filter(|value| !value.is_null() && **value != "");
            if let Some(value) = value.filter(|_| !is_customer) {
                let whose = whose(kind, &place);
                return Err(not_safe(&format!("{whose} holds {value}, which may name a subscription")));
            }
        }
        Ok(())
    }

    /// Whether every subscription of a customer has ended.
    async fn has_no_subscription(&self, id: &str, words: &str) -> Answered {
        let id = CustomerId::parse(id).map_err(|malformed| malformed.in_place(words))?;
        match self.stripe().subscriptions_of(&id).await? {
            Found::Here(Seen { value: (subscriptions, unread), .. }) => {
                if !subscriptions.iter().all(Subscription::is_over) {
                    return Err(not_safe(&format!("customer {words} has a subscription")));
                }
                unread.into_iter().next().map_or(Ok(()), Err)
            }
            Found::Missing(_) => Err(not_safe(&format!(
                "customer {words} does not exist for {}, and may have a subscription elsewhere",
                self.config.stripe.secret_key.name
            ))),
        }
    }
}

fn not_safe(why: &str) -> NoAnswer {
    NoAnswer::unknown(format!(
        "{why}. Nothing was sent to the Worker for this canary, because it could change that subscription. Use a canary \
         without a subscription"
    ))
}

patterns! {
    /// The ID of a customer or a subscription, also inside a longer text.
    HELD = "(?:^|[^A-Za-z0-9])((?:cus|sub)_[A-Za-z0-9]+)";
}

/// Every ID of a customer or a subscription in metadata, at any depth, also in keys and inside longer texts.
fn held_ids(holder: &Holder) -> Answered<Vec<MetadataId>> {
    let mut held = Vec::new();
    let parts = [
        ("public_metadata", Some(holder.public_metadata()?)),
        ("private_metadata", holder.private_metadata()?),
        ("unsafe_metadata", holder.unsafe_metadata()?),
    ];
    for (name, part) in parts {
        if let Some(part) = part {
            in_object(part, name, &mut held);
        }
    }
    let kind = holder.kind();
    Ok(held.into_iter().map(|(id, place)| MetadataId { id, kind, place }).collect())
}

/// IDs, each with its place.
type Places = Vec<(String, String)>;

fn in_object(object: &Map<String, Value>, place: &str, held: &mut Places) {
    for (key, value) in object {
        let place = format!("{place}.{key}");
        in_text(key, &place, held);
        in_value(value, &place, held);
    }
}

fn in_value(value: &Value, place: &str, held: &mut Places) {
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

fn in_text(text: &str, place: &str, held: &mut Places) {
    held.extend(HELD.captures_iter(text).map(|found| (found[1].to_owned(), place.to_owned())));
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
