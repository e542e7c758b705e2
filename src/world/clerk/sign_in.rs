//! The canary's session: started once in a run, and ended with it.
//!
//! A production instance cannot create a session for a user. The run signs in as the user's browser would, with a sign-in
//! token from the backend API (docs/providers.md, "Clerk API objects and sign-in"). A development instance creates a
//! session directly. Where organizations have the plans, the canary's organization is made the active one of the session,
//! as an organization switcher in the frontend does.

use std::sync::Arc;

use reqwest::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderValue, ORIGIN, SET_COOKIE};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::super::id::{HolderId, OrganizationId, PathId, SessionId, TemplateName, UserId};
use super::super::step::{Caller, Step};
use super::super::transport::{Answer, Once, Trail, followed, note};
use super::sessions::StartedSessions;
use super::{Clerk, NoAnswer, Token, accepted, success_or_error, version};
use crate::config::{Mode, Secret};
use crate::finding::{Answered, Cause};
use crate::world::field::{Field, Items};

/// The canary's session, once there is one, and its newest token.
#[derive(Debug, Default)]
pub(in crate::world) struct SignInCell {
    session: Once<Answered<Session>>,
    pub(super) started: StartedSessions,
    token: Mutex<Option<(Token, Trail)>>,
}

/// The canary's session.
#[derive(Debug, Clone)]
struct Session {
    id: SessionId,
    method: SignInMethod,
    /// The session token that came with it.
    first: Option<Secret>,
}

/// How the session was started, and so how its tokens are requested.
#[derive(Debug, Clone)]
enum SignInMethod {
    /// With the secret key at the backend API.
    Backend,
    /// As a mobile app, with the client's token.
    Native(Secret),
    /// As a browser, with the client's cookie and the frontend's origin. Such tokens carry `azp`.
    Browser { cookie: Secret, origin: String },
}

impl SignInMethod {
    /// As which kind of client requests for this session are made, and with which headers.
    fn client(&self) -> Answered<(Caller, HeaderMap)> {
        Ok(match self {
            Self::Backend => (Caller::Backend, HeaderMap::new()),
            Self::Browser { cookie, origin } => {
                (Caller::Browser, HeaderMap::from_iter([(COOKIE, hidden(cookie)?), (ORIGIN, plain(origin)?)]))
            }
            Self::Native(token) => (Caller::Native, HeaderMap::from_iter([(AUTHORIZATION, hidden(token)?)])),
        })
    }
}

#[derive(Deserialize)]
struct Ticket {
    token: String,
}

/// The answer to a change of a session's active organization.
#[derive(Deserialize)]
struct Touched {
    response: ListedSession,
}

/// A session as an answer shows it.
#[derive(Debug, Clone, Deserialize)]
struct ListedSession {
    id: String,
    #[serde(default)]
    status: Field<String>,
    #[serde(default)]
    tasks: Field<Items<SessionTask>>,
    #[serde(default)]
    last_active_token: Field<Minted>,
    #[serde(default)]
    last_active_organization_id: Field<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct SessionTask {
    key: String,
}

impl ListedSession {
    /// Unknown if the session is pending: it has a task for its user, such as choosing an organization, and Clerk's SDK does not
    /// accept its tokens (docs/providers.md, "Clerk tokens and claims").
    fn is_complete(&self) -> Answered {
        if self.status.text() != Some("pending") {
            return Ok(());
        }
        let tasks = self.tasks.value().into_iter().flat_map(Items::readable);
        let tasks: Vec<&str> = tasks.map(|task| task.key.as_str()).collect();
        Err(NoAnswer::Unknown(match tasks.as_slice() {
            ["choose-organization"] => "the canary's session is pending: Clerk wants each user to choose an organization. Make the canary a member of exactly one".to_owned(),
            tasks => format!(
                "the canary's session is pending: Clerk wants the canary to do something first ({}). Sign in as the canary in your frontend once, and do it",
                tasks.join(", ")
            ),
        }))
    }
}

#[derive(Deserialize)]
struct SignedIn {
    response: SignIn,
    #[serde(default)]
    client: Field<Client>,
}

#[derive(Deserialize)]
struct SignIn {
    status: String,
    created_session_id: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct Client {
    #[serde(default)]
    sessions: Field<Items<ListedSession>>,
}

#[derive(Debug, Clone, Deserialize)]
struct Minted {
    jwt: String,
}

impl Clerk<'_> {
    /// A token for the canary as the Worker gets it: from the template, or the session token. Checks share one until it is
    /// about to expire.
    pub(crate) async fn canary_token(self) -> Answered<Token> {
        let mut newest = self.world.sign_in.token.lock().await;
        if let Some((token, trail)) = newest.as_ref().filter(|(token, _)| token.lasts()) {
            note(trail);
            return Ok(token.clone());
        }
        let (token, trail) = Box::pin(followed(self.new_token())).await;
        note(&trail);
        let token = token?;
        *newest = Some((token.clone(), trail));
        Ok(token)
    }

