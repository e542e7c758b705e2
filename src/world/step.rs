//! The leave-no-trace door: the canary's sign-in and sign-out, what the Worker makes for it at Stripe, and its end; each in
//! the journal before it happens.

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::{Value, json};
use url::Url;

use super::id::{ApiPath, CheckoutSessionId, CustomerId, PathId, SessionId, TemplateName, UserId};
use super::transport::{Again, Ask, Asked, Credential, Party};
use super::worker::route::Route;
use super::{NoAnswer, World};
use crate::config::{Secret, Tier};

/// What the leave-no-trace door lets through, each with the one object that it is for. A step says for itself whom it is
/// sent to, where, and with what.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step<'s> {
    /// A ticket for the canary that ends by itself within a minute.
    SignInToken(&'s UserId),
    /// The ticket becomes a session.
    SignIn { user: &'s UserId, ticket: &'s Secret, caller: Caller },
    /// A development instance makes a session without a ticket.
    Session(&'s UserId),
    /// The session gives a token, from a template or its own.
    Token { session: &'s SessionId, template: Option<&'s TemplateName>, caller: Caller },
    /// The session ends.
    SignOut(&'s SessionId),
    /// The Worker makes a Checkout Session for the canary.
    Checkout { tier: &'s Tier, user: &'s UserId },
    /// That Checkout Session ends.
    Expiry(&'s CheckoutSessionId),
    /// The Worker opens the customer portal for the canary; such a session ends by itself.
    Portal { customer: &'s CustomerId, user: &'s UserId },
}

/// As whom Clerk is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// The backend API, with the secret key.
    Backend,
    /// The frontend API, as a browser does.
    Browser,
    /// The frontend API, as an application does.
    Native,
}

/// Where a step is taken.
enum Place {
    Clerk(ApiPath),
    ClerkDomain(ApiPath),
    Stripe(ApiPath),
    Worker(Route),
}

/// What a step sends.
enum Body {
    Nothing,
    Json(Value),
    Form(Vec<(&'static str, String)>),
}

impl Step<'_> {
    const fn word(self) -> &'static str {
        match self {
            Self::SignInToken(_) => "clerk.sign_in_token.create",
            Self::SignIn { .. } => "clerk.session.sign_in",
            Self::Session(_) => "clerk.session.create",
            Self::Token { .. } => "clerk.token.create",
            Self::SignOut(_) => "clerk.session.revoke",
            Self::Checkout { .. } => "worker.checkout_session.create",
            Self::Expiry(_) => "stripe.checkout_session.expire",
            Self::Portal { .. } => "worker.portal_session.create",
        }
    }

    /// On what it is taken, for the journal.
    fn object(self) -> String {
        match self {
            Self::SignInToken(user) | Self::SignIn { user, .. } | Self::Session(user) => user.to_string(),
            Self::Token { session, .. } | Self::SignOut(session) => session.to_string(),
            Self::Checkout { tier, user } => format!("tier {} for {user}", tier.name),
            Self::Expiry(session) => session.to_string(),
            Self::Portal { customer, user } => format!("{customer} of {user}"),
        }
    }

    /// A session cannot be asked for twice without making two: a Clerk session never is, and one that the Worker makes
    /// only where the connection broke, since a probe that gets no answer proves nothing. A ticket ends by itself, and
    /// buys one session however often it is handed in; an expiry has an idempotency key.
    const fn again(self) -> Again {
        match self {
            Self::Session(_) => Again::Never,
            Self::Checkout { .. } | Self::Portal { .. } => Again::Connection,
            Self::SignInToken(_) | Self::SignIn { .. } | Self::Token { .. } | Self::SignOut(_) | Self::Expiry(_) => {
                Again::Always
            }
        }
    }

    fn place(self) -> Place {
        match self {
            Self::SignInToken(_) => Place::Clerk(ApiPath::new("/v1/sign_in_tokens")),
            Self::Session(_) => Place::Clerk(ApiPath::new("/v1/sessions")),
            Self::SignOut(session) => Place::Clerk(ApiPath::new("/v1/sessions/").id(session).then("/revoke")),
            Self::SignIn { caller, .. } => Place::ClerkDomain(caller.flagged(ApiPath::new("/v1/client/sign_ins"))),
            Self::Token { session, template, caller } => {
                let start = match caller {
                    Caller::Backend => "/v1/sessions/",
                    Caller::Browser | Caller::Native => "/v1/client/sessions/",
                };
                let path = ApiPath::new(start).id(session).then("/tokens");
                let path = caller.flagged(match template {
                    Some(template) => path.then("/").id(template),
                    None => path,
                });
                if caller == Caller::Backend { Place::Clerk(path) } else { Place::ClerkDomain(path) }
            }
            Self::Expiry(session) => Place::Stripe(ApiPath::new("/v1/checkout/sessions/").id(session).then("/expire")),
            Self::Checkout { .. } => Place::Worker(Route::Checkout),
            Self::Portal { .. } => Place::Worker(Route::Portal),
        }
    }

    fn body(self) -> Body {
        match self {
            Self::SignInToken(user) => Body::Json(json!({ "user_id": user.as_str(), "expires_in_seconds": 60 })),
            Self::Session(user) => Body::Json(json!({ "user_id": user.as_str() })),
            Self::SignIn { ticket, .. } => {
                Body::Form(vec![("strategy", "ticket".to_owned()), ("ticket", ticket.lend(str::to_owned))])
            }
            Self::Token { caller: Caller::Backend, .. } | Self::Portal { .. } => Body::Json(json!({})),
            Self::Checkout { tier, .. } => Body::Json(json!({ "tier": tier.name })),
            Self::Token { .. } | Self::Expiry(_) => Body::Form(Vec::new()),
            Self::SignOut(_) => Body::Nothing,
        }
    }
}

impl Caller {
    /// What tells the frontend API that an application asks, which keeps no cookies.
    fn flagged(self, path: ApiPath) -> ApiPath {
        if self == Self::Native { path.query("_is_native", true) } else { path }
    }
}

/// The door itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct LeaveNoTrace<'w>(&'w World);

impl LeaveNoTrace<'_> {
    /// Takes `step` for the canary.
    ///
    /// # Errors
    /// Where it was not sent: its address is not known, or the journal cannot be written to.
    pub async fn take(
        self,
        step: Step<'_>,
        mut headers: HeaderMap,
        credential: Option<Credential>,
    ) -> Result<Asked, NoAnswer> {
        let (world, again) = (self.0, step.again());
        let (party, url) = self.address(step)?;
        let body = match step.body() {
            Body::Nothing => None,
            Body::Json(body) => Some(("application/json", body.to_string())),
            Body::Form(pairs) => {
                let mut form = url::form_urlencoded::Serializer::new(String::new());
                form.extend_pairs(pairs);
                Some(("application/x-www-form-urlencoded", form.finish()))
            }
        };
        let body = body.map(|(kind, body)| {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            body.into_bytes()
        });
        // Counted before it is noted: a run that stops now waits for it.
        let _under_way = world.transport.phases().begin();
        world.journal.note(step.word(), &step.object()).map_err(|error| {
            NoAnswer::Unknown(format!(
                "{} could not be written to, and nothing is changed that is not noted first ({error})",
                world.journal.path().display()
            ))
        })?;
        let (method, is_step) = (Method::POST, true);
        Ok(world.transport.ask(Ask { party, method, url, headers, body, credential, again, is_step }).await)
    }

    fn address(self, step: Step<'_>) -> Result<(Party, Url), NoAnswer> {
        let config = &self.0.config;
        Ok(match step.place() {
            Place::Clerk(path) => (Party::Clerk, path.at(&config.clerk.api_base)),
            Place::ClerkDomain(path) => (Party::ClerkDomain, path.at(&self.0.clerk().frontend_api()?)),
            Place::Stripe(path) => (Party::Stripe, path.at(&config.stripe.api_base)),
            Place::Worker(route) => (Party::Worker, self.0.worker().url(route)?),
        })
    }
}

impl World {
    /// The leave-no-trace door, unless it was closed by hand.
    pub(super) fn leave_no_trace(&self) -> Result<LeaveNoTrace<'_>, NoAnswer> {
        if self.probe { Ok(LeaveNoTrace(self)) } else { Err(super::doors::closed()) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::id::{CheckoutSessionId, SessionId, TemplateName, UserId};
    use super::{Body, Caller, Place, Step};
    use crate::config::Secret;

    #[test]
    fn each_step_is_one_method_and_one_path() {
        let (user, session) = (UserId::parse("user_1").unwrap(), SessionId::parse("sess_1").unwrap());
        let (sale, ticket) = (CheckoutSessionId::parse("cs_live_a1").unwrap(), Secret::new("ticket"));
        let template = TemplateName::parse("pan-api").unwrap();
        let token = |caller| Step::Token { session: &session, template: Some(&template), caller };
        let steps = [
            (Step::SignInToken(&user), "/v1/sign_in_tokens"),
            (Step::Session(&user), "/v1/sessions"),
            (Step::SignIn { user: &user, ticket: &ticket, caller: Caller::Native }, "/v1/client/sign_ins"),
            (token(Caller::Backend), "/v1/sessions/{session_id}/tokens/{template_name}"),
            (token(Caller::Browser), "/v1/client/sessions/{session_id}/tokens/{template_name}"),
            (Step::SignOut(&session), "/v1/sessions/{session_id}/revoke"),
            (Step::Expiry(&sale), "/v1/checkout/sessions/{checkout_session_id}/expire"),
        ];
        for (step, template) in steps {
            let (Place::Clerk(path) | Place::ClerkDomain(path) | Place::Stripe(path)) = step.place() else { panic!() };
            assert_eq!(path.template(), template);
        }
    }

    #[test]
    fn a_session_is_revoked_without_a_body() {
        let session = SessionId::parse("sess_1").unwrap();
        assert!(matches!(Step::SignOut(&session).body(), Body::Nothing));
    }
}
