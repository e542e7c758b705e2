//! The part of the Backend API that signs users in and out: sign-in tokens, sessions and their tokens.

use std::ops::RangeInclusive;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{self, Path, Query};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Map, Value, json};

use super::error::{ClerkError, ClerkResult};
use super::listing::{limit, listed};
use super::request::{Parameters, Shared, fields, no_such};
use super::sessions::{Session, Ticket, TicketStatus};
use super::{Clerk, now, tokens};

/// How long a sign-in token is valid by default, in seconds: thirty days.
const TICKET_LIFETIME: i64 = 2_592_000;
/// The lifetimes that a caller may request for a token, in seconds.
const LIFETIMES: RangeInclusive<u64> = 30..=315_360_000;

/// The routes.
pub(super) fn routes() -> Router<Arc<Clerk>> {
    Router::new()
        .route("/v1/sign_in_tokens", post(create_sign_in_token))
        .route("/v1/sign_in_tokens/{id}/revoke", post(revoke_sign_in_token))
        .route("/v1/sessions", get(list_sessions).post(create_session))
        .route("/v1/sessions/{id}", get(session))
        .route("/v1/sessions/{id}/revoke", post(revoke_session))
        .route("/v1/sessions/{id}/tokens", post(session_token))
        .route("/v1/sessions/{id}/tokens/{template}", post(template_token))
        .route("/v1/testing_tokens", post(testing_token))
}

async fn create_sign_in_token(extract::State(clerk): Shared, body: Bytes) -> ClerkResult {
    let fields = fields(&body, &["user_id", "org_id", "expires_in_seconds"])?;
    let user = user_of(&clerk, &fields)?;
    let lifetime = match fields.get("expires_in_seconds") {
        None | Some(Value::Null) => TICKET_LIFETIME,
        Some(value) => value.as_i64().filter(|seconds| *seconds >= 1).ok_or_else(|| {
            ClerkError::parameter("form_param_value_invalid", "expires_in_seconds", "must be a positive whole number")
        })?,
    };
    let created = now();
    let id = format!("sit_2{:026}", clerk.serial());
    let contents = json!({
        "iid": clerk.settings.instance_id(), "sid": id, "st": "sign_in_token", "exp": created / 1000 + lifetime,
    });
    let token = tokens::sealed(&clerk.settings, &contents)?;
    let expires = created.saturating_add(lifetime.saturating_mul(1000));
    let ticket = Ticket { id: id.clone(), user, token, status: TicketStatus::Pending, created, expires };
    clerk.sessions().tickets.insert(id, ticket.clone());
    clerk.effects.record("clerk.sign_in_token.created");
    Ok(Json(ticket.show(&clerk.settings.frontend_api.host, true)))
}

async fn revoke_sign_in_token(extract::State(clerk): Shared, Path(id): Path<String>) -> ClerkResult {
    let mut sessions = clerk.sessions();
    let ticket = sessions.tickets.get_mut(&id).ok_or_else(|| no_such("sign-in token", &id))?;
    if ticket.status != TicketStatus::Pending {
        let reason = "Only pending sign-in tokens can be revoked.";
        return Err(ClerkError::bad_request(
            "sign_in_token_cannot_be_revoked_code",
            "sign in token cannot be revoked",
            reason,
        ));
    }
    ticket.status = TicketStatus::Revoked;
    clerk.effects.record("clerk.sign_in_token.revoked");
    Ok(Json(ticket.show(&clerk.settings.frontend_api.host, false)))
}

async fn list_sessions(extract::State(clerk): Shared, Query(parameters): Parameters) -> ClerkResult {
    let value = |wanted: &str| parameters.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let known = ["client_id", "user_id", "status", "limit", "offset", "paginated", "__clerk_api_version"];
    if let Some((name, _)) = parameters.iter().find(|(name, _)| !known.contains(&name.as_str())) {
        return Err(ClerkError::unknown_parameter(name));
    }
    if value("client_id").is_none() && value("user_id").is_none() {
        return Err(ClerkError::parameter("form_param_missing", "user_id", "or client_id must be given"));
    }
    let length = value("limit").map_or(Ok(10), limit)?;
    let offset = value("offset").and_then(|offset| offset.parse().ok()).unwrap_or(0);
    let wanted = |session: &&Session| {
        value("client_id").is_none_or(|client| client == session.client)
            && value("user_id").is_none_or(|user| user == session.user)
            && value("status").is_none_or(|status| status == session.status)
    };
    let sessions = clerk.sessions();
    // IDs are numbered, so the last ID is the newest session.
    let newest_first: Vec<Value> = sessions.all.values().rev().filter(wanted).map(Session::show).collect();
    listed(newest_first, &parameters, offset, length)
}

