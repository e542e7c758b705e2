//! What was asked, for the report.

use std::time::Duration;

/// One request that was made, for the report.
#[derive(Debug, Clone)]
pub struct Logged {
    /// Whom it was sent to: `stripe`, `clerk`, `cloudflare`, `worker`, …
    pub provider: &'static str,
    /// GET, POST, …
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The HTTP status; `None` where no answer came.
    pub status: Option<u16>,
    /// Why no answer came.
    pub trouble: Option<String>,
    /// From the first byte sent to the last received, of the last attempt.
    pub duration: Duration,
    /// How often it was tried.
    pub attempts: u32,
    /// The provider's name for the request.
    pub request_id: Option<String>,
}
