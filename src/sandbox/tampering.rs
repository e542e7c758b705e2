//! Tampers with one response of a running sandbox: no valid response, or one with a field missing or wrong.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::fault_responses;
use super::network::Provider;
use super::request_key::{MadeIds, RequestKey};

/// The request ID of a tampered response.
pub const TAMPERED: &str = "req_tampered";

/// One request, and what to do with its response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tampering {
    /// The request.
    pub key: RequestKey,
    /// What to do with its response.
    pub with: Tampered,
}

/// What to do with a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tampered {
    /// Send no valid response.
    Unanswerable(Unanswerable),
    /// Change these fields of its JSON. A response that is an error or not JSON stays as it is.
    Fields(Vec<FieldDamage>),
}

/// A way to send no valid response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unanswerable {
    /// The connection is reset, on every attempt.
    Refused,
    /// 500, as the provider words it.
    Defect,
    /// 429, as the provider words it.
    TooMany,
    /// 200 and an HTML page.
    Html,
    /// 200 and an empty body.
    Empty,
    /// Half of the body. For JSON, the response ends there normally. For anything else, the connection breaks, because
    /// half of a text could pass for the whole.
    CutOff,
}

impl Unanswerable {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Refused, Self::Defect, Self::TooMany, Self::Html, Self::Empty, Self::CutOff];

    /// A short name for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Defect => "500",
            Self::TooMany => "429",
            Self::Html => "HTML",
            Self::Empty => "empty",
            Self::CutOff => "cut off",
        }
    }
}

/// A field of a JSON body, and what to do with it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FieldDamage {
    /// The field, as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// What to do with it.
    pub damage: Damage,
}

/// What to do with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Damage {
    /// Remove it.
    Delete,
    /// Set it to null.
    Null,
    /// Change its type: strings become numbers, everything else becomes a string.
    Retype,
}

impl Damage {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Delete, Self::Null, Self::Retype];

    /// A short name for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Delete => "deleted",
            Self::Null => "null",
            Self::Retype => "of another type",
        }
    }

    /// Changes the field at `pointer`, if there is one.
    fn apply(self, body: &mut Value, pointer: &str) {
        let place = match self {
            Self::Delete => {
                let Some((parent, name)) = pointer.rsplit_once('/') else { return };
                match body.pointer_mut(parent) {
                    Some(Value::Object(fields)) => {
                        fields.remove(&name.replace("~1", "/").replace("~0", "~"));
                    }
                    Some(Value::Array(items)) => {
                        if let Some(index) = name.parse().ok().filter(|index| *index < items.len()) {
                            items.remove(index);
                        }
                    }
                    _ => {}
                }
                return;
            }
            Self::Null | Self::Retype => body.pointer_mut(pointer),
        };
        let Some(place) = place else { return };
        *place = match (self, &*place) {
            (Self::Retype, Value::String(_) | Value::Null) => json!(42),
            (Self::Retype, Value::Object(_) | Value::Array(_)) => json!("tampered"),
            (Self::Retype, other) => json!(other.to_string()),
            _ => Value::Null,
        };
    }
}

/// One request of a run and its response, before any tampering.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The request.
    pub key: RequestKey,
    /// The status of the response.
    pub status: u16,
    /// The body, if it is JSON.
    pub json: Option<Value>,
    /// Whether the body is empty.
    pub is_empty: bool,
}

/// The requests since the sandbox was last renewed, and the response to tamper with.
#[derive(Debug, Default)]
pub(super) struct Tamperer(Mutex<Run>);

#[derive(Debug, Default)]
struct Run {
    tampering: Option<Tampering>,
    made: MadeIds,
    /// How many requests with each key were answered.
    answered: HashMap<RequestKey, usize>,
    /// The distinct requests, in order.
    keys: Vec<RequestKey>,
    exchanges: Vec<Exchange>,
}

impl Run {
    fn key_of(&mut self, provider: Provider, request: &axum::http::request::Parts, body: &[u8]) -> RequestKey {
        let first = self.made.key_of(provider, request, body);
        let occurrence = self.answered.get(&first).copied().unwrap_or(0);
        let key = RequestKey { occurrence, ..first };
        if !self.keys.contains(&key) {
            self.keys.push(key.clone());
        }
        key
    }

    fn note(&mut self, exchange: Exchange, body: &[u8]) {
        self.made.learn(&exchange.key, body);
        *self.answered.entry(RequestKey { occurrence: 0, ..exchange.key.clone() }).or_default() += 1;
        self.exchanges.push(exchange);
    }
}

impl Tamperer {
    fn run(&self) -> MutexGuard<'_, Run> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tampers with this response from now on.
    pub(super) fn set(&self, tampering: Option<Tampering>) {
        self.run().tampering = tampering;
    }

    /// Forgets all requests.
    pub(super) fn reset(&self) {
        let mut run = self.run();
        *run = Run { tampering: run.tampering.take(), ..Run::default() };
    }

    pub(super) fn keys(&self) -> Vec<RequestKey> {
        self.run().keys.clone()
    }

    pub(super) fn exchanges(&self) -> Vec<Exchange> {
        self.run().exchanges.clone()
    }

