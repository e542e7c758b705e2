//! Stripe's errors.

use axum::http::StatusCode;
use serde_json::{Value, json};

/// An error, as version 1 of Stripe's API returns it.
#[derive(Debug)]
pub(super) struct StripeError {
    pub(super) status: StatusCode,
    kind: &'static str,
    code: Option<&'static str>,
    message: String,
    parameter: Option<String>,
}

impl From<super::super::Error> for StripeError {
    fn from(error: super::super::Error) -> Self {
        Self::invalid(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

impl StripeError {
    pub(super) fn invalid(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, kind: "invalid_request_error", code: None, message: message.into(), parameter: None }
    }

    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::invalid(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn coded(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    pub(super) fn about(mut self, parameter: impl Into<String>) -> Self {
        self.parameter = Some(parameter.into());
        self
    }

    /// No object with this ID exists for the key. `modes` are the mode in which one exists and the key's mode.
    pub(super) fn missing(noun: &str, id: &str, mode: Option<(&str, &str)>) -> Self {
        let similar = mode.map_or_else(String::new, |(there, here)| {
            format!("; a similar object exists in {there} mode, but a {here} mode key was used to make this request.")
        });
        Self::invalid(StatusCode::NOT_FOUND, format!("No such {noun}: '{id}'{similar}"))
            .coded("resource_missing")
            .about("id")
    }

    /// The same for an ID in a parameter instead of the path.
    pub(super) fn in_parameter(mut self, parameter: impl Into<String>) -> Self {
        self.status = StatusCode::BAD_REQUEST;
        self.about(parameter)
    }

    /// The same for an ID in the path instead of a parameter.
    pub(super) fn in_path(mut self) -> Self {
        if self.code == Some("resource_missing") {
            self.status = StatusCode::NOT_FOUND;
        }
        self
    }

    /// A card that was refused.
    pub(super) fn card_declined() -> Self {
        let error = Self::invalid(StatusCode::PAYMENT_REQUIRED, "Your card was declined.").coded("card_declined");
        Self { kind: "card_error", ..error }
    }

    pub(super) fn unknown_parameter(name: &str) -> Self {
        Self::bad(format!("Received unknown parameter: {name}")).coded("parameter_unknown").about(name)
    }

    /// An empty value for a parameter that cannot be removed.
    pub(super) fn empty(name: &str) -> Self {
        let message = format!(
            "You passed an empty string for '{name}'. We assume empty values are an attempt to unset a parameter; however \
             '{name}' cannot be unset. You should remove '{name}' from your request or supply a non-empty value."
        );
        Self::bad(message).coded("parameter_invalid_empty").about(name)
    }

    pub(super) fn missing_parameter(name: &str) -> Self {
        Self::bad(format!("Missing required param: {name}.")).coded("parameter_missing").about(name)
    }

    pub(super) fn idempotency(key: &str) -> Self {
        let message = format!(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using \
             a key other than '{key}' if you meant to execute a different request."
        );
        Self { kind: "idempotency_error", ..Self::bad(message) }
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    pub(super) fn body(&self, request_id: &str) -> Value {
        let mut error = json!({ "message": self.message, "type": self.kind });
        if let Some(code) = self.code {
            error["code"] = code.into();
            error["doc_url"] = format!("https://stripe.com/docs/error-codes/{}", code.replace('_', "-")).into();
        }
        if let Some(parameter) = &self.parameter {
            error["param"] = parameter.as_str().into();
        }
        error["request_log_url"] = format!("https://dashboard.stripe.com/logs/{request_id}").into();
        json!({ "error": error })
    }
}
