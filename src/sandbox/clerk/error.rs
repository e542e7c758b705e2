//! Clerk's errors.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// A handler's answer: JSON, or an error.
pub(super) type ClerkResult = Result<Json<Value>, ClerkError>;

/// An error, as Clerk's APIs return it.
#[derive(Debug, Clone)]
pub(super) struct ClerkError {
    status: StatusCode,
    code: &'static str,
    message: String,
    long_message: String,
    meta: Value,
}

impl ClerkError {
    /// An error with a code for programs and two messages for people.
    pub(super) fn new(
        status: StatusCode,
        code: &'static str,
        message: impl Into<String>,
        long_message: impl Into<String>,
    ) -> Self {
        Self { status, code, message: message.into(), long_message: long_message.into(), meta: json!({}) }
    }

    /// A 400.
    pub(super) fn bad_request(code: &'static str, message: &str, long_message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message, long_message)
    }

    /// A 422 about one parameter.
    pub(super) fn parameter(code: &'static str, name: &str, message: &str) -> Self {
        let error = Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message, format!("{name} {message}."));
        Self { meta: json!({ "param_name": name }), ..error }
    }

    /// An unknown parameter.
    pub(super) fn unknown_parameter(name: &str) -> Self {
        let error = Self::parameter("form_param_unknown", name, "is unknown");
        Self { long_message: format!("{name} is not a valid parameter for this request."), ..error }
    }

    /// A 404.
    pub(super) fn not_found(long_message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "resource_not_found", "not found", long_message)
    }

    /// A 401 of the Backend API: the secret key is unknown.
    pub(super) fn secret_key() -> Self {
        let message = "The provided Clerk Secret Key is invalid. Make sure that your Clerk Secret Key is correct.";
        Self::new(StatusCode::UNAUTHORIZED, "clerk_key_invalid", message, message)
    }

    /// A 401 of the Backend API: there is no bearer token.
    pub(super) fn authorization_header() -> Self {
        let message = "Invalid Authorization header format";
        let long_message = "Invalid Authorization header format. Must be 'Bearer <YOUR_API_KEY>'";
        Self::new(StatusCode::UNAUTHORIZED, "authorization_header_format_invalid", message, long_message)
    }

    /// A 500: the sandbox itself failed.
    pub(super) fn internal(reason: &str) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal_clerk_error",
            "Oops, an unexpected error occurred",
            reason,
        )
    }
}

impl IntoResponse for ClerkError {
    fn into_response(self) -> Response {
        static TRACES: AtomicU64 = AtomicU64::new(0x5a4d_b0c5);
        let trace = format!("{:032x}", TRACES.fetch_add(1, Ordering::Relaxed));
        let mut error = json!({ "message": self.message, "long_message": self.long_message, "code": self.code });
        if self.meta.as_object().is_some_and(|meta| !meta.is_empty()) {
            error["meta"] = self.meta;
        }
        let body = json!({ "errors": [error], "clerk_trace_id": trace });
        (self.status, [("cf-ray", trace.get(16..).unwrap_or_default().to_owned())], Json(body)).into_response()
    }
}
