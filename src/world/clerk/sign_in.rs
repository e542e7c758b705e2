//! The canary's session: begun once in a run, and ended with it.
//!
//! In production a session cannot be made for a user; it is begun as the user's own browser would, with a ticket that the
//! secret key buys (facts.md, B2). A development instance makes one directly.

use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderValue, ORIGIN, SET_COOKIE};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{Mutex, OnceCell};

use super::super::doors::{Body, Post, Step};
use super::super::transport::Answer;
use super::super::{World, segment, sound};
use super::{Clerk, NoAnswer, Party, Token, joined, judged, version};
use crate::config::Secret;

/// The canary's session, where one was begun, and the token that it gave last.
#[derive(Debug, Default)]
pub(in crate::world) struct SignInCell {
    session: OnceCell<Result<Session, NoAnswer>>,
    token: Mutex<Option<Token>>,
}

/// A session of the canary's.
#[derive(Debug, Clone)]
pub(super) struct Session {
    id: String,
    means: Means,
    /// The session token that came with it.
    first: Option<Secret>,
    ended: std::sync::Arc<AtomicBool>,
}

/// How further tokens are asked for.
#[derive(Debug, Clone)]
enum Means {
    /// The secret key, at the backend API.
    Backend,
    /// The client's token, as a mobile app does.
    Native(Secret),
    /// The client's cookie and the frontend's origin, as the browser does: such tokens carry `azp`.
    Browser { cookie: Secret, origin: String },
}

#[derive(Deserialize)]
struct Ticket {
    token: String,
}

#[derive(Deserialize)]
struct Created {
    id: String,
}

#[derive(Deserialize)]
struct SignedIn {
    response: SignIn,
    client: Option<Client>,
}

#[derive(Deserialize)]
struct SignIn {
    status: String,
    created_session_id: Option<String>,
}

#[derive(Deserialize)]
struct Client {
    #[serde(default)]
    sessions: Vec<ClientSession>,
}

#[derive(Deserialize)]
struct ClientSession {
    id: String,
    last_active_token: Option<Minted>,
}

#[derive(Deserialize)]
struct Minted {
    jwt: String,
}

