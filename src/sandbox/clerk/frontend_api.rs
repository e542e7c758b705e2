//! The Frontend API, `https://clerk.<the customer's domain>`.

use std::sync::Arc;

use axum::extract::{self, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use serde_json::{Value, json};

use super::error::{ClerkError, ClerkResult};
use super::sessions::{Session, TicketStatus};
use super::settings::ClerkSettings;
use super::{Clerk, now, tokens};

type Shared = extract::State<Arc<Clerk>>;
type Fields = Form<Vec<(String, String)>>;

/// The Frontend API over a Clerk.
pub fn frontend_api(clerk: Arc<Clerk>) -> Router {
    let browsers_only = Router::new()
        .route("/v1/environment", get(show_environment))
        .route("/v1/client", get(show_client).delete(end_all))
        .route("/v1/client/sign_ins", post(sign_in))
        .route("/v1/client/sessions", axum::routing::delete(end_all))
        .route("/v1/client/sessions/{id}", get(show_session))
        .route("/v1/client/sessions/{id}/touch", post(touch_session))
        .route("/v1/client/sessions/{id}/end", post(end_session))
        .route("/v1/client/sessions/{id}/remove", post(remove_session))
        .route("/v1/client/sessions/{id}/tokens", post(session_token))
        .route("/v1/client/sessions/{id}/tokens/{template}", post(template_token))
        .layer(middleware::from_fn_with_state(Arc::clone(&clerk), require_browser));
    Router::new()
        .route("/.well-known/jwks.json", get(key_set))
        .route("/.well-known/openid-configuration", get(openid_configuration))
        .route("/v1/health", get(health))
        .merge(browsers_only)
        .fallback(|| async { ClerkError::not_found("There is nothing at this path.") })
        .method_not_allowed_fallback(|| async { ClerkError::not_found("This path has no such method.") })
        .with_state(clerk)
}

/// The caller: a browser or a native application, its origin, and its client token.
#[derive(Debug, Clone)]
struct Caller {
    native: bool,
    origin: Option<String>,
    client_token: Option<String>,
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ClerkError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ClerkError> {
        let text = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let pairs = parts.uri.query().unwrap_or_default().split('&');
        let native = pairs.into_iter().any(|pair| matches!(pair, "_is_native=1" | "_is_native=true"));
        let cookies = text(header::COOKIE).unwrap_or_default().split(';');
        let cookie = cookies.into_iter().find_map(|cookie| cookie.trim().strip_prefix("__client="));
        let shown = text(header::AUTHORIZATION).map(|value| value.strip_prefix("Bearer ").unwrap_or(value));
        let client_token = if native { shown } else { cookie };
        Ok(Self {
            native,
            origin: text(header::ORIGIN).map(str::to_owned),
            client_token: client_token.filter(|token| !token.is_empty()).map(str::to_owned),
        })
    }
}

/// Rejects requests that neither a browser on this domain nor a native application would send.
async fn require_browser(extract::State(clerk): Shared, caller: Caller, request: Request, next: Next) -> Response {
    match check_caller(&clerk.settings, &caller, &request) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

fn check_caller(settings: &ClerkSettings, caller: &Caller, request: &Request) -> Result<(), ClerkError> {
    if caller.native && settings.environment["auth_config"]["native_settings"]["api_enabled"] != true {
        let reason = "The Native API is disabled for this instance. Visit the Clerk Dashboard to enable it.";
        return Err(ClerkError::bad_request("native_api_disabled", "Native API disabled", reason));
    }
    let is_allowed = |origin: &String| {
        let allowed = settings.instance["allowed_origins"].as_array();
        allowed.is_some_and(|allowed| allowed.iter().any(|allowed| allowed == origin))
    };
    let authorization = request.headers().contains_key(header::AUTHORIZATION);
    match &caller.origin {
        Some(origin) if !is_allowed(origin) => {
            if authorization {
                let message = "Setting both the 'Origin' and 'Authorization' headers is forbidden";
                let reason = "Only one of the 'Origin' and 'Authorization' headers should be provided, but not both.";
                return Err(ClerkError::bad_request("origin_authorization_headers_conflict", message, reason));
            }
            if !settings.is_development() && !is_of_domain(origin, &settings.frontend_api.domain) {
                let reason = "The Request HTTP Origin header must be equal to or a subdomain of the requesting URL.";
                return Err(ClerkError::bad_request("origin_invalid", "Invalid HTTP Origin header", reason));
            }
        }
        None if request.method() != Method::GET && !caller.native => {
            let reason = "A browser must send the Origin header.";
            return Err(ClerkError::bad_request("request_header_missing", "Invalid request headers", reason));
        }
        _ => {}
    }
    Ok(())
}

fn is_of_domain(origin: &str, domain: &str) -> bool {
    let host = origin.strip_prefix("https://");
    host.is_some_and(|host| host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')))
}

async fn show_environment(extract::State(clerk): Shared) -> Json<Value> {
    Json(clerk.settings.environment.clone())
}

async fn health(extract::State(clerk): Shared) -> Response {
    if clerk.settings.environment["maintenance_mode"] == true {
        let body = json!({ "status": "unhealthy", "message": "maintenance" });
        return (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response();
    }
    Json(json!({ "status": "healthy" })).into_response()
}

async fn key_set(extract::State(clerk): Shared) -> Json<Value> {
    Json(clerk.key_set())
}

async fn openid_configuration(extract::State(clerk): Shared) -> Json<Value> {
    let issuer = format!("https://{}", clerk.settings.frontend_api.host);
    Json(json!({
        "issuer": issuer, "authorization_endpoint": format!("{issuer}/oauth/authorize"),
        "token_endpoint": format!("{issuer}/oauth/token"),
        "revocation_endpoint": format!("{issuer}/oauth/token/revoke"),
        "introspection_endpoint": format!("{issuer}/oauth/token_info"),
        "userinfo_endpoint": format!("{issuer}/oauth/userinfo"), "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "scopes_supported": ["openid", "profile", "email", "public_metadata", "private_metadata"],
        "response_types_supported": ["code"], "response_modes_supported": ["form_post", "query"],
        "grant_types_supported": ["authorization_code", "refresh_token"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "none", "client_secret_post"],
        "claims_supported": ["aud", "exp", "iat", "iss", "sub"], "code_challenge_methods_supported": ["S256"],
        "backchannel_logout_supported": false, "frontchannel_logout_supported": false,
    }))
}

async fn sign_in(extract::State(clerk): Shared, caller: Caller, Form(fields): Fields) -> Result<Response, ClerkError> {
    let field = |wanted: &str| fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    if let Some((name, _)) = fields.iter().find(|(name, _)| !matches!(name.as_str(), "strategy" | "ticket")) {
        return Err(ClerkError::unknown_parameter(name));
    }
    if field("strategy") != Some("ticket") {
        return Err(ClerkError::parameter("form_param_value_invalid", "strategy", "is not offered by the sandbox"));
    }
    let ticket =
        field("ticket").ok_or_else(|| ClerkError::parameter("form_param_missing", "ticket", "must be given"))?;
    let user = use_up(&clerk, ticket)?;
    let client = match caller.client_token.as_deref().and_then(|token| client_of(&clerk, token)) {
        Some(client) => client,
        None => format!("client_2{:026}", clerk.serial()),
    };
    let contents = json!({ "id": client, "rotating_token": format!("{:032x}", clerk.serial()) });
    let client_token = tokens::sealed(&clerk.settings, &contents)?;
    clerk.sessions().clients.insert(client_token.clone(), client.clone());
    clerk.effects.record("clerk.client.created");

    let sign_in = format!("sia_2{:026}", clerk.serial());
    let session = (user["two_factor_enabled"] != true).then(|| begin(&clerk, &user, &client));
    let replaced_id = clerk.settings.frontend_api.created_session_id.as_ref();
    let response = show_sign_in(&sign_in, &user, session.as_ref(), replaced_id);
    let client = show(&clerk, &client, caller.origin.as_deref())?;
    let body = Json(json!({ "response": response, "client": client }));
    let (name, value) = if caller.native {
        (header::AUTHORIZATION, client_token)
    } else {
        (header::SET_COOKIE, format!("__client={client_token}; Path=/; HttpOnly; Secure; SameSite=Lax"))
    };
    let value = HeaderValue::from_str(&value).map_err(|error| ClerkError::internal(&error.to_string()))?;
    Ok(([(name, value)], body).into_response())
}

/// Uses up a ticket, and returns the user that it signs in.
fn use_up(clerk: &Clerk, token: &str) -> Result<Value, ClerkError> {
    let mut sessions = clerk.sessions();
    let known = sessions.tickets.values_mut().find(|ticket| ticket.token == token && clerk.is_one_instance());
    let ticket = known.ok_or_else(|| {
        ClerkError::bad_request(
            "ticket_invalid_code",
            "ticket is invalid",
            "The ticket is not valid for this instance.",
        )
    })?;
    let problem = match ticket.status {
        TicketStatus::Accepted => Some(("sign_in_token_already_used_code", "sign in token has already been used")),
        TicketStatus::Revoked => Some(("sign_in_token_revoked_code", "sign in token has been revoked")),
        TicketStatus::Pending if ticket.expires <= now() => Some(("ticket_expired_code", "ticket has expired")),
        TicketStatus::Pending => None,
    };
    if let Some((code, message)) = problem {
        return Err(ClerkError::bad_request(code, message, &format!("The {message}. Please ask for a new one.")));
    }
    let gone = || ClerkError::not_found("The user of this ticket does not exist any more.");
    let user = clerk.users().find(&ticket.user).ok_or_else(gone)?;
    if user["locked"] == true || user["banned"] == true {
        let code = if user["locked"] == true { "user_locked" } else { "user_banned" };
        return Err(ClerkError::new(StatusCode::FORBIDDEN, code, "Account is locked", "This account may not sign in."));
    }
    ticket.status = TicketStatus::Accepted;
    Ok(user)
}

fn begin(clerk: &Clerk, user: &Value, client: &str) -> Session {
    let (id, at) = (user["id"].as_str().unwrap_or_default(), now());
    clerk.users().signed_in(id, at);
    clerk.effects.record("clerk.session.created");
    clerk.sessions().begin(id, client, at)
}

fn show_sign_in(id: &str, user: &Value, session: Option<&Session>, replaced_id: Option<&String>) -> Value {
    json!({
        "object": "sign_in_attempt", "id": id,
        "status": if session.is_some() { "complete" } else { "needs_second_factor" },
        "supported_identifiers": ["email_address"],
        "supported_first_factors": [{ "strategy": "ticket" }],
        "supported_second_factors": session.is_none().then(|| json!([{ "strategy": "totp" }])),
        "first_factor_verification": {
            "object": "verification_ticket", "status": "verified", "strategy": "ticket", "attempts": null, "expire_at": null,
        },
        "second_factor_verification": null, "identifier": user["email_addresses"][0]["email_address"],
        "user_data": {
            "first_name": null, "last_name": null, "image_url": "https://img.clerk.com/default", "has_image": false,
            "profile_image_url": "https://img.clerk.com/default",
        },
        "created_session_id": session.map(|session| replaced_id.unwrap_or(&session.id)), "abandon_at": now() + 86_400_000,
        "client_trust_state": "known",
    })
}

/// A client with its sessions, each with a fresh token.
fn show(clerk: &Clerk, id: &str, origin: Option<&str>) -> Result<Value, ClerkError> {
    let sessions = clerk.sessions().of_client(id);
    let last = sessions.last().map(|session| session.id.clone());
    let mut shown = Vec::new();
    for session in sessions {
        let token = clerk.mint(&session, None, origin, None)?;
        shown.push(show_with_user(clerk, &session, Some(&token)));
    }
    let at = now();
    Ok(json!({
        "object": "client", "id": id, "sessions": shown, "sign_in": null, "sign_up": null,
        "last_active_session_id": last, "last_authentication_strategy": "ticket", "cookie_expires_at": null,
        "captcha_bypass": false, "created_at": at, "updated_at": at,
    }))
}

fn show_with_user(clerk: &Clerk, session: &Session, token: Option<&str>) -> Value {
    let mut user = clerk.users().find(&session.user).unwrap_or_default();
    if let Some(fields) = user.as_object_mut() {
        // Users never see their private metadata.
        fields.remove("private_metadata");
    }
    session.show_to_client(&user, token)
}

fn client_of(clerk: &Clerk, token: &str) -> Option<String> {
    clerk.sessions().clients.get(token).cloned()
}

/// The caller's client, or the 401 for signed-out callers.
fn client(clerk: &Clerk, caller: &Caller) -> Result<String, ClerkError> {
    let known = caller.client_token.as_deref().and_then(|token| client_of(clerk, token));
    known.ok_or_else(|| ClerkError::new(StatusCode::UNAUTHORIZED, "signed_out", "Signed out", "You are signed out"))
}

async fn show_client(extract::State(clerk): Shared, caller: Caller) -> ClerkResult {
    let Ok(id) = client(&clerk, &caller) else { return Ok(Json(json!({ "response": null, "client": null }))) };
    Ok(Json(json!({ "response": show(&clerk, &id, caller.origin.as_deref())?, "client": null })))
}

async fn end_all(extract::State(clerk): Shared, caller: Caller) -> ClerkResult {
    let client = client(&clerk, &caller)?;
    let sessions = clerk.sessions().of_client(&client);
    for session in sessions {
        close(&clerk, &session.id, &client, "ended")?;
    }
    Ok(Json(json!({ "response": show(&clerk, &client, None)?, "client": null })))
}

fn session_of(clerk: &Clerk, caller: &Caller, id: &str) -> Result<Session, ClerkError> {
    let client = client(clerk, caller)?;
    let session = clerk.sessions().all.get(id).filter(|session| session.client == client).cloned();
    session.ok_or_else(|| ClerkError::not_found(format!("No session was found with id {id}.")))
}

async fn show_session(extract::State(clerk): Shared, caller: Caller, Path(id): Path<String>) -> ClerkResult {
    let session = session_of(&clerk, &caller, &id)?;
    let client = show(&clerk, &session.client, caller.origin.as_deref())?;
    Ok(Json(json!({ "response": show_with_user(&clerk, &session, None), "client": client })))
}

/// Makes another organization the active one, or none. Without the field, nothing changes.
async fn touch_session(
    extract::State(clerk): Shared,
    caller: Caller,
    Path(id): Path<String>,
    Form(fields): Fields,
) -> ClerkResult {
    let field = |wanted: &str| fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let known = |name: &str| matches!(name, "active_organization_id" | "intent");
    if let Some((name, _)) = fields.iter().find(|(name, _)| !known(name)) {
        return Err(ClerkError::unknown_parameter(name));
    }
    let mut session = session_of(&clerk, &caller, &id)?;
    if let Some(organization) = field("active_organization_id") {
        let organization = Some(organization.to_owned()).filter(|organization| !organization.is_empty());
        if let Some(organization) = &organization {
            clerk.require_member(organization, &session.user)?;
        }
        let active = clerk.sessions().activate(&id, &session.client, organization, now());
        session = active.ok_or_else(|| ClerkError::not_found(format!("No session was found with id {id}.")))?;
        clerk.effects.record("clerk.session.organization_selected");
    }
    let client = show(&clerk, &session.client, caller.origin.as_deref())?;
    Ok(Json(json!({ "response": show_with_user(&clerk, &session, None), "client": client })))
}

async fn end_session(extract::State(clerk): Shared, caller: Caller, Path(id): Path<String>) -> ClerkResult {
    end(&clerk, &id, &client(&clerk, &caller)?, "ended")
}

async fn remove_session(extract::State(clerk): Shared, caller: Caller, Path(id): Path<String>) -> ClerkResult {
    end(&clerk, &id, &client(&clerk, &caller)?, "removed")
}

fn close(clerk: &Clerk, id: &str, client: &str, status: &'static str) -> Result<Session, ClerkError> {
    let ended = clerk.sessions().end(id, Some(client), status, now());
    let session = ended.ok_or_else(|| ClerkError::not_found(format!("No session was found with id {id}.")))?;
    clerk.effects.record("clerk.session.ended");
    Ok(session)
}

fn end(clerk: &Clerk, id: &str, client: &str, status: &'static str) -> ClerkResult {
    let session = close(clerk, id, client, status)?;
    let shown = show_with_user(clerk, &session, None);
    Ok(Json(json!({ "response": shown, "client": show(clerk, client, None)? })))
}

async fn session_token(extract::State(clerk): Shared, caller: Caller, Path(id): Path<String>) -> ClerkResult {
    mint(&clerk, &caller, &id, None)
}

async fn template_token(
    extract::State(clerk): Shared,
    caller: Caller,
    Path((id, template)): Path<(String, String)>,
) -> ClerkResult {
    mint(&clerk, &caller, &id, Some(&template))
}

fn mint(clerk: &Clerk, caller: &Caller, id: &str, template: Option<&str>) -> ClerkResult {
    let session = session_of(clerk, caller, id)?;
    if !session.is_active() {
        return Err(ClerkError::not_found(format!("No session was found with id {id}.")));
    }
    let jwt = clerk.mint(&session, template, caller.origin.as_deref(), None)?;
    Ok(Json(json!({ "jwt": jwt })))
}
