//! Stripe's objects, by mode and account, and the pages of a list of them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::Error;
use super::super::recorded::{Recorded, by_id, rfc3339};
use super::caller::Caller;
use super::derived;
use super::error::StripeError;
use super::object_kind::ObjectKind;
use super::parameters::Parameters;
use super::settings::StripeSettings;

/// One object in one mode of one account.
#[derive(Debug, Clone)]
pub(super) struct StoredObject {
    account: String,
    livemode: bool,
    created: i64,
    pub(super) body: Value,
}

impl StoredObject {
    pub(super) fn id(&self) -> &str {
        self.body["id"].as_str().unwrap_or_default()
    }

    fn is_visible_to(&self, caller: &Caller) -> bool {
        self.account == caller.account && self.livemode == caller.livemode
    }
}

/// All objects.
#[derive(Debug, Default)]
pub(super) struct Store {
    /// Each kind newest first.
    objects: BTreeMap<ObjectKind, Vec<StoredObject>>,
    /// The secret of each webhook endpoint, by its ID. Only the answer to its creation shows it.
    signing_secrets: BTreeMap<String, String>,
}

impl Store {
    /// The document's objects.
    pub(super) fn load(settings: &StripeSettings, recorded: &Recorded) -> Result<Self, Error> {
        let mut store = Self::default();
        for (kind, objects) in &settings.objects {
            for fields in objects.values() {
                let mut fields = fields.clone();
                let mut take = |name: &str| fields.as_object_mut().and_then(|fields| fields.remove(name));
                let (account, secret) = (take("account"), take("secret"));
                let account = account.as_ref().and_then(Value::as_str).unwrap_or("acme");
                if let Some((id, secret)) = fields["id"].as_str().zip(secret.as_ref().and_then(Value::as_str)) {
                    store.keep_secret(id, secret);
                }
                let body = recorded.complete(kind.object(), &fields)?;
                let body = store.derived(*kind, body, recorded)?;
                store.insert(*kind, account, body);
            }
        }
        // These are newer than the named ones, which are therefore on a later page.
        let now = Timestamp::now().as_second();
        for number in 0..settings.extra_products {
            let (id, created) = (format!("prod_QpanExtra{number:05}"), now - i64::from(number));
            let product =
                json!({ "id": id, "created": created, "updated": created, "name": format!("Sticker {number}") });
            store.insert(ObjectKind::Product, "acme", recorded.complete("product", &product)?);
            let price = json!({
                "id": format!("price_1Rlivecme7Launch{number:08}"), "created": created, "product": id, "type": "one_time",
                "unit_amount": 300, "unit_amount_decimal": "300",
            });
            store.insert(ObjectKind::Price, "acme", recorded.complete("price", &price)?);
        }
        for number in 0..settings.extra_webhook_endpoints {
            let endpoint = json!({
                "id": format!("we_1Rlivecme7Launch{number:08}"), "created": now - i64::from(number),
                "description": "bookkeeping", "enabled_events": ["invoice.paid"],
                "url": format!("https://books.acme.com/stripe/{number}"),
            });
            store.insert(ObjectKind::WebhookEndpoint, "acme", recorded.complete("webhook_endpoint", &endpoint)?);
        }
        Ok(store)
    }

    /// A document's object with the fields that Stripe derives from others.
    fn derived(&self, kind: ObjectKind, mut body: Value, recorded: &Recorded) -> Result<Value, Error> {
        match kind {
            ObjectKind::Price => body["unit_amount_decimal"] = body["unit_amount"].to_string().into(),
            ObjectKind::Subscription => {
                let items = body["items"]["data"].as_array().into_iter().flatten();
                let prices: Result<_, Error> = items.map(|item| self.body(ObjectKind::Price, &item["price"])).collect();
                derived::subscription(&mut body, prices?, recorded)?;
            }
            ObjectKind::Event if body["data"]["object"].is_string() => {
                body["data"]["object"] = self.body(ObjectKind::Subscription, &body["data"]["object"])?;
            }
            ObjectKind::Customer if body["deleted"] == true => {
                body = json!({ "id": body["id"], "object": "customer", "deleted": true, "livemode": body["livemode"] });
            }
            _ => {}
        }
        Ok(body)
    }

    /// The object that another refers to by its ID.
    pub(super) fn body(&self, kind: ObjectKind, id: &Value) -> Result<Value, Error> {
        let missing = || Error::Document(format!("stripe: there is no {} {id}", kind.noun()));
        let mut objects = self.objects.get(&kind).into_iter().flatten();
        objects.find(|object| object.body["id"] == *id).map(|object| object.body.clone()).ok_or_else(missing)
    }

