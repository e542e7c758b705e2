//! The canary's session: begun once in a run, and ended with it.
//!
//! In production a session cannot be made for a user; it is begun as the user's own browser would, with a ticket that the
//! secret key buys (facts.md, B2). A development instance makes one directly.

use std::sync::Arc;

use reqwest::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderValue, ORIGIN, SET_COOKIE};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::super::id::{PathId, SessionId, TemplateName, UserId, configured};
use super::super::step::{Caller, Step};
use super::super::transport::{Answer, Once, Trail, followed, note};
use super::sessions::Begun;
use super::{Clerk, NoAnswer, Token, judged, version};
use crate::config::{Mode, Secret};
use crate::finding::Cause;
use crate::world::field::{Field, Items};

/// The canary's session, where one was begun, and the token that it gave last.
#[derive(Debug, Default)]
pub(in crate::world) struct SignInCell {
    session: Once<Result<Session, NoAnswer>>,
    pub(super) begun: Begun,
    token: Mutex<Option<(Token, Trail)>>,
}

/// A session of the canary's.
#[derive(Debug, Clone)]
struct Session {
    id: SessionId,
    means: Means,
    /// The session token that came with it.
    first: Option<Secret>,
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
    sessions: Field<Items<ClientSession>>,
}

#[derive(Debug, Clone, Deserialize)]
struct ClientSession {
    id: String,
    #[serde(default)]
    last_active_token: Field<Minted>,
}

