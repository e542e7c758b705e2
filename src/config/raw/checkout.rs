//! `worker.checkout`: a path, or the whole request.

use std::fmt;

use reqwest::Method;
use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::{At, Json, Path, Route, Word};

/// How the Worker is asked for a Checkout Session.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline, title = "a path, such as \"/api/create-checkout\", a table with `path`, or false")]
pub enum Checkout {
    /// A POST of the tier's name to that path, or no such route.
    Route(Route),
    /// Another request.
    Request(CheckoutRequest),
}

impl From<&str> for Checkout {
    fn from(path: &str) -> Self {
        Self::Route(path.into())
    }
}

/// The request for a Checkout Session. In the path and in the body, `{tier}`, `{plan}`, `{price_id}` and `{interval}` stand
/// for the tier's name, its value in metadata, its price ID and its billing interval; `{user}` and, where organizations have the
/// plans, `{organization}` for the canary's IDs.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct CheckoutRequest {
    /// The path, with a query if the route reads one.
    pub path: At<Path>,
    /// The method. Default: "POST".
    pub method: Option<At<CheckoutMethod>>,
    /// The JSON body. Default: `{ tier = "{tier}" }`, and none for "GET".
    pub body: Option<At<Json>>,
    /// The JSON pointer of the session's URL, ID or client secret in the answer, such as "/checkoutUrl". Without it, the
    /// session may be anywhere in the answer.
    pub session: Option<At<Word>>,
}

/// The method of a request for a Checkout Session.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(inline)]
pub enum CheckoutMethod {
    /// GET, whose answer often redirects to the session.
    Get,
    /// PATCH.
    Patch,
    /// POST.
    Post,
    /// PUT.
    Put,
}

impl From<CheckoutMethod> for Method {
    fn from(method: CheckoutMethod) -> Self {
        match method {
            CheckoutMethod::Get => Self::GET,
            CheckoutMethod::Patch => Self::PATCH,
            CheckoutMethod::Post => Self::POST,
            CheckoutMethod::Put => Self::PUT,
        }
    }
}

// By hand, because a derived enum without tags loses the places of the values.
impl<'de> Deserialize<'de> for Checkout {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyForm)
    }
}

struct AnyForm;

impl<'de> Visitor<'de> for AnyForm {
    type Value = Checkout;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a path, a table or false")
    }

    fn visit_str<E: Error>(self, path: &str) -> Result<Checkout, E> {
        Ok(path.into())
    }

    fn visit_bool<E: Error>(self, is_offered: bool) -> Result<Checkout, E> {
        Ok(Checkout::Route(Route::Off(is_offered)))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Checkout, A::Error> {
        CheckoutRequest::deserialize(MapAccessDeserializer::new(map)).map(Checkout::Request)
    }
}
