//! What may leave the machine, as types. Who holds no door cannot send.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::journal::Journal;
use super::transport::{Again, Ask, Asked, Credential, Failure, Party, Transport, Trouble};
use super::{NoAnswer, World};
use crate::config::Probe;

/// The read door: GET, and each GET once in a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reads<'w>(&'w Transport);

impl<'w> Reads<'w> {
    pub const fn new(transport: &'w Transport) -> Self {
        Self(transport)
    }

    /// Asks once in a run.
    pub async fn get(self, party: Party, url: Url, headers: HeaderMap, credential: Option<Credential>) -> Asked {
        // A provider shapes its answer by the version header, so that belongs to the question.
        let versions: Vec<&str> = ["stripe-version", "clerk-api-version"]
            .iter()
            .filter_map(|name| headers.get(*name)?.to_str().ok())
            .collect();
        let key = versions.join(" ");
        self.0.ask_once(&key, Ask { headers, credential, ..Ask::get(party, url) }).await
    }

    /// Asks past the memo: for long lists that one check alone reads, so that their pages are not kept.
    pub async fn get_unremembered(
        self,
        party: Party,
        url: Url,
        headers: HeaderMap,
        credential: Option<Credential>,
    ) -> Asked {
        self.0.ask(Ask { headers, credential, ..Ask::get(party, url) }).await
    }

    /// The certificate that a host shows, in DER.
    pub async fn certificate(self, url: &Url) -> Option<Vec<u8>> {
        self.0.certificate(url).await
    }

    /// How long a round trip to a host takes, apart from whatever answers there.
    pub async fn round_trip(self, url: &Url) -> Option<Duration> {
        self.0.round_trip(url).await
    }
}

/// The probe door: to the Worker and to nobody else.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probes<'w>(&'w Transport);

