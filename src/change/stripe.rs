//! Changes at Stripe.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Created, bare, each_text, quoted, shown};

/// The kinds of objects that a fix changes at Stripe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StripeResource {
    /// A product.
    Product,
    /// A price.
    Price,
    /// A promotion code.
    PromotionCode,
    /// A subscription.
    Subscription,
    /// A webhook endpoint.
    WebhookEndpoint,
    /// A configuration of the customer portal.
    PortalConfiguration,
}

/// An update of one object at Stripe, or a new object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StripeChange {
    /// The kind of object.
    pub resource: StripeResource,
    /// Live or test mode.
    pub live: bool,
    /// The object's ID. `None` creates one.
    pub id: Option<String>,
    /// What people call it.
    pub name: String,
    /// The fields, each before and after.
    pub fields: Vec<FieldChange>,
}

/// One field of an object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FieldChange {
    /// Its path, with dots: `metadata.plan`.
    pub field: String,
    /// The value as it was read; null if there was none.
    pub before: Value,
    /// The new value; null removes it.
    pub after: Value,
}

impl StripeResource {
    /// The path of its list, below `/v1`.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Product => "/products",
            Self::Price => "/prices",
            Self::PromotionCode => "/promotion_codes",
            Self::Subscription => "/subscriptions",
            Self::WebhookEndpoint => "/webhook_endpoints",
            Self::PortalConfiguration => "/billing_portal/configurations",
        }
    }

    /// The words of the Stripe CLI for it.
    const fn words(self) -> &'static str {
        match self {
            Self::Product => "products",
            Self::Price => "prices",
            Self::PromotionCode => "promotion_codes",
            Self::Subscription => "subscriptions",
            Self::WebhookEndpoint => "webhook_endpoints",
            Self::PortalConfiguration => "billing_portal configurations",
        }
    }

    /// Its noun.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Product => "product",
            Self::Price => "price",
            Self::PromotionCode => "promotion code",
            Self::Subscription => "subscription",
            Self::WebhookEndpoint => "webhook endpoint",
            Self::PortalConfiguration => "customer portal",
        }
    }

    /// The permission that a restricted key needs to change it.
    #[must_use]
    pub const fn permission(self) -> &'static str {
        match self {
            Self::Product => "rak_product_write",
            // Prices were plans once.
            Self::Price => "rak_plan_write",
            Self::PromotionCode => "rak_promotion_code_write",
            Self::Subscription => "rak_subscription_write",
            Self::WebhookEndpoint => "rak_webhook_write",
            Self::PortalConfiguration => "rak_customer_portal_write",
        }
    }

    /// Its page in the dashboard.
    fn page(self, id: Option<&str>) -> String {
        let list = match self {
            Self::Product => "products",
            Self::Price => "prices",
            Self::PromotionCode => "promotion_codes",
            Self::Subscription => "subscriptions",
            Self::WebhookEndpoint => "webhooks",
            Self::PortalConfiguration => return "settings/billing/portal".to_owned(),
        };
        id.map_or_else(|| list.to_owned(), |id| format!("{list}/{id}"))
    }
}

impl StripeChange {
    /// An update of an object, without fields yet.
    pub fn update(resource: StripeResource, live: bool, id: impl Into<String>, name: impl Into<String>) -> Self {
        Self { resource, live, id: Some(id.into()), name: name.into(), fields: Vec::new() }
    }

    /// A new object, without fields yet.
    pub fn create(resource: StripeResource, live: bool, name: impl Into<String>) -> Self {
        Self { resource, live, id: None, name: name.into(), fields: Vec::new() }
    }

    /// A field in the answer to this change, for a later one of the same fix.
    #[must_use]
    pub fn created(&self, field: &str) -> Created {
        Created { object: self.object(), field: field.to_owned() }
    }

    /// Whether a field is a parameter that only makes another object, which the object itself does not show.
    fn is_shown(field: &FieldChange) -> bool {
        !field.field.starts_with("default_price_data.")
    }

    /// Whether an object is as this change leaves it.
    #[must_use]
    pub fn is_made(&self, object: &Value) -> bool {
        self.fields
            .iter()
            .filter(|field| Self::is_shown(field))
            .all(|field| self.observed(object, &field.field) == field.after)
    }

    /// Adds a field. `disabled` of a webhook endpoint is what its `status` says.
    #[must_use]
    pub fn set(mut self, field: impl Into<String>, before: impl Into<Value>, after: impl Into<Value>) -> Self {
        self.fields.push(FieldChange { field: field.into(), before: before.into(), after: after.into() });
        self
    }

