//! What answers in front of the Worker's code or in its place, and the CORS headers.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde_json::json;

use super::settings::{CrossOrigin, Defect, WorkerSettings};

/// The domain of every project on Vercel, including previews.
const PREVIEWS: &str = ".vercel.app";

/// The response of whatever blocks the webhook, if anything does.
///
/// What blocks the webhook without knowing it also blocks every other unknown path.
pub(super) fn intercept(state: &WorkerSettings, request: &Request) -> Option<Response> {
    let path = request.uri().path();
    let webhook = request.method() == Method::POST && path == "/webhook/stripe";
    if request.method() == Method::OPTIONS || path == "/health" || path.starts_with("/api/") {
        return None;
    }
    let handler = |defect: &Defect| matches!(defect, Defect::WrongMethod | Defect::Breaks);
    let defects = state.defects.keys().filter(|defect| state.has(**defect));
    defects.filter(|defect| webhook || !handler(defect)).find_map(|defect| response_for(*defect))
}

/// The response in place of the handler's for that defect.
fn response_for(defect: Defect) -> Option<Response> {
    let page = |body: &'static str| Html(body).into_response();
    Some(match defect {
        Defect::Redirects => {
            let location = [(header::LOCATION, "https://www.acme.com/webhook/stripe")];
            (StatusCode::PERMANENT_REDIRECT, location).into_response()
        }
        Defect::LoginRedirect => {
            let location = "https://accounts.acme.com/sign-in?redirect_url=https%3A%2F%2Fpan-api.acme.workers.dev";
            (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location)]).into_response()
        }
        Defect::LoginRefusal => {
            let headers = [
                ("x-clerk-auth-status", "signed-out"),
                ("x-clerk-auth-reason", "session-token-and-uat-missing"),
                ("x-clerk-auth-message", ""),
            ];
            (StatusCode::UNAUTHORIZED, headers, "Unauthorized").into_response()
        }
        Defect::Challenge => {
            let headers = [("cf-mitigated", "challenge"), ("server", "cloudflare")];
            let body = page("<!DOCTYPE html><html><head><title>Just a moment...</title></head><body></body></html>");
            (StatusCode::FORBIDDEN, headers, body).into_response()
        }
        Defect::ServesWebSite => {
            page("<!doctype html><html><head><title>Acme</title></head><body><div id=\"root\"></div></body></html>")
        }
        Defect::RouteMissing => (StatusCode::NOT_FOUND, "404 Not Found").into_response(),
        Defect::WrongMethod => {
            (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET")], "Method Not Allowed").into_response()
        }
        Defect::Breaks => {
            let body = json!({ "error": "Missing required environment variables", "missing": ["STRIPE_PRICE_ID_PRO"] });
            (StatusCode::INTERNAL_SERVER_ERROR, axum::Json(body)).into_response()
        }
        _ => return None,
    })
}

/// Adds the CORS headers.
pub(super) fn allow_origin(state: &WorkerSettings, origin: Option<&str>, mut response: Response) -> Response {
    let first = state.allowed_origins.first().map(String::as_str);
    let any_preview = state.cross_origin == CrossOrigin::AnyPreview;
    let is_allowed = |origin: &str| {
        let listed = state.allowed_origins.iter().any(|allowed| allowed == origin);
        listed || (any_preview && origin.starts_with("https://") && origin.ends_with(PREVIEWS))
    };
    let allowed = match state.cross_origin {
        CrossOrigin::AllowList | CrossOrigin::AnyPreview => origin.filter(|origin| is_allowed(origin)).or(first),
        CrossOrigin::Wildcard | CrossOrigin::WildcardWithCredentials => Some("*"),
        CrossOrigin::Reflects => origin.or(first),
    };
    let credentials = any_preview || state.reads_cookies || state.cross_origin == CrossOrigin::WildcardWithCredentials;
    let fields: [(HeaderName, Option<&str>); 5] = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed),
        (header::ACCESS_CONTROL_ALLOW_METHODS, Some("GET, POST, OPTIONS")),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, Some("Content-Type, Authorization")),
        (header::ACCESS_CONTROL_ALLOW_CREDENTIALS, credentials.then_some("true")),
        (header::VARY, Some("Origin")),
    ];
    for (name, value) in fields {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
