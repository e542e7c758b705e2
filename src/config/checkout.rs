//! How the Worker is asked for a Checkout Session.

use reqwest::Method;
use serde_json::Value;
use url::form_urlencoded::byte_serialize;

use super::{ClerkConfig, Tier, Variable};

/// The words in braces that stand for what a customer chose, in the path and the body of a request for a Checkout Session.
pub(super) const CHOSEN: [&str; 4] = ["tier", "plan", "price_id", "interval"];
/// The word in braces that stands for the ID of the user who asks, in every route that takes a token.
pub(super) const USER: &str = "user";
/// The same for the organization, where organizations have the plans.
pub(super) const ORGANIZATION: &str = "organization";

/// `worker.checkout`: the request for a Checkout Session, in which `{tier}` and the like stand for what a customer chose.
#[derive(Debug, Clone)]
pub struct CheckoutRoute {
    /// The path, perhaps with a query.
    pub path: String,
    /// The method.
    pub method: Method,
    /// The JSON body; `None` if there is none.
    pub body: Option<Value>,
    /// The JSON pointer of the session in the answer; `None` if it may be anywhere.
    pub session: Option<String>,
}

/// What a customer chose, and who that is.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    tier: String,
    plan: String,
    price_id: String,
    interval: String,
    user: String,
    organization: String,
}

/// A request for a Checkout Session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckoutRequest {
    /// The method.
    pub method: Method,
    /// The path, perhaps with a query.
    pub path: String,
    /// The JSON body.
    pub body: Option<Value>,
}

impl Choice {
    /// A tier at its first price.
    #[must_use]
    pub fn of(tier: &Tier) -> Self {
        let price = tier.prices.first();
        Self {
            tier: tier.name.clone(),
            plan: tier.metadata.clone(),
            price_id: price.and_then(|price| price.price_id.value.clone()).unwrap_or_default(),
            interval: price.map_or("", |price| price.interval.word()).to_owned(),
            ..Self::default()
        }
    }

    /// A tier that does not exist.
    #[must_use]
    pub fn unknown() -> Self {
        let unknown = "preflight-unknown".to_owned();
        Self {
            tier: unknown.clone(),
            plan: unknown,
            price_id: "price_preflightUnknown".into(),
            interval: "month".into(),
            ..Self::default()
        }
    }

    /// The same choice, made by the canary.
    #[must_use]
    pub fn by_canary(self, clerk: &ClerkConfig) -> Self {
        let id = |variable: Option<&Variable<String>>| variable.and_then(|variable| variable.value.clone());
        let (user, organization) = (id(Some(&clerk.canary_user)), id(clerk.canary_organization.as_ref()));
        Self { user: user.unwrap_or_default(), organization: organization.unwrap_or_default(), ..self }
    }

    fn value(&self, placeholder: &str) -> Option<&str> {
        Some(match placeholder {
            "tier" => &self.tier,
            "plan" => &self.plan,
            "price_id" => &self.price_id,
            "interval" => &self.interval,
            USER => &self.user,
            ORGANIZATION => &self.organization,
            _ => return None,
        })
    }
}

impl CheckoutRoute {
    /// A POST with the tier's name, as the reference stack's Worker expects it.
    pub(super) fn usual(path: &str) -> Self {
        let body = Some(usual_body());
        Self { path: path.to_owned(), method: Method::POST, body, session: None }
    }

    /// The request of a customer who chose that.
    #[must_use]
    pub fn request(&self, choice: &Choice) -> CheckoutRequest {
        CheckoutRequest {
            method: self.method.clone(),
            path: filled_path(&self.path, choice),
            body: self.body.as_ref().map(|body| filled_json(body, choice)),
        }
    }

    /// The part of the path that is the same for every customer.
    #[must_use]
    pub fn fixed_path(&self) -> &str {
        let end = self.path.find(['{', '?']).unwrap_or(self.path.len());
        if end < self.path.len() { self.path[..end].trim_end_matches('/') } else { &self.path }
    }

    /// Whether customers of different tiers make different requests.
    #[must_use]
    pub fn names_the_tier(&self) -> bool {
        self.placeholders().iter().any(|name| !["interval", USER, ORGANIZATION].contains(name))
    }