    /// The permissions that a restricted key needs for it. A new product may have a new price.
    pub(super) fn permissions(&self) -> Vec<&'static str> {
        let has_price = !self.fields.iter().all(Self::is_shown);
        let price = has_price.then_some(StripeResource::Price);
        [self.resource].into_iter().chain(price).map(StripeResource::permission).collect()
    }

    /// Adds a field of a new object.
    #[must_use]
    pub fn with(self, field: impl Into<String>, value: impl Into<Value>) -> Self {
        self.set(field, Value::Null, value)
    }

    /// The same change, back.
    #[must_use]
    pub fn reversed(&self) -> Self {
        let reversed = |FieldChange { field, before, after }: &FieldChange| FieldChange {
            field: field.clone(),
            before: after.clone(),
            after: before.clone(),
        };
        Self { fields: self.fields.iter().map(reversed).collect(), ..self.clone() }
    }

    /// The parameters of the request, as Stripe's form encoding names them.
    #[must_use]
    pub fn parameters(&self) -> Vec<(String, String)> {
        self.fields.iter().flat_map(FieldChange::parameters).collect()
    }

    /// What a field of the object is at Stripe.
    #[must_use]
    pub fn observed(&self, object: &Value, field: &str) -> Value {
        if self.resource == StripeResource::WebhookEndpoint && field == "disabled" {
            return Value::Bool(object["status"] == "disabled");
        }
        // A metadata key may contain dots.
        let path: Vec<&str> = match field.strip_prefix("metadata.") {
            Some(key) => vec!["metadata", key],
            None => field.split('.').collect(),
        };
        path.into_iter().try_fold(object, |value, name| value.get(name)).cloned().unwrap_or(Value::Null)
    }

    /// The Stripe CLI's command for it.
    #[must_use]
    pub fn command(&self) -> String {
        let words = self.resource.words();
        let mut command = match &self.id {
            Some(id) => format!("stripe {words} update {}", quoted(id)),
            None => format!("stripe {words} create"),
        };
        for (name, value) in self.parameters() {
            command.push_str(&format!(" -d {}", quoted(&format!("{name}={value}"))));
        }
        if self.live {
            // The CLI uses test mode by default.
            command.push_str(" --live");
        }
        command
    }

    /// Its page in the dashboard, in the right mode.
    #[must_use]
    pub fn link(&self) -> String {
        let test = if self.live { "" } else { "test/" };
        format!("https://dashboard.stripe.com/{test}{}", self.resource.page(self.id.as_deref()))
    }

    /// What it changes: `product prod_1 ("Pro")`.
    #[must_use]
    pub fn object(&self) -> String {
        let noun = self.resource.noun();
        match &self.id {
            Some(id) if self.name.is_empty() => format!("{noun} {id}"),
            Some(id) => format!("{noun} {id} (\"{}\")", self.name),
            None => format!("new {noun} \"{}\"", self.name),
        }
    }

    pub(super) fn for_each_text(&mut self, change: &impl Fn(&mut String)) {
        self.id.iter_mut().for_each(change);
        change(&mut self.name);
        for field in &mut self.fields {
            change(&mut field.field);
            each_text(&mut field.before, change);
            each_text(&mut field.after, change);
        }
    }
}

impl FieldChange {
    /// `metadata.plan` as `metadata[plan]`. An empty value removes a field.
    fn parameters(&self) -> Vec<(String, String)> {
        let name = match self.field.split_once('.') {
            Some(("metadata", key)) => format!("metadata[{key}]"),
            Some((first, rest)) => format!("{first}[{}]", rest.replace('.', "][")),
            None => self.field.clone(),
        };
        match &self.after {
            Value::Null => vec![(name, String::new())],
            Value::Array(items) => {
                items.iter().enumerate().map(|(index, item)| (format!("{name}[{index}]"), bare(item))).collect()
            }
            value => vec![(name, bare(value))],
        }
    }

    pub(super) fn row(&self) -> (String, String, String) {
        (self.field.clone(), shown(&self.before), shown(&self.after))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_of_an_endpoint_is_a_command_of_the_stripe_cli() {
        let change = StripeChange::update(StripeResource::WebhookEndpoint, true, "we_1", "")
            .set("url", json!("https://a.example/"), json!("https://a.example"))
            .set("enabled_events", json!([]), json!(["a", "b"]));
        assert_eq!(
            change.command(),
            "stripe webhook_endpoints update we_1 -d url=https://a.example -d 'enabled_events[0]=a' -d 'enabled_events[1]=b' \
             --live"
        );
    }

    #[test]
    fn a_test_mode_change_names_test_mode() {
        let change = StripeChange::update(StripeResource::Product, false, "prod_1", "Pro");
        assert_eq!(change.command(), "stripe products update prod_1");
        assert_eq!(change.link(), "https://dashboard.stripe.com/test/products/prod_1");
    }

    #[test]
    fn an_endpoints_status_says_whether_it_is_disabled() {
        let change = StripeChange::update(StripeResource::WebhookEndpoint, true, "we_1", "");
        assert_eq!(change.observed(&json!({ "status": "disabled" }), "disabled"), json!(true));
    }

    #[test]
    fn a_metadata_key_may_have_a_dot() {
        let change =
            StripeChange::update(StripeResource::Product, true, "prod_1", "").set("metadata.a.b", json!(null), "c");
        assert_eq!(change.parameters(), [("metadata[a.b]".to_owned(), "c".to_owned())]);
        assert_eq!(change.observed(&json!({ "metadata": { "a.b": "c" } }), "metadata.a.b"), json!("c"));
    }

    #[test]
    fn a_reversed_change_restores_what_was_there() {
        let change =
            StripeChange::update(StripeResource::Product, true, "prod_1", "").set("metadata.plan", json!(null), "pro");
        assert_eq!(change.reversed().parameters(), [("metadata[plan]".to_owned(), String::new())]);
    }
}