    /// Adds an object, in the mode that its `livemode` says.
    pub(super) fn insert(&mut self, kind: ObjectKind, account: &str, body: Value) {
        let livemode = body["livemode"] == true;
        self.add(kind, &Caller { account: account.to_owned(), livemode }, body);
    }

    /// Adds an object in the caller's mode.
    pub(super) fn add(&mut self, kind: ObjectKind, caller: &Caller, mut body: Value) {
        let created = body["created"].as_i64().unwrap_or_default();
        // The second version of the API writes dates.
        if kind == ObjectKind::EventDestination {
            for field in ["created", "updated"] {
                body[field] = rfc3339(created).into();
            }
        }
        let objects = self.objects.entry(kind).or_default();
        let place = objects.partition_point(|other| other.created > created);
        objects
            .insert(place, StoredObject { account: caller.account.clone(), livemode: caller.livemode, created, body });
    }

    /// The account and mode of the object with this ID.
    pub(super) fn owner(&self, kind: ObjectKind, id: &str) -> Option<Caller> {
        let object = self.objects.get(&kind)?.iter().find(|object| object.id() == id)?;
        Some(Caller { account: object.account.clone(), livemode: object.livemode })
    }

    /// Every object of a kind that a key may see.
    pub(super) fn of<'a, 'b>(
        &'a self,
        kind: ObjectKind,
        caller: &'b Caller,
    ) -> impl Iterator<Item = &'a StoredObject> + use<'a, 'b> {
        self.objects.get(&kind).into_iter().flatten().filter(move |object| object.is_visible_to(caller))
    }

    /// The object with this ID. The error says whether it exists in the other mode.
    pub(super) fn find(&self, kind: ObjectKind, id: &str, caller: &Caller) -> Result<&StoredObject, StripeError> {
        if let Some(object) = self.of(kind, caller).find(|object| object.id() == id) {
            return Ok(object);
        }
        let other_mode = Caller { account: caller.account.clone(), livemode: !caller.livemode };
        let exists_there = self.of(kind, &other_mode).any(|object| object.id() == id);
        let modes = exists_there.then_some((other_mode.mode(), caller.mode()));
        Err(StripeError::missing(&kind.noun(), id, modes).about(kind.parameter()))
    }

    pub(super) fn find_mut(&mut self, kind: ObjectKind, id: &str, caller: &Caller) -> Result<&mut Value, StripeError> {
        self.find(kind, id, caller)?;
        let mut objects = self.objects.get_mut(&kind).into_iter().flatten();
        let found = objects.find(|object| object.id() == id && object.is_visible_to(caller));
        found.map(|object| &mut object.body).ok_or_else(|| StripeError::missing(&kind.noun(), id, None))
    }

    /// Removes an object, and its secret if it has one.
    pub(super) fn remove(&mut self, kind: ObjectKind, id: &str, caller: &Caller) -> Result<(), StripeError> {
        self.find(kind, id, caller)?;
        let objects = self.objects.entry(kind).or_default();
        objects.retain(|object| object.id() != id || !object.is_visible_to(caller));
        if objects.is_empty() {
            self.objects.remove(&kind);
        }
        self.signing_secrets.remove(id);
        Ok(())
    }

    /// Keeps the secret of a webhook endpoint.
    pub(super) fn keep_secret(&mut self, endpoint: &str, secret: &str) {
        self.signing_secrets.insert(endpoint.to_owned(), secret.to_owned());
    }

    /// The secret that signs what is sent to an endpoint.
    pub(super) fn signing_secret(&self, endpoint: &str) -> &str {
        self.signing_secrets.get(endpoint).map_or("", String::as_str)
    }

    /// Writes a changed price into the subscriptions that have it.
    pub(super) fn renew_price_in_subscriptions(&mut self, id: &str, caller: &Caller) {
        let Some(price) = self.find(ObjectKind::Price, id, caller).ok().map(|price| price.body.clone()) else { return };
        for subscription in self.objects.get_mut(&ObjectKind::Subscription).into_iter().flatten() {
            for item in subscription.body["items"]["data"].as_array_mut().into_iter().flatten() {
                if item["price"]["id"] == id {
                    item["price"] = price.clone();
                }
            }
        }
    }

    /// Every object by its kind and ID, and the signing secrets. Events only record what happened.
    pub(super) fn to_json(&self) -> Value {
        let kinds = self.objects.iter().filter(|(kind, _)| **kind != ObjectKind::Event);
        let mut all: Map<String, Value> = kinds
            .map(|(kind, objects)| (kind.plural().to_owned(), by_id(objects.iter().map(|object| &object.body)).into()))
            .collect();
        all.insert("signing_secrets".to_owned(), json!(self.signing_secrets));
        all.into()
    }
}

