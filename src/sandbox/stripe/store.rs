//! Where Stripe keeps objects, and how it hands them out: one at a time, or in pages.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::error::StripeError;
use super::parameters::Parameters;
use super::request::Caller;

/// A kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Product,
    Price,
    WebhookEndpoint,
    EventDestination,
    PortalConfiguration,
    Customer,
    Subscription,
    Event,
    CheckoutSession,
}

impl Kind {
    /// What an error calls it.
    pub(super) const fn noun(self) -> &'static str {
        match self {
            Self::Product => "product",
            Self::Price => "price",
            Self::WebhookEndpoint => "webhook endpoint",
            Self::EventDestination => "event destination",
            Self::PortalConfiguration => "configuration",
            Self::Customer => "customer",
            Self::Subscription => "subscription",
            Self::Event => "event",
            Self::CheckoutSession => "checkout.session",
        }
    }
}

/// One object in one mode of one account, as it is answered.
#[derive(Debug, Clone)]
pub(super) struct StoredObject {
    pub(super) account: String,
    pub(super) livemode: bool,
    pub(super) created: i64,
    pub(super) id: String,
    pub(super) body: Value,
}

impl StoredObject {
    pub(super) fn is_for(&self, caller: &Caller) -> bool {
        self.account == caller.account && self.livemode == caller.livemode
    }
}

/// All objects, each kind newest first.
#[derive(Debug, Default)]
pub(super) struct Store(BTreeMap<Kind, Vec<StoredObject>>);

impl Store {
    /// Puts a object where it belongs by its age.
    pub(super) fn put(&mut self, kind: Kind, object: StoredObject) {
        let objects = self.0.entry(kind).or_default();
        let place = objects.partition_point(|other| other.created > object.created);
        objects.insert(place, object);
    }

    /// Everything of a kind that a key may see.
    pub(super) fn of<'a, 'b>(
        &'a self,
        kind: Kind,
        caller: &'b Caller,
    ) -> impl Iterator<Item = &'a StoredObject> + use<'a, 'b> {
        self.0.get(&kind).into_iter().flatten().filter(move |object| object.is_for(caller))
    }

    /// The object with this ID, or the error that says whether the other mode has it.
    pub(super) fn find(&self, kind: Kind, id: &str, caller: &Caller) -> Result<&StoredObject, StripeError> {
        if let Some(object) = self.of(kind, caller).find(|object| object.id == id) {
            return Ok(object);
        }
        let (here, there) = if caller.livemode { ("live", "test") } else { ("test", "live") };
        let similar = self.0.get(&kind).into_iter().flatten();
        let similar = similar.filter(|object| object.id == id && object.account == caller.account).count() > 0;
        Err(StripeError::missing(kind.noun(), id, similar.then_some((there, here))))
    }

    pub(super) fn find_mut(&mut self, kind: Kind, id: &str, caller: &Caller) -> Result<&mut StoredObject, StripeError> {
        self.find(kind, id, caller)?;
        let mut objects = self.0.get_mut(&kind).into_iter().flatten();
        let found = objects.find(|object| object.id == id && object.is_for(caller));
        found.ok_or_else(|| StripeError::missing(kind.noun(), id, None))
    }
}

/// A page of a list, as `limit`, `starting_after` and `ending_before` ask for it.
pub(super) fn page<'a>(
    objects: impl Iterator<Item = &'a StoredObject>,
    url: &str,
    noun: &str,
    parameters: &Parameters,
) -> Result<Value, StripeError> {
    let limit = limit(parameters)?;
    let all: Vec<&StoredObject> = objects.collect();
    let place = |name: &str| -> Result<Option<usize>, StripeError> {
        let Some(id) = parameters.get(name) else { return Ok(None) };
        let place = all.iter().position(|object| object.id == id);
        place.map(Some).ok_or_else(|| StripeError::missing(noun, id, None).in_parameter(name))
    };
    let (first, last) = match (place("starting_after")?, place("ending_before")?) {
        (Some(_), Some(_)) => {
            return Err(StripeError::bad("You may not specify both `starting_after` and `ending_before`.")
                .about("ending_before"));
        }
        (Some(after), None) => (after + 1, (after + 1 + limit).min(all.len())),
        (None, Some(before)) => (before.saturating_sub(limit), before),
        (None, None) => (0, limit.min(all.len())),
    };
    // Backwards there is more where something stands before the page.
    let has_more = if parameters.get("ending_before").is_some() { first > 0 } else { last < all.len() };
    let data: Value = all[first..last].iter().map(|object| object.body.clone()).collect();
    Ok(json!({ "object": "list", "data": data, "has_more": has_more, "url": url }))
}

/// How many objects a page holds: 1 to 100, 10 unless said otherwise.
pub(super) fn limit(parameters: &Parameters) -> Result<usize, StripeError> {
    match parameters.integer("limit")? {
        None => Ok(10),
        Some(limit) if limit > 100 => {
            let message = format!("This value must be less than or equal to 100 (it currently is '{limit}').");
            Err(StripeError::bad(message).about("limit"))
        }
        Some(limit) if limit < 1 => {
            Err(StripeError::bad("This value must be greater than or equal to 1.").about("limit"))
        }
        Some(limit) => Ok(usize::try_from(limit).unwrap_or(10)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_client::TestClient;

    #[tokio::test]
    async fn a_page_holds_ten_unless_told_otherwise() {
        let page = TestClient::of(&["healthy-many-pages"]).get("/v1/webhook_endpoints").await;
        assert_eq!((page.ids().len(), &page.body["has_more"]), (10, &true.into()));
    }

    #[tokio::test]
    async fn one_can_go_back_as_well_as_forth() {
        let client = TestClient::of(&["healthy-many-pages"]);
        let first = client.get("/v1/products?limit=3").await;
        let second = client.get(&format!("/v1/products?limit=3&starting_after={}", first.ids()[2])).await;
        let back = client.get(&format!("/v1/products?limit=3&ending_before={}", second.ids()[0])).await;
        assert_eq!((back.ids(), &back.body["has_more"]), (first.ids(), &false.into()));
    }

    #[tokio::test]
    async fn more_than_a_hundred_at_once_is_refused() {
        let answer = TestClient::of(&[]).get("/v1/products?limit=101").await;
        assert_eq!(answer.message(), "This value must be less than or equal to 100 (it currently is '101').");
    }

    #[tokio::test]
    async fn a_cursor_that_nobody_has_is_refused() {
        let answer = TestClient::of(&[]).get("/v1/products?starting_after=prod_Nobody").await;
        assert_eq!((answer.status, &answer.body["error"]["param"]), (400, &"starting_after".into()));
    }
}