impl Clerk<'_> {
    /// A token of the canary's, as the Worker gets them: from the template, or the session token. One serves everybody
    /// who asks, until it is about to end.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn canary_token(self) -> Result<Token, NoAnswer> {
        let mut held = self.world.sign_in.token.lock().await;
        if let Some(token) = held.as_ref().filter(|token| token.lasts()) {
            return Ok(token.clone());
        }
        let session = self.world.sign_in.session.get_or_init(|| self.sign_in()).await.clone()?;
        let first = session.first.clone().map(Token::new).filter(Token::lasts);
        let token = match first.filter(|_| self.world.config.clerk.jwt_template.is_none()) {
            Some(first) => first,
            None => self.mint(&session).await?,
        };
        *held = Some(token.clone());
        Ok(token)
    }

    async fn sign_in(self) -> Result<Session, NoAnswer> {
        let user = sound(&self.world.config.clerk.canary_user)?;
        // All at once: the sign-in is the longest chain of a run.
        let (instance, environment, one) = futures::join!(self.instance(), self.environment(), self.one_instance());
        if instance?.value.is_development() {
            let body = Body::Json(json!({ "user_id": user }));
            let answer = self.step(Step::Session, user, "/v1/sessions", body).await?;
            let Created { id } = answer.json()?;
            return Ok(Session { id, means: Means::Backend, first: None, ended: std::sync::Arc::default() });
        }
        // The ticket of one instance is worth nothing at another.
        if !one?.value.0 {
            return Err(NoAnswer::blocked("clerk/instance"));
        }
        let native = environment?.value.native_api();
        let origin = self.world.config.frontend.as_ref().map(|frontend| frontend.url.origin().ascii_serialization());
        if origin.is_none() && !native {
            return Err(NoAnswer::unknown(
                "the canary cannot be signed in: Clerk's native API is off, and without [frontend] no origin is known to sign in from",
            ));
        }
        let body = Body::Json(json!({ "user_id": user, "expires_in_seconds": 60 }));
        let Ticket { token } = self.step(Step::SignInToken, user, "/v1/sign_in_tokens", body).await?.json()?;
        self.world.redactor().learn(&Secret::new(token.as_str()));
        self.hand_in(user, token, origin).await
    }

    /// Hands the ticket in at the frontend API.
    async fn hand_in(self, user: &str, ticket: String, origin: Option<String>) -> Result<Session, NoAnswer> {
        let path = if origin.is_some() { "/v1/client/sign_ins" } else { "/v1/client/sign_ins?_is_native=1" };
        let mut headers = HeaderMap::new();
        match origin.as_deref() {
            Some(origin) => headers.insert(ORIGIN, plain(origin)?),
            // An application has no token before its first answer, and says so.
            None => headers.insert(AUTHORIZATION, HeaderValue::from_static("")),
        };
        let body = Body::Form(vec![("strategy", "ticket".to_owned()), ("ticket", ticket)]);
        let answer = self.frontend_step(Step::SignIn, user, path, headers, body).await?;
        let SignedIn { response, client } = answer.json()?;
        let (true, Some(id)) = (response.status == "complete", response.created_session_id) else {
            return Err(NoAnswer::Unknown(format!(
                "the canary cannot be signed in by a machine: Clerk wants more than a ticket (\"{}\")",
                response.status
            )));
        };
        let session = client.and_then(|client| client.sessions.into_iter().find(|session| session.id == id));
        let first = session.and_then(|session| session.last_active_token).map(|minted| Secret::new(minted.jwt));
        let means = match origin {
            Some(origin) => client_cookie(&answer).map(|cookie| Means::Browser { cookie, origin }),
            None => answer.header(AUTHORIZATION.as_str()).map(|token| Means::Native(Secret::new(token))),
        };
        let means = means.unwrap_or(Means::Backend);
        Ok(Session { id, means, first, ended: std::sync::Arc::default() })
    }

    async fn mint(self, session: &Session) -> Result<Token, NoAnswer> {
        let template = self
            .world
            .config
            .clerk
            .jwt_template
            .as_ref()
            .map_or_else(String::new, |name| format!("/{}", segment(name)));
        let id = &session.id;
        let answer = match &session.means {
            Means::Backend => {
                self.step(Step::Token, id, &format!("/v1/sessions/{id}/tokens{template}"), Body::Json(json!({})))
                    .await?
            }
            means => {
                let (query, headers) = match means {
                    Means::Browser { cookie, origin } => {
                        ("", HeaderMap::from_iter([(COOKIE, hidden(cookie)?), (ORIGIN, plain(origin)?)]))
                    }
                    Means::Native(token) => ("?_is_native=1", HeaderMap::from_iter([(AUTHORIZATION, hidden(token)?)])),
                    Means::Backend => ("", HeaderMap::new()),
                };
                let path = format!("/v1/client/sessions/{id}/tokens{template}{query}");
                self.frontend_step(Step::Token, id, &path, headers, Body::Form(Vec::new())).await?
            }
        };
        let Minted { jwt } = answer.json()?;
        let token = Secret::new(jwt);
        self.world.redactor().learn(&token);
        Ok(Token::new(token))
    }

    /// Ends the canary's session, where this run began one and has not ended it.
    pub(in crate::world) async fn sign_out(self) -> Result<(), String> {
        let Some(Ok(session)) = self.world.sign_in.session.get() else { return Ok(()) };
        if session.ended.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let path = format!("/v1/sessions/{}/revoke", session.id);
        let ended = self.step(Step::SignOut, &session.id, &path, Body::Json(json!({}))).await;
        ended.map(drop).map_err(|why| {
            let why = match why {
                NoAnswer::Unknown(reason) => reason,
                other => format!("{other:?}"),
            };
            format!("the canary's session {} is still open and ends by itself: {why}", session.id)
        })
    }

    /// A step at the backend API.
    async fn step(self, step: Step, object: &str, path: &str, body: Body) -> Result<std::sync::Arc<Answer>, NoAnswer> {
        let (door, key, url) = (self.world.leave_no_trace()?, self.key()?, self.url(path)?);
        let credential = Some(self.credential(key));
        let asked =
            door.post(step, object, Post { party: Party::Clerk, url, headers: version(), credential, body }).await?;
        match judged(asked.map_err(|failure| NoAnswer::Unknown(failure.to_string()))?)? {
            Ok(answer) => Ok(answer),
            Err(refusal) => Err(super::blocked_by_key(&refusal)),
        }
    }

    /// A step at the frontend API.
    async fn frontend_step(
        self,
        step: Step,
        object: &str,
        path: &str,
        headers: HeaderMap,
        body: Body,
    ) -> Result<std::sync::Arc<Answer>, NoAnswer> {
        let (door, url) = (self.world.leave_no_trace()?, joined(&self.frontend_api()?, path)?);
        let asked =
            door.post(step, object, Post { party: Party::ClerkDomain, url, headers, credential: None, body }).await?;
        match judged(self.answered(asked).await?)? {
            Ok(answer) => Ok(answer),
            Err(refusal) => Err(refusal.unknown()),
        }
    }
}

/// The cookie that names the client, as it is sent back.
fn client_cookie(answer: &Answer) -> Option<Secret> {
    let cookies = answer.headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pair = cookies.filter_map(|cookie| cookie.split(';').next()).find(|pair| pair.starts_with("__client="))?;
    Some(Secret::new(pair))
}

fn hidden(secret: &Secret) -> Result<HeaderValue, NoAnswer> {
    let mut value = secret.lend(plain)?;
    value.set_sensitive(true);
    Ok(value)
}

fn plain(text: &str) -> Result<HeaderValue, NoAnswer> {
    HeaderValue::from_str(text).map_err(|_| NoAnswer::unknown("Clerk gave something that cannot be a header"))
}

impl World {
    /// Whether this run has begun a session that is not ended.
    #[must_use]
    pub fn is_signed_in(&self) -> bool {
        matches!(self.sign_in.session.get(), Some(Ok(session)) if !session.ended.load(Ordering::Relaxed))
    }
}
