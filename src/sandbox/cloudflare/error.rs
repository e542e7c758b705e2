//! Cloudflare's answers: a result, or an error.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// An error in Cloudflare's own words.
pub(super) struct CloudflareError {
    status: StatusCode,
    code: u32,
    message: String,
}

/// A handler's answer.
pub(super) type CloudflareResult = Result<Response, CloudflareError>;

impl CloudflareError {
    pub(super) fn new(status: StatusCode, code: u32, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub(super) fn authentication() -> Self {
        Self::new(StatusCode::FORBIDDEN, 10000, "Authentication error")
    }

    /// The script does not exist.
    pub(super) fn missing_script() -> Self {
        Self::missing("This Worker does not exist on your account.")
    }

    /// A script, version or deployment does not exist.
    pub(super) fn missing(message: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, 10007, message)
    }
}

impl IntoResponse for CloudflareError {
    fn into_response(self) -> Response {
        let errors = json!([{ "code": self.code, "message": self.message }]);
        let body = json!({ "success": false, "errors": errors, "messages": [], "result": null });
        (self.status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
    }
}

impl From<super::super::Error> for CloudflareError {
    fn from(error: super::super::Error) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, 10013, error.to_string())
    }
}

#[expect(clippy::unnecessary_wraps, reason = "handlers end with it, and all of them may fail")]
pub(super) fn success(result: &Value) -> CloudflareResult {
    let body = json!({ "success": true, "errors": [], "messages": [], "result": result });
    Ok(([(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response())
}