async fn create_session(extract::State(clerk): Shared, body: Bytes) -> ClerkResult {
    if !clerk.settings.is_development() {
        let reason = "Request only valid for development instances.";
        return Err(ClerkError::bad_request(
            "request_invalid_for_environment",
            "Invalid request for environment",
            reason,
        ));
    }
    let fields = fields(&body, &["user_id", "active_organization_id"])?;
    let user = user_of(&clerk, &fields)?;
    let organization = fields.get("active_organization_id").and_then(Value::as_str);
    if let Some(organization) = organization {
        clerk.require_member(organization, &user)?;
    }
    let client = format!("client_2{:026}", clerk.serial());
    let mut session = clerk.sessions().begin(&user, &client, now());
    if let Some(organization) = organization {
        let active = clerk.sessions().activate(&session.id, &client, Some(organization.to_owned()), now());
        session = active.unwrap_or(session);
    }
    clerk.effects.record("clerk.session.created");
    Ok(Json(session.show()))
}

async fn session(extract::State(clerk): Shared, Path(id): Path<String>) -> ClerkResult {
    clerk.sessions().all.get(&id).map(|session| Json(session.show())).ok_or_else(|| no_such("session", &id))
}

/// This request has no body in Clerk's specification.
async fn revoke_session(extract::State(clerk): Shared, Path(id): Path<String>, body: Bytes) -> ClerkResult {
    if !body.is_empty() {
        let reason = "This request takes no body.";
        return Err(ClerkError::bad_request("request_body_invalid", "Request body invalid", reason));
    }
    let session = clerk.sessions().end(&id, None, "revoked", now()).ok_or_else(|| no_such("session", &id))?;
    clerk.effects.record("clerk.session.ended");
    Ok(Json(session.show()))
}

async fn session_token(extract::State(clerk): Shared, Path(id): Path<String>, body: Bytes) -> ClerkResult {
    mint(&clerk, &id, None, &body)
}

async fn template_token(
    extract::State(clerk): Shared,
    Path((id, template)): Path<(String, String)>,
    body: Bytes,
) -> ClerkResult {
    mint(&clerk, &id, Some(&template), &body)
}

/// A token without `azp`, because no browser requested it.
fn mint(clerk: &Clerk, id: &str, template: Option<&str>, body: &[u8]) -> ClerkResult {
    let lifetime = match fields(body, &["expires_in_seconds"])?.get("expires_in_seconds") {
        None | Some(Value::Null) => None,
        Some(value) => Some(value.as_u64().filter(|seconds| LIFETIMES.contains(seconds)).ok_or_else(|| {
            ClerkError::parameter("form_param_value_invalid", "expires_in_seconds", "must be between 30 and 315360000")
        })?),
    };
    let session = clerk.sessions().all.get(id).filter(|session| session.is_active()).cloned();
    let session = session.ok_or_else(|| no_such("session", id))?;
    let jwt = clerk.mint(&session, template, None, lifetime)?;
    Ok(Json(json!({ "object": "token", "jwt": jwt })))
}

async fn testing_token(extract::State(clerk): Shared) -> Json<Value> {
    let seconds = now() / 1000;
    let token = format!("{seconds}-c_2{:026}", clerk.serial());
    clerk.effects.record("clerk.testing_token.created");
    Json(json!({ "object": "testing_token", "token": token, "expires_at": seconds + 3600 }))
}

/// The ID of the user in a request's body.
fn user_of(clerk: &Clerk, fields: &Map<String, Value>) -> Result<String, ClerkError> {
    let missing = || ClerkError::parameter("form_param_missing", "user_id", "must be given");
    let id = fields.get("user_id").and_then(Value::as_str).ok_or_else(missing)?;
    clerk.users().find(id).map(|_| id.to_owned()).ok_or_else(|| no_such("user", id))
}
