//! The requests of a run, for the report.

use std::time::Duration;

/// One request, for the report.
#[derive(Debug, Clone)]
pub struct LoggedRequest {
    /// Where it was sent: `stripe`, `clerk`, `cloudflare`, `worker`, …
    pub provider: &'static str,
    /// The name of that in a sentence: `Stripe`, `the Worker`.
    pub name: &'static str,
    /// GET, POST, …
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The HTTP status; `None` if there was no response.
    pub status: Option<u16>,
    /// Why there was no response, or what is wrong with it.
    pub trouble: Option<String>,
    /// Whether there was a connection, so that this machine is not offline.
    pub is_connected: bool,
    /// Whether a limit of this run or this machine is why there was no response, which says nothing about the other side.
    pub is_ours: bool,
    /// The time of the last attempt, from the first byte sent to the last byte received.
    pub duration: Duration,
    /// The number of attempts.
    pub attempts: u32,
    /// The provider's ID for the request.
    pub request_id: Option<String>,
}

impl LoggedRequest {
    /// Whether the response says anything but that the other side has trouble.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.trouble.is_none() && self.status.is_some_and(|status| status < 500 && status != 429)
    }
}