/// When the objects of a list were created, in Unix seconds: from the first second, until before the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Created {
    from: i64,
    until: i64,
}

impl Created {
    /// Reads `created`, `created[gte]` and so on.
    pub(super) fn read(parameters: &Parameters) -> Result<Self, StripeError> {
        let at = parameters.integer("created")?;
        let after = parameters.integer("created[gt]")?.map(|after| after.saturating_add(1));
        let last = parameters.integer("created[lte]")?.map(|last| last.saturating_add(1));
        let from = [at, parameters.integer("created[gte]")?, after].into_iter().flatten().max();
        let at_end = at.map(|at| at.saturating_add(1));
        let until = [at_end, parameters.integer("created[lt]")?, last].into_iter().flatten().min();
        Ok(Self { from: from.unwrap_or(i64::MIN), until: until.unwrap_or(i64::MAX) })
    }

    /// The first second.
    pub(super) const fn from(&self) -> i64 {
        self.from
    }

    /// The second after the last.
    pub(super) const fn until(&self) -> i64 {
        self.until
    }

    /// The part before a second.
    pub(super) fn before(self, second: i64) -> Self {
        Self { until: self.until.min(second), ..self }
    }

    /// Whether an object was created then.
    pub(super) fn has(&self, object: &StoredObject) -> bool {
        (self.from..self.until).contains(&object.created)
    }
}

/// The part of a list that `limit`, `starting_after` and `ending_before` ask for, and whether there is more.
pub(super) fn page<'a>(
    all: &[&'a StoredObject],
    kind: ObjectKind,
    parameters: &Parameters,
) -> Result<(Vec<&'a StoredObject>, bool), StripeError> {
    let limit = limit(parameters)?;
    let place = |name: &str| -> Result<Option<usize>, StripeError> {
        let Some(id) = parameters.get(name) else { return Ok(None) };
        let place = all.iter().position(|object| object.id() == id);
        place.map(Some).ok_or_else(|| StripeError::missing(&kind.noun(), id, None).in_parameter(name))
    };
    let (first, last) = match (place("starting_after")?, place("ending_before")?) {
        (Some(_), Some(_)) => {
            let message = "You may not specify both `starting_after` and `ending_before`.";
            return Err(StripeError::bad(message).about("ending_before"));
        }
        (Some(after), None) => (after + 1, (after + 1 + limit).min(all.len())),
        (None, Some(before)) => (before.saturating_sub(limit), before),
        (None, None) => (0, limit.min(all.len())),
    };
    // Backward, there is more if something precedes the page.
    let has_more = if parameters.get("ending_before").is_some() { first > 0 } else { last < all.len() };
    Ok((all[first..last].to_vec(), has_more))
}

/// A page of a list. The items are moved into it: `json!` would copy each of them.
pub(super) fn list_of(data: Vec<Value>, has_more: bool, url: &str) -> Value {
    let mut list = json!({ "object": "list", "has_more": has_more, "url": url });
    list["data"] = Value::Array(data);
    list
}

/// How many objects a page holds: 1 to 100, 10 by default.
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
    async fn a_page_has_ten_objects_by_default() {
        let page = TestClient::of(&["healthy-many-pages"]).get("/v1/webhook_endpoints").await;
        assert_eq!((page.ids().len(), &page.body["has_more"]), (10, &true.into()));
    }

    #[tokio::test]
    async fn pages_can_be_read_backward() {
        let client = TestClient::of(&["healthy-many-pages"]);
        let first = client.get("/v1/products?limit=3").await;
        let second = client.get(&format!("/v1/products?limit=3&starting_after={}", first.ids()[2])).await;
        let back = client.get(&format!("/v1/products?limit=3&ending_before={}", second.ids()[0])).await;
        assert_eq!((back.ids(), &back.body["has_more"]), (first.ids(), &false.into()));
    }

    #[tokio::test]
    async fn a_limit_above_100_is_rejected() {
        let answer = TestClient::of(&[]).get("/v1/products?limit=101").await;
        assert_eq!(answer.message(), "This value must be less than or equal to 100 (it currently is '101').");
    }

    #[tokio::test]
    async fn an_unknown_cursor_is_rejected() {
        let answer = TestClient::of(&[]).get("/v1/products?starting_after=prod_Missing").await;
        assert_eq!((answer.status, &answer.body["error"]["param"]), (400, &"starting_after".into()));
    }
}