    /// Whether the request has the price ID, so that the Worker needs none.
    #[must_use]
    pub fn names_the_price(&self) -> bool {
        self.placeholders().contains(&"price_id")
    }

    fn placeholders(&self) -> Vec<&str> {
        let in_body = self.body.iter().flat_map(texts).flat_map(placeholders);
        placeholders(&self.path).chain(in_body).collect()
    }
}

/// The body that the reference stack's Worker expects.
pub(super) fn usual_body() -> Value {
    serde_json::json!({ "tier": "{tier}" })
}

/// The words in braces in a text.
pub(super) fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    let is_word =
        |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(word, _)| word).filter(is_word)
}

/// The strings in a JSON value, keys not included.
pub(super) fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(entries) => entries.values().flat_map(texts).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// A path in which what a customer chose, and who that is, is filled in.
#[must_use]
pub fn filled_path(path: &str, choice: &Choice) -> String {
    filled(path, choice, |value| byte_serialize(value.as_bytes()).collect())
}

fn filled(text: &str, choice: &Choice, written: impl Fn(&str) -> String) -> String {
    let (start, rest) = text.split_once('{').map_or((text, None), |(start, rest)| (start, Some(rest)));
    let Some(rest) = rest else { return text.to_owned() };
    let known = rest.split_once('}').and_then(|(word, after)| Some((choice.value(word)?, after)));
    match known {
        Some((value, after)) => format!("{start}{}{}", written(value), filled(after, choice, written)),
        None => format!("{start}{{{}", filled(rest, choice, written)),
    }
}

fn filled_json(value: &Value, choice: &Choice) -> Value {
    match value {
        Value::String(text) => filled(text, choice, str::to_owned).into(),
        Value::Array(items) => items.iter().map(|item| filled_json(item, choice)).collect(),
        Value::Object(entries) => {
            Value::Object(entries.iter().map(|(key, value)| (key.clone(), filled_json(value, choice))).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::Method;
    use serde_json::json;

    use super::{CheckoutRoute, Choice};
    use crate::config::sample::loaded;

    fn route(path: &str, body: serde_json::Value) -> CheckoutRoute {
        CheckoutRoute { path: path.to_owned(), method: Method::POST, body: Some(body), session: None }
    }

    #[test]
    fn what_the_customer_chose_is_filled_in_wherever_it_stands() {
        let body =
            json!({ "items": [{ "price": "{price_id}", "quantity": 1 }], "plan": "x-{plan}-{interval}", "brace": "{" });
        let sent = route("/checkout/{tier}?price={price_id}", body).request(&Choice::unknown());
        assert_eq!(sent.path, "/checkout/preflight-unknown?price=price_preflightUnknown");
        let price = json!({ "price": "price_preflightUnknown", "quantity": 1 });
        assert_eq!(sent.body, Some(json!({ "items": [price], "plan": "x-preflight-unknown-month", "brace": "{" })));
    }

    #[test]
    fn a_value_cannot_change_the_path() {
        let choice = Choice { tier: "../a?b=c".to_owned(), ..Choice::unknown() };
        assert_eq!(route("/buy/{tier}", json!({})).request(&choice).path, "/buy/..%2Fa%3Fb%3Dc");
    }

    #[test]
    fn a_tier_is_asked_for_at_its_first_price() {
        let config = loaded(
            "[project]\nname = \"a\"\n[worker]\nurl = \"https://a.b\"\n[tiers.pro]\nprice = \"1\"\nprice_id = \"price_1\"\nmetadata = \"gold\"",
        );
        let sent =
            route("/", json!(["{tier}", "{plan}", "{price_id}", "{interval}"])).request(&Choice::of(&config.tiers[0]));
        assert_eq!(sent.body, Some(json!(["pro", "gold", "price_1", "month"])));
    }

    #[test]
    fn an_interval_or_an_organization_alone_does_not_name_a_tier() {
        assert!(!route("/orgs/{organization}/buy", json!({ "by": "{user}" })).names_the_tier());
        assert!(route("/buy/{plan}", json!({})).names_the_tier());
        assert!(route("/buy", json!({ "line": ["{price_id}"] })).names_the_tier());
        assert!(!route("/buy", json!({ "every": "{interval}" })).names_the_tier());
    }
}
