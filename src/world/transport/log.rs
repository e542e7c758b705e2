//! The requests of a run, for the report.

use std::time::Duration;

/// One request, for the report.
#[derive(Debug, Clone)]
pub struct LoggedRequest {
    /// Where it was sent: `stripe`, `clerk`, `cloudflare`, `worker`, …
    pub provider: &'static str,
    /// GET, POST, …
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The HTTP status; `None` if there was no response.
    pub status: Option<u16>,
    /// Why there was no response.
    pub trouble: Option<String>,
    /// The time of the last attempt, from the first byte sent to the last byte received.
    pub duration: Duration,
    /// The number of attempts.
    pub attempts: u32,
    /// The provider's ID for the request.
    pub request_id: Option<String>,
}