    /// Responds with `next`, and tampers with the response if it is the one to tamper with.
    pub(super) async fn pass(&self, provider: Provider, request: Request, next: Next) -> Response {
        let (parts, body) = request.into_parts();
        let Ok(body) = to_bytes(body, usize::MAX).await else { return StatusCode::BAD_REQUEST.into_response() };
        let (key, with) = {
            let mut run = self.run();
            let key = run.key_of(provider, &parts, &body);
            let with = run.tampering.as_ref().filter(|tampering| tampering.key == key);
            let with = with.map(|tampering| tampering.with.clone());
            (key, with)
        };
        let request = Request::from_parts(parts, Body::from(body));
        let answer = match with {
            Some(Tampered::Unanswerable(Unanswerable::Refused)) => return fault_responses::reset_connection(),
            Some(Tampered::Unanswerable(Unanswerable::Defect)) => fault_responses::server_error(provider),
            Some(Tampered::Unanswerable(Unanswerable::TooMany)) => patient(fault_responses::rate_limited(provider)),
            Some(Tampered::Unanswerable(Unanswerable::Html)) => fault_responses::html_page(),
            Some(Tampered::Unanswerable(Unanswerable::Empty)) => StatusCode::OK.into_response(),
            Some(Tampered::Unanswerable(Unanswerable::CutOff)) => {
                // Not recorded as answered, so that a retry gets the same.
                let (parts, body) = next.run(request).await.into_parts();
                if body.size_hint().exact().is_none() {
                    return Response::from_parts(parts, body);
                }
                let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
                cut_off(Response::from_parts(parts, Body::empty()), &body)
            }
            Some(Tampered::Fields(changes)) => {
                let (response, body) = self.answered(key, request, next).await;
                match serde_json::from_slice(&body).ok().filter(|_| response.status().is_success()) {
                    Some(json) => changed(response, json, &changes),
                    None => return response,
                }
            }
            None => return self.answered(key, request, next).await.0,
        };
        named(answer)
    }

    /// The correct response and its body. The body is empty if it has no end.
    async fn answered(&self, key: RequestKey, request: Request, next: Next) -> (Response, Bytes) {
        let (parts, body) = next.run(request).await.into_parts();
        let status = parts.status.as_u16();
        if body.size_hint().exact().is_none() {
            self.run().note(Exchange { key, status, json: None, is_empty: false }, &[]);
            return (Response::from_parts(parts, body), Bytes::new());
        }
        let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
        let json = serde_json::from_slice(&body).ok();
        self.run().note(Exchange { key, status, json, is_empty: body.is_empty() }, &body);
        (Response::from_parts(parts, Body::from(body.clone())), body)
    }
}

fn with_body(mut response: Response, body: Body) -> Response {
    *response.body_mut() = body;
    response
}

/// Marks a response as tampered with by its request ID.
fn named(mut answer: Response) -> Response {
    let headers = answer.headers_mut();
    for other in ["x-clerk-trace-id", "cf-ray"] {
        headers.remove(other);
    }
    headers.insert("request-id", HeaderValue::from_static(TAMPERED));
    answer
}

/// Removes the wait before a retry.
fn patient(mut answer: Response) -> Response {
    if answer.headers().contains_key(header::RETRY_AFTER) {
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("0"));
    }
    answer
}

fn cut_off(mut response: Response, body: &Bytes) -> Response {
    let half = body.slice(..body.len() / 2);
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let is_json = kind.is_some_and(|kind| kind.contains("json"));
    let speaks_for_itself = is_json && response.status().is_success();
    response.headers_mut().remove(header::CONTENT_LENGTH);
    if speaks_for_itself {
        return with_body(response, Body::from(half));
    }
    let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    with_body(response, Body::from_stream(futures::stream::iter([Ok(half), Err(broken)])))
}

fn changed(mut response: Response, mut json: Value, changes: &[FieldDamage]) -> Response {
    // From the last to the first, because removing an item moves those after it.
    for FieldDamage { pointer, damage } in changes.iter().rev() {
        damage.apply(&mut json, pointer);
    }
    response.headers_mut().remove(header::CONTENT_LENGTH);
    with_body(response, Body::from(json.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(damage: Damage, pointer: &str) -> Value {
        let mut body = json!({ "id": "a", "live": true, "items": [{ "n": 1 }, { "n": 2 }], "a/b": null });
        damage.apply(&mut body, pointer);
        body
    }

    #[test]
    fn a_field_can_be_removed() {
        assert_eq!(changed(Damage::Delete, "/id").get("id"), None);
        assert_eq!(changed(Damage::Delete, "/a~1b").get("a/b"), None);
        assert_eq!(changed(Damage::Delete, "/items/0")["items"], json!([{ "n": 2 }]));
    }

    #[test]
    fn a_field_can_be_set_to_null() {
        assert_eq!(changed(Damage::Null, "/items/1/n")["items"][1], json!({ "n": null }));
    }

    #[test]
    fn a_field_can_get_another_type() {
        assert_eq!(changed(Damage::Retype, "/id")["id"], json!(42));
        assert_eq!(changed(Damage::Retype, "/live")["live"], json!("true"));
        assert_eq!(changed(Damage::Retype, "/items")["items"], json!("tampered"));
        assert_eq!(changed(Damage::Retype, "/items/0/n")["items"][0]["n"], json!("1"));
    }

    #[test]
    fn a_missing_field_is_ignored() {
        assert_eq!(changed(Damage::Delete, "/nowhere/at"), changed(Damage::Null, "/items/7"));
    }
}
