//! The leave-no-trace door: signs the canary in and out, has the Worker create sessions for it, and ends them. Each step is in
//! the journal before it is taken.

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::{Value, json};
use url::Url;

use super::id::{
    ApiPath, CheckoutSessionId, CustomerId, HolderId, OrganizationId, PathId, SessionId, TemplateName, UserId,
};
use super::transport::{Asked, Credential, OutgoingRequest, Party, Retry};
use super::worker::route::Route;
use super::{NoAnswer, World};
use crate::config::{CheckoutRequest, Secret, Tier};

/// The steps that the leave-no-trace door allows, each with its one object. A step defines its own provider, path and body.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step<'s> {
    /// Creates a ticket for the canary, which expires within a minute.
    SignInToken(&'s UserId),
    /// Exchanges the ticket for a session.
    SignIn { user: &'s UserId, ticket: &'s Secret, caller: Caller },
    /// Creates a session without a ticket, at a development instance.
    Session { user: &'s UserId, organization: Option<&'s OrganizationId> },
    /// Makes an organization the session's active one.
    Activate { session: &'s SessionId, organization: &'s OrganizationId, caller: Caller },
    /// Gets a token from the session, with or without a template.
    Token { session: &'s SessionId, template: Option<&'s TemplateName>, caller: Caller },
    /// Ends the session.
    SignOut(&'s SessionId),
    /// Has the Worker create a Checkout Session for the canary.
    Checkout { tier: &'s Tier, holder: &'s HolderId, request: &'s CheckoutRequest },
    /// Asks the Worker for a Checkout Session in a way that it must reject.
    InvalidCheckout { invalid: InvalidRequest, holder: &'s HolderId, request: &'s CheckoutRequest },
    /// Expires that Checkout Session.
    Expiry(&'s CheckoutSessionId),
    /// Has the Worker open the customer portal for the canary. That session expires by itself.
    Portal { customer: &'s CustomerId, holder: &'s HolderId },
}

/// A request for a Checkout Session that the Worker must reject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidRequest {
    /// The tier does not exist.
    UnknownTier,
    /// The body is not JSON.
    BrokenJson,
}

impl InvalidRequest {
    /// What is wrong with it, after `a request`.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::UnknownTier => "for an unknown tier",
            Self::BrokenJson => "with broken JSON",
        }
    }
}

/// Which Clerk API a request uses, and as which kind of client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// The backend API, with the secret key.
    Backend,
    /// The frontend API, as a browser.
    Browser,
    /// The frontend API, as a native application.
    Native,
}

/// Where a step is sent.
enum StepTarget<'s> {
    Clerk(ApiPath),
    ClerkDomain(ApiPath),
    Stripe(ApiPath),
    Worker(Route),
    WorkerCheckout(&'s CheckoutRequest),
}