    /// A token that Clerk makes now, with what the canary's metadata says now.
    pub(in crate::world) async fn new_canary_token(self) -> Answered<Token> {
        let session = self.world.sign_in.session.ask(|| self.sign_in()).await.clone()?;
        self.mint(&session).await
    }

    async fn new_token(self) -> Answered<Token> {
        let session = self.world.sign_in.session.ask(|| self.sign_in()).await.clone()?;
        let first = session.first.clone().map(Token::new).filter(Token::lasts);
        match first.filter(|_| self.world.config.clerk.jwt_template.is_none()) {
            Some(first) => Ok(first),
            None => self.mint(&session).await,
        }
    }

    async fn sign_in(self) -> Answered<Session> {
        let (user, organization) = (self.canary_user_id()?, self.canary_organization()?);
        // A test key belongs to a development instance (docs/providers.md, "Clerk keys and API conventions").
        if self.world.config.project.mode == Mode::Test {
            self.require_membership(&user, organization.as_ref()).await?;
            let answer = self
                .start(Step::Session { user: &user, organization: organization.as_ref() }, HeaderMap::new())
                .await?;
            let session: ListedSession = answer.json()?;
            let id = self.created(&session.id, &answer)?;
            session.is_complete()?;
            return Ok(Session { id, method: SignInMethod::Backend, first: None });
        }
        let origin = self.world.config.frontend.as_ref().map(|frontend| frontend.url.origin().ascii_serialization());
        let ticket = async {
            let can_sign_in = match &origin {
                Some(_) => true,
                None => self.environment().await?.value.native_api()?,
            };
            if !can_sign_in {
                return Err(NoAnswer::unknown(
                    "the canary cannot be signed in: Clerk's native API is off, and preflight.toml has no [frontend] whose origin could be used",
                ));
            }
            self.step(Step::SignInToken(&user)).await?.json()
        };
        // In parallel: the sign-in is the longest chain of requests in a run. A sign-in token works only at its instance; at
        // another one it is never used, and it ends within a minute.
        let membership = self.require_membership(&user, organization.as_ref());
        let (ticket, shared, membership) = futures::join!(ticket, self.shared_keys(), membership);
        if !shared?.value.are_shared {
            return Err(NoAnswer::Because(Cause::ClerkInstancesDiffer));
        }
        membership?;
        let Ticket { token } = ticket?;
        let ticket = Secret::new(token);
        self.world.redactor().learn(&ticket);
        let (session, pending) = self.redeem(&user, &ticket, origin).await?;
        match (organization, pending) {
            (Some(organization), _) => self.activate(session, &organization).await,
            (None, None) => Ok(session),
            // Clerk wants every user to choose an organization, and with one there is nothing to choose.
            (None, Some(pending)) => match self.organizations_of(&user).await?.as_deref() {
                Some([only]) => {
                    let only = OrganizationId::parse(&only.id);
                    let only = only.map_err(|malformed| malformed.in_place("Clerk's answer"))?;
                    self.activate(session, &only).await
                }
                _ => Err(pending),
            },
        }
    }

    /// Blocked if the canary is not a member of its organization.
    async fn require_membership(self, user: &UserId, organization: Option<&OrganizationId>) -> Answered {
        match organization {
            Some(organization) if !self.is_member(user, organization).await? => {
                Err(NoAnswer::Because(Cause::PlanClaimDiffers))
            }
            _ => Ok(()),
        }
    }

    /// The organization that has the canary's plan; `None` if the canary has it.
    fn canary_organization(self) -> Answered<Option<OrganizationId>> {
        Ok(match self.canary_holder_id()? {
            HolderId::User(_) => None,
            HolderId::Organization(id) => Some(id),
        })
    }

    /// Makes an organization the session's active one, so that new tokens carry its plan.
    async fn activate(self, session: Session, organization: &OrganizationId) -> Answered<Session> {
        let (caller, headers) = session.method.client()?;
        if caller == Caller::Backend {
            return Err(NoAnswer::unknown(
                "the canary's organization cannot be made active: Clerk's answer to the sign-in has no token of the client",
            ));
        }
        let step = Step::Activate { session: &session.id, organization, caller };
        let Touched { response } = self.frontend_step(step, headers).await?.json()?;
        response.is_complete()?;
        let active = response.last_active_organization_id;
        if active.known("last_active_organization_id of the canary's session")? == organization.as_str() {
            // The first token was made before.
            Ok(Session { first: None, ..session })
        } else {
            Err(NoAnswer::unknown("Clerk did not make the canary's organization the active one of its session"))
        }
    }