impl Probes<'_> {
    /// Sends `body` to the Worker, once in a run for each `key`.
    pub async fn post(self, key: &str, url: Url, headers: &[(&'static str, String)], body: Vec<u8>) -> Asked {
        let mut ask = probe(Method::POST, url);
        ask.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        ask.body = Some(body);
        self.send(key, ask, headers).await
    }

    /// Asks a route of the Worker's, once in a run for each credential and `key`.
    pub async fn ask(
        self,
        key: &str,
        method: Method,
        url: Url,
        headers: &[(&'static str, String)],
        credential: Option<Credential>,
    ) -> Asked {
        self.send(key, Ask { credential, ..probe(method, url) }, headers).await
    }

    async fn send(self, key: &str, mut ask: Ask, headers: &[(&'static str, String)]) -> Asked {
        for (name, value) in headers {
            let Ok(value) = HeaderValue::from_str(value) else {
                return Err(refused(&ask, Trouble::NotForThisHost));
            };
            ask.headers.insert(HeaderName::from_static(name), value);
        }
        self.0.ask_once(key, ask).await
    }
}

/// The door for the user's own requests, `[[probe]]`: whatever the configuration says, and no secret of ours.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestsOfTheUser<'w>(&'w Transport);

impl RequestsOfTheUser<'_> {
    /// Makes the request of `probe`, once in a run.
    pub async fn ask(self, probe: &Probe, headers: HeaderMap) -> Asked {
        let mut ask = Ask { headers, ..Ask::get(Party::Elsewhere, probe.url.clone()) };
        let Ok(method) = Method::from_bytes(probe.method.as_bytes()) else {
            return Err(refused(&ask, Trouble::NotForThisHost));
        };
        ask.method = method;
        if !probe.is_read() {
            ask.again = Again::Never;
        }
        // Two probes may ask one address with different headers.
        self.0.ask_once(&format!("probe {}", probe.slug()), ask).await
    }
}

/// A probe may be sent again after a connection that broke; any answer is what is judged.
fn probe(method: Method, url: Url) -> Ask {
    Ask { method, again: Again::Connection, ..Ask::get(Party::Worker, url) }
}

/// The leave-no-trace door: the canary's sign-in and sign-out, what the Worker makes for it at Stripe, and its end; each
/// in the journal before it happens.
#[derive(Debug, Clone, Copy)]
pub(super) struct LeaveNoTrace<'w> {
    transport: &'w Transport,
    journal: &'w Journal,
}

/// What the leave-no-trace door lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// A ticket for the canary that ends by itself within a minute.
    SignInToken,
    /// The ticket becomes a session.
    SignIn,
    /// A development instance makes a session without a ticket.
    Session,
    /// The session gives a token.
    Token,
    /// The session ends.
    SignOut,
    /// The Worker makes a Checkout Session for the canary.
    Checkout,
    /// That Checkout Session ends.
    Expiry,
    /// The Worker opens the customer portal for the canary; such a session ends by itself.
    Portal,
}

impl Step {
    const fn word(self) -> &'static str {
        match self {
            Self::SignInToken => "clerk.sign_in_token.create",
            Self::SignIn => "clerk.session.sign_in",
            Self::Session => "clerk.session.create",
            Self::Token => "clerk.token.create",
            Self::SignOut => "clerk.session.revoke",
            Self::Checkout => "worker.checkout_session.create",
            Self::Expiry => "stripe.checkout_session.expire",
            Self::Portal => "worker.portal_session.create",
        }
    }

    /// A session cannot be asked for twice without making two: a Clerk session never is, and one that the Worker makes
    /// only where the connection broke, since a probe that gets no answer proves nothing. A ticket ends by itself, and
    /// buys one session however often it is handed in; an expiry has an idempotency key.
    const fn again(self) -> Again {
        match self {
            Self::Session => Again::Never,
            Self::Checkout | Self::Portal => Again::Connection,
            Self::SignInToken | Self::SignIn | Self::Token | Self::SignOut | Self::Expiry => Again::Always,
        }
    }
}

impl LeaveNoTrace<'_> {
    /// Takes `step` for the canary; `object` says on what, for the journal.
    pub async fn post(self, step: Step, object: &str, post: Post) -> Result<Asked, NoAnswer> {
        self.journal.note(step.word(), object).map_err(|error| {
            NoAnswer::Unknown(format!(
                "{} could not be written to, and nothing is changed that is not noted first ({error})",
                self.journal.path().display()
            ))
        })?;
        let Post { party, url, mut headers, credential, body } = post;
        let (kind, body) = match body {
            Body::Json(body) => ("application/json", body.to_string().into_bytes()),
            Body::Form(pairs) => {
                let mut form = url::form_urlencoded::Serializer::new(String::new());
                form.extend_pairs(pairs);
                ("application/x-www-form-urlencoded", form.finish().into_bytes())
            }
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        let (method, again, body) = (Method::POST, step.again(), Some(body));
        Ok(self.transport.ask(Ask { party, method, url, headers, body, credential, again }).await)
    }
}

/// What is sent through the leave-no-trace door.
#[derive(Debug)]
pub(super) struct Post {
    pub party: Party,
    pub url: Url,
    pub headers: HeaderMap,
    pub credential: Option<Credential>,
    pub body: Body,
}

/// The body of a request through the leave-no-trace door.
#[derive(Debug)]
pub(super) enum Body {
    Json(serde_json::Value),
    Form(Vec<(&'static str, String)>),
}

fn refused(ask: &Ask, trouble: Trouble) -> Arc<Failure> {
    Arc::new(Failure::unsent(ask.party, ask.line(), trouble))
}

impl World {
    /// The probe door, unless it was closed by hand.
    pub(super) fn probes(&self) -> Result<Probes<'_>, NoAnswer> {
        if self.probe { Ok(Probes(&self.transport)) } else { Err(closed()) }
    }

    /// The door for the user's own requests; only reads pass where it was closed by hand.
    pub(super) fn requests_of_the_user(&self, probe: &Probe) -> Result<RequestsOfTheUser<'_>, NoAnswer> {
        if self.probe || probe.is_read() { Ok(RequestsOfTheUser(&self.transport)) } else { Err(closed()) }
    }

    /// The leave-no-trace door, unless it was closed by hand.
    pub(super) fn leave_no_trace(&self) -> Result<LeaveNoTrace<'_>, NoAnswer> {
        let open = LeaveNoTrace { transport: &self.transport, journal: &self.journal };
        if self.probe { Ok(open) } else { Err(closed()) }
    }
}

fn closed() -> NoAnswer {
    NoAnswer::LeftOut("--no-probe".to_owned())
}