/// What a step sends.
enum Payload {
    Nothing,
    Json(Value),
    BrokenJson,
    Form(Vec<(&'static str, String)>),
}

impl<'s> Step<'s> {
    const fn word(self) -> &'static str {
        match self {
            Self::SignInToken(_) => "clerk.sign_in_token.create",
            Self::SignIn { .. } => "clerk.session.sign_in",
            Self::Session { .. } => "clerk.session.create",
            Self::Activate { .. } => "clerk.session.touch",
            Self::Token { .. } => "clerk.token.create",
            Self::SignOut(_) => "clerk.session.revoke",
            Self::Checkout { .. } | Self::InvalidCheckout { .. } => "worker.checkout_session.create",
            Self::Expiry(_) => "stripe.checkout_session.expire",
            Self::Portal { .. } => "worker.portal_session.create",
        }
    }

    /// Its object, for the journal.
    fn object(self) -> String {
        match self {
            Self::SignInToken(user) | Self::SignIn { user, .. } | Self::Session { user, .. } => user.to_string(),
            Self::Activate { session, organization, .. } => format!("{organization} in {session}"),
            Self::Token { session, .. } | Self::SignOut(session) => session.to_string(),
            Self::Checkout { tier, holder, .. } => format!("tier {} for {holder}", tier.name),
            Self::InvalidCheckout { invalid, holder, .. } => format!("a request {} for {holder}", invalid.words()),
            Self::Expiry(session) => session.to_string(),
            Self::Portal { customer, holder } => format!("{customer} of {holder}"),
        }
    }

    /// Repeating a request for a session creates two, so a Clerk session is never retried, and one that the Worker creates only
    /// after a lost connection, because a probe without a response proves nothing. A ticket expires and can be used once, and an
    /// expiry has an idempotency key.
    const fn retry(self) -> Retry {
        match self {
            Self::Session { .. } => Retry::Never,
            Self::Checkout { .. } | Self::InvalidCheckout { .. } | Self::Portal { .. } => Retry::Connection,
            Self::SignInToken(_)
            | Self::SignIn { .. }
            | Self::Activate { .. }
            | Self::Token { .. }
            | Self::SignOut(_)
            | Self::Expiry(_) => Retry::Always,
        }
    }

    fn target(self) -> StepTarget<'s> {
        match self {
            Self::SignInToken(_) => StepTarget::Clerk(ApiPath::new("/v1/sign_in_tokens")),
            Self::Session { .. } => StepTarget::Clerk(ApiPath::new("/v1/sessions")),
            Self::Activate { session, caller, .. } => {
                StepTarget::ClerkDomain(caller.flagged(ApiPath::new("/v1/client/sessions/").id(session).then("/touch")))
            }
            Self::SignOut(session) => StepTarget::Clerk(ApiPath::new("/v1/sessions/").id(session).then("/revoke")),
            Self::SignIn { caller, .. } => StepTarget::ClerkDomain(caller.flagged(ApiPath::new("/v1/client/sign_ins"))),
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
                if caller == Caller::Backend { StepTarget::Clerk(path) } else { StepTarget::ClerkDomain(path) }
            }
            Self::Expiry(session) => {
                StepTarget::Stripe(ApiPath::new("/v1/checkout/sessions/").id(session).then("/expire"))
            }
            Self::Checkout { request, .. } | Self::InvalidCheckout { request, .. } => {
                StepTarget::WorkerCheckout(request)
            }
            Self::Portal { .. } => StepTarget::Worker(Route::Portal),
        }
    }

    fn method(self) -> Method {
        match self {
            Self::Checkout { request, .. } | Self::InvalidCheckout { request, .. } => request.method.clone(),
            _ => Method::POST,
        }
    }

    fn body(self) -> Payload {
        match self {
            Self::SignInToken(user) => Payload::Json(json!({ "user_id": user.as_str(), "expires_in_seconds": 60 })),
            Self::Session { user, organization: None } => Payload::Json(json!({ "user_id": user.as_str() })),
            Self::Session { user, organization: Some(organization) } => {
                Payload::Json(json!({ "user_id": user.as_str(), "active_organization_id": organization.as_str() }))
            }
            Self::Activate { organization, .. } => Payload::Form(vec![
                ("active_organization_id", organization.as_str().to_owned()),
                ("intent", "select_org".to_owned()),
            ]),
            Self::SignIn { ticket, .. } => {
                Payload::Form(vec![("strategy", "ticket".to_owned()), ("ticket", ticket.lend(str::to_owned))])
            }
            Self::Token { caller: Caller::Backend, .. } | Self::Portal { .. } => Payload::Json(json!({})),
            Self::InvalidCheckout { invalid: InvalidRequest::BrokenJson, .. } => Payload::BrokenJson,
            Self::Checkout { request, .. } | Self::InvalidCheckout { request, .. } => {
                request.body.clone().map_or(Payload::Nothing, Payload::Json)
            }
            Self::Token { .. } | Self::Expiry(_) => Payload::Form(Vec::new()),
            Self::SignOut(_) => Payload::Nothing,
        }
    }
}

impl Caller {
    /// Tells the frontend API that the client is an application, which keeps no cookies.
    fn flagged(self, path: ApiPath) -> ApiPath {
        if self == Self::Native { path.query("_is_native", true) } else { path }
    }
}

/// The door.
#[derive(Debug, Clone, Copy)]
pub(super) struct LeaveNoTrace<'w>(&'w World);