    /// Exchanges the sign-in token for a session at the frontend API. Also returns why the session is not complete, if it is not.
    async fn redeem(
        self,
        user: &UserId,
        ticket: &Secret,
        origin: Option<String>,
    ) -> Answered<(Session, Option<NoAnswer>)> {
        // A mobile app has no client token before the first answer.
        let (caller, headers) = match origin.as_deref() {
            Some(origin) => (Caller::Browser, HeaderMap::from_iter([(ORIGIN, plain(origin)?)])),
            None => (Caller::Native, HeaderMap::new()),
        };
        let answer = self.start(Step::SignIn { user, ticket, caller }, headers).await?;
        let SignedIn { response, client } = answer.json()?;
        let (true, Some(id)) = (response.status == "complete", &response.created_session_id) else {
            if response.created_session_id.is_none() && response.status.starts_with("needs_") {
                self.world.sign_in.started.refused(answer.attempts);
            }
            return Err(NoAnswer::Unknown(format!(
                "the canary cannot be signed in automatically: Clerk asks for more than the sign-in token (\"{}\")",
                response.status
            )));
        };
        let id = self.created(id, &answer)?;
        let sessions = client.value().and_then(|client| client.sessions.value());
        let session = sessions.and_then(|sessions| sessions.readable().find(|session| session.id == id.as_str()));
        let pending = session.and_then(|session| session.is_complete().err());
        let first = session.and_then(|session| session.last_active_token.value());
        let first = first.map(|minted| Secret::new(minted.jwt.clone()));
        let method = match origin {
            Some(origin) => client_cookie(&answer).map(|cookie| SignInMethod::Browser { cookie, origin }),
            None => answer.header(AUTHORIZATION.as_str()).map(|token| SignInMethod::Native(Secret::new(token))),
        };
        let method = method.unwrap_or(SignInMethod::Backend);
        Ok((Session { id, method, first }, pending))
    }

    async fn mint(self, session: &Session) -> Answered<Token> {
        let template = self.world.config.clerk.jwt_template.as_deref().map(TemplateName::parse).transpose();
        let template = template.map_err(|malformed| malformed.in_place("clerk.jwt_template"))?;
        let step = |caller| Step::Token { session: &session.id, template: template.as_ref(), caller };
        let answer = match session.method.client()? {
            (Caller::Backend, _) => self.step(step(Caller::Backend)).await?,
            (caller, headers) => self.frontend_step(step(caller), headers).await?,
        };
        let Minted { jwt } = answer.json()?;
        let token = Secret::new(jwt);
        self.world.redactor().learn(&token);
        Ok(Token::new(token))
    }

    /// Sends a request that creates a session. Until its answer is read, the session counts as open.
    async fn start(self, step: Step<'_>, headers: HeaderMap) -> Answered<Arc<Answer>> {
        let started = &self.world.sign_in.started;
        let (door, is_backend) = (self.world.leave_no_trace()?, matches!(step, Step::Session { .. }));
        let (headers, credential) = if is_backend { (version(), Some(self.credential()?)) } else { (headers, None) };
        started.requested();
        let asked = match door.take(step, headers, credential).await {
            Ok(asked) => asked,
            Err(why) => {
                started.not_requested();
                return Err(why);
            }
        };
        let answer = match asked {
            Ok(answer) => answer,
            Err(failure) => {
                started.failed(&failure);
                return Err(if is_backend {
                    NoAnswer::Unknown(failure.to_string())
                } else {
                    self.why_no_answer(&failure).await
                });
            }
        };
        let attempts = answer.attempts;
        match success_or_error(answer)? {
            Ok(answer) => Ok(answer),
            Err(error) => {
                started.refused(attempts);
                Err(if is_backend { super::blocked_by_key(&error) } else { error.unknown() })
            }
        }
    }

    /// Records the session that an answer names.
    fn created(self, id: &str, answer: &Answer) -> Answered<SessionId> {
        let id = SessionId::parse(id).map_err(|malformed| malformed.in_answer(answer))?;
        self.world.sign_in.started.created(&id);
        Ok(id)
    }

    /// A step at the backend API.
    async fn step(self, step: Step<'_>) -> Answered<Arc<Answer>> {
        let (door, credential) = (self.world.leave_no_trace()?, self.credential()?);
        accepted(door.take(step, version(), Some(credential)).await?)
    }

    /// A step at the frontend API.
    async fn frontend_step(self, step: Step<'_>, headers: HeaderMap) -> Answered<Arc<Answer>> {
        let asked = self.world.leave_no_trace()?.take(step, headers, None).await?;
        success_or_error(self.answered(asked).await?)?.map_err(|error| error.unknown())
    }
}

/// The client's cookie, as the browser sends it back.
fn client_cookie(answer: &Answer) -> Option<Secret> {
    let cookies = answer.headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pair = cookies.filter_map(|cookie| cookie.split(';').next()).find(|pair| pair.starts_with("__client="))?;
    Some(Secret::new(pair))
}

fn hidden(secret: &Secret) -> Answered<HeaderValue> {
    let mut value = secret.lend(plain)?;
    value.set_sensitive(true);
    Ok(value)
}

fn plain(text: &str) -> Answered<HeaderValue> {
    HeaderValue::from_str(text).map_err(|_| NoAnswer::unknown("Clerk returned a value that cannot be sent as a header"))
}