#[derive(Debug, Clone, Deserialize)]
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
        if let Some((token, trail)) = held.as_ref().filter(|(token, _)| token.lasts()) {
            note(trail);
            return Ok(token.clone());
        }
        let (token, trail) = Box::pin(followed(self.new_token())).await;
        note(&trail);
        let token = token?;
        *held = Some((token.clone(), trail));
        Ok(token)
    }

    async fn new_token(self) -> Result<Token, NoAnswer> {
        let session = self.world.sign_in.session.ask(|| self.sign_in()).await.clone()?;
        let first = session.first.clone().map(Token::new).filter(Token::lasts);
        match first.filter(|_| self.world.config.clerk.jwt_template.is_none()) {
            Some(first) => Ok(first),
            None => self.mint(&session).await,
        }
    }

    async fn sign_in(self) -> Result<Session, NoAnswer> {
        let user = configured(&self.world.config.clerk.canary_user, UserId::parse)?;
        // A key's prefix tells the kind of its instance (facts.md, B1).
        if self.world.config.project.mode == Mode::Test {
            let answer = self.begin(Step::Session(&user), HeaderMap::new()).await?;
            let Created { id } = answer.json()?;
            let id = self.made(&id, &answer)?;
            return Ok(Session { id, means: Means::Backend, first: None });
        }
        let origin = self.world.config.frontend.as_ref().map(|frontend| frontend.url.origin().ascii_serialization());
        // All at once: the sign-in is the longest chain of a run.
        let can_sign_in = async {
            match &origin {
                Some(_) => Ok(true),
                None => self.environment().await?.value.native_api(),
            }
        };
        let (can_sign_in, shared) = futures::join!(can_sign_in, self.shared_keys());
        // A ticket from one instance is worth nothing at another.
        if !shared?.value.are_shared {
            return Err(NoAnswer::Because(Cause::ClerkInstancesDiffer));
        }
        if !can_sign_in? {
            return Err(NoAnswer::unknown(
                "the canary cannot be signed in: Clerk's native API is off, and without [frontend] there is no origin to sign in from",
            ));
        }
        let Ticket { token } = self.step(Step::SignInToken(&user)).await?.json()?;
        let ticket = Secret::new(token);
        self.world.redactor().learn(&ticket);
        self.hand_in(&user, &ticket, origin).await
    }

    /// Hands the ticket in at the frontend API.
    async fn hand_in(self, user: &UserId, ticket: &Secret, origin: Option<String>) -> Result<Session, NoAnswer> {
        // An application has no token before its first answer, and sends none.
        let (caller, headers) = match origin.as_deref() {
            Some(origin) => (Caller::Browser, HeaderMap::from_iter([(ORIGIN, plain(origin)?)])),
            None => (Caller::Native, HeaderMap::new()),
        };
        let answer = self.begin(Step::SignIn { user, ticket, caller }, headers).await?;
        let SignedIn { response, client } = answer.json()?;
        let (true, Some(id)) = (response.status == "complete", &response.created_session_id) else {
            if response.created_session_id.is_none() && response.status.starts_with("needs_") {
                self.world.sign_in.begun.is_refused(answer.attempts);
            }
            return Err(NoAnswer::Unknown(format!(
                "the canary cannot be signed in by a machine: Clerk wants more than a ticket (\"{}\")",
                response.status
            )));
        };
        let id = self.made(id, &answer)?;
        // Without the token that comes with the session, another one is asked for.
        let sessions = client.value().and_then(|client| client.sessions.value());
        let session = sessions.and_then(|sessions| sessions.readable().find(|session| session.id == id.as_str()));
        let first = session.and_then(|session| session.last_active_token.value());
        let first = first.map(|minted| Secret::new(minted.jwt.clone()));
        let means = match origin {
            Some(origin) => client_cookie(&answer).map(|cookie| Means::Browser { cookie, origin }),
            None => answer.header(AUTHORIZATION.as_str()).map(|token| Means::Native(Secret::new(token))),
        };
        let means = means.unwrap_or(Means::Backend);
        Ok(Session { id, means, first })
    }

    async fn mint(self, session: &Session) -> Result<Token, NoAnswer> {
        let template = self.world.config.clerk.jwt_template.as_deref().map(TemplateName::parse).transpose();
        let template = template.map_err(|malformed| malformed.in_place("clerk.jwt_template"))?;
        let step = |caller| Step::Token { session: &session.id, template: template.as_ref(), caller };
        let answer = match &session.means {
            Means::Backend => self.step(step(Caller::Backend)).await?,
            Means::Browser { cookie, origin } => {
                let headers = HeaderMap::from_iter([(COOKIE, hidden(cookie)?), (ORIGIN, plain(origin)?)]);
                self.frontend_step(step(Caller::Browser), headers).await?
            }
            Means::Native(token) => {
                let headers = HeaderMap::from_iter([(AUTHORIZATION, hidden(token)?)]);
                self.frontend_step(step(Caller::Native), headers).await?
            }
        };
        let Minted { jwt } = answer.json()?;
        let token = Secret::new(jwt);
        self.world.redactor().learn(&token);
        Ok(Token::new(token))
    }

    /// Takes a step that makes a session. Until its answer is understood, the session counts as one that may be open.
    async fn begin(self, step: Step<'_>, headers: HeaderMap) -> Result<Arc<Answer>, NoAnswer> {
        let begun = &self.world.sign_in.begun;
        let (door, is_backend) = (self.world.leave_no_trace()?, matches!(step, Step::Session(_)));
        let (headers, credential) =
            if is_backend { (version(), Some(self.credential(self.key()?))) } else { (headers, None) };
        begun.is_asked();
        let asked = match door.take(step, headers, credential).await {
            Ok(asked) => asked,
            Err(why) => {
                begun.is_not_asked();
                return Err(why);
            }
        };
        let answer = match asked {
            Ok(answer) => answer,
            Err(failure) => {
                begun.is_silent(&failure);
                return Err(if is_backend {
                    NoAnswer::Unknown(failure.to_string())
                } else {
                    self.why_no_answer(&failure).await
                });
            }
        };
        let attempts = answer.attempts;
        match judged(answer)? {
            Ok(answer) => Ok(answer),
            Err(refusal) => {
                begun.is_refused(attempts);
                Err(if is_backend { super::blocked_by_key(&refusal) } else { refusal.unknown() })
            }
        }
    }

    /// The session that an answer says was made.
    fn made(self, id: &str, answer: &Answer) -> Result<SessionId, NoAnswer> {
        let id = SessionId::parse(id).map_err(|malformed| malformed.in_answer(answer))?;
        self.world.sign_in.begun.is_made(&id);
        Ok(id)
    }

    /// A step at the backend API.
    async fn step(self, step: Step<'_>) -> Result<Arc<Answer>, NoAnswer> {
        let (door, credential) = (self.world.leave_no_trace()?, self.credential(self.key()?));
        let asked = door.take(step, version(), Some(credential)).await?;
        match judged(asked.map_err(|failure| NoAnswer::Unknown(failure.to_string()))?)? {
            Ok(answer) => Ok(answer),
            Err(refusal) => Err(super::blocked_by_key(&refusal)),
        }
    }

    /// A step at the frontend API.
    async fn frontend_step(self, step: Step<'_>, headers: HeaderMap) -> Result<Arc<Answer>, NoAnswer> {
        let asked = self.world.leave_no_trace()?.take(step, headers, None).await?;
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