impl LeaveNoTrace<'_> {
    /// Takes `step` for the canary.
    ///
    /// # Errors
    /// If it was not sent, because its URL is unknown or the journal cannot be written.
    pub async fn take(
        self,
        step: Step<'_>,
        mut headers: HeaderMap,
        credential: Option<Credential>,
    ) -> Result<Asked, NoAnswer> {
        let (world, retry) = (self.0, step.retry());
        let (party, url) = self.address(step)?;
        let body = match step.body() {
            Payload::Nothing => None,
            Payload::Json(body) => Some(("application/json", body.to_string())),
            Payload::BrokenJson => Some(("application/json", "{\"tier\": ".to_owned())),
            Payload::Form(pairs) => {
                let mut form = url::form_urlencoded::Serializer::new(String::new());
                form.extend_pairs(pairs);
                Some(("application/x-www-form-urlencoded", form.finish()))
            }
        };
        let body = body.map(|(kind, body)| {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            body.into_bytes()
        });
        // Counted before it is noted, so that a run that stops now waits for it.
        let _in_flight = world.transport.phases().begin();
        world.journal.note(step.word(), &step.object()).map_err(|error| {
            NoAnswer::Unknown(format!(
                "nothing was changed, because the change could not first be recorded in {} ({error})",
                world.journal.path().display()
            ))
        })?;
        let (method, is_step) = (step.method(), true);
        Ok(world.transport.ask(OutgoingRequest { party, method, url, headers, body, credential, retry, is_step }).await)
    }

    fn address(self, step: Step<'_>) -> Result<(Party, Url), NoAnswer> {
        let config = &self.0.config;
        Ok(match step.target() {
            StepTarget::Clerk(path) => (Party::Clerk, path.at(&config.clerk.api_base)),
            StepTarget::ClerkDomain(path) => (Party::ClerkDomain, path.at(&self.0.clerk().frontend_api()?)),
            StepTarget::Stripe(path) => (Party::Stripe, path.at(&config.stripe.api_base)),
            StepTarget::Worker(route) => (Party::Worker, self.0.worker().url(route)?),
            StepTarget::WorkerCheckout(request) => {
                (Party::Worker, self.0.worker().url_of(Route::Checkout, &request.path)?)
            }
        })
    }
}

impl World {
    /// The leave-no-trace door, unless `--no-probe` closed it.
    pub(super) fn leave_no_trace(&self) -> Result<LeaveNoTrace<'_>, NoAnswer> {
        if self.probe { Ok(LeaveNoTrace(self)) } else { Err(super::doors::closed()) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::id::{CheckoutSessionId, OrganizationId, SessionId, TemplateName, UserId};
    use super::{Caller, Payload, Step, StepTarget};
    use crate::config::Secret;

    #[test]
    fn each_step_is_one_method_and_one_path() {
        let (user, session) = (UserId::parse("user_1").unwrap(), SessionId::parse("sess_1").unwrap());
        let (sale, ticket) = (CheckoutSessionId::parse("cs_live_a1").unwrap(), Secret::new("ticket"));
        let template = TemplateName::parse("pan-api").unwrap();
        let organization = OrganizationId::parse("org_1").unwrap();
        let token = |caller| Step::Token { session: &session, template: Some(&template), caller };
        let steps = [
            (Step::SignInToken(&user), "/v1/sign_in_tokens"),
            (Step::Session { user: &user, organization: None }, "/v1/sessions"),
            (
                Step::Activate { session: &session, organization: &organization, caller: Caller::Browser },
                "/v1/client/sessions/{session_id}/touch",
            ),
            (Step::SignIn { user: &user, ticket: &ticket, caller: Caller::Native }, "/v1/client/sign_ins"),
            (token(Caller::Backend), "/v1/sessions/{session_id}/tokens/{template_name}"),
            (token(Caller::Browser), "/v1/client/sessions/{session_id}/tokens/{template_name}"),
            (Step::SignOut(&session), "/v1/sessions/{session_id}/revoke"),
            (Step::Expiry(&sale), "/v1/checkout/sessions/{checkout_session_id}/expire"),
        ];
        for (step, template) in steps {
            let (StepTarget::Clerk(path) | StepTarget::ClerkDomain(path) | StepTarget::Stripe(path)) = step.target()
            else {
                panic!()
            };
            assert_eq!(path.template(), template);
        }
    }

    #[test]
    fn a_session_is_revoked_without_a_body() {
        let session = SessionId::parse("sess_1").unwrap();
        assert!(matches!(Step::SignOut(&session).body(), Payload::Nothing));
    }
}
