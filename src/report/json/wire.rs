//! The published shape. It stands apart from the types that the rest of the code works with, so that a change there
//! changes nothing for who reads the reports. Fields are only ever added.

use schemars::JsonSchema;
use serde::Serialize;

use crate::config::Mode;

/// A report of `preflight run`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "preflight report")]
pub(super) struct Document {
    /// The version of this shape. Fields may be added within a version.
    pub(super) schema_version: u32,
    /// What made the report.
    pub(super) tool: Tool,
    /// `project.name` of the configuration.
    pub(super) project: String,
    /// The mode that the deployment was checked for.
    pub(super) mode: Mode,
    /// When the run began, RFC 3339, UTC.
    pub(super) started_at: String,
    /// How long it took.
    pub(super) duration_ms: u64,
    /// `go`: every required check was seen to pass. `no-go`: something failed. `not-proven`: nothing failed, but a required
    /// check could not be verified, or no check ran at all.
    pub(super) verdict: Verdict,
    /// The exit status that belongs to the verdict: 0, 1, 2, 4 where no check ran, 130 or 143 where the run was stopped.
    pub(super) exit_code: u8,
    /// What the run changed although it must not, and how to undo it; null where it changed nothing.
    pub(super) changed: Option<String>,
    /// How much of what is required was verified.
    pub(super) coverage: Coverage,
    /// How many checks have which status.
    pub(super) summary: Summary,
    /// Every check, in the order of `preflight list`.
    pub(super) checks: Vec<Check>,
    /// Every request that was made, in the order in which they were answered.
    pub(super) requests: Vec<Request>,
    /// What this run began and could not end; null where nothing is left.
    pub(super) left_open: Option<String>,
    /// The tables that `preflight.toml` does not have, so that no check looked at what they name: `frontend`, `cloudflare`.
    pub(super) not_configured: Vec<String>,
    /// What to do next, in one sentence.
    pub(super) next_action: String,
}

/// The program.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Tool {
    /// `preflight`.
    pub(super) name: &'static str,
    /// Its version.
    pub(super) version: &'static str,
}

/// The verdict.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    Go,
    NoGo,
    NotProven,
}

/// How much of what is required was verified.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Coverage {
    /// Required checks that apply.
    pub(super) required: usize,
    /// Those of them that were seen to pass.
    pub(super) verified: usize,
}

/// How many checks have which status.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Summary {
    pub(super) pass: usize,
    pub(super) warn: usize,
    pub(super) fail: usize,
    pub(super) unknown: usize,
    pub(super) skipped: usize,
    pub(super) na: usize,
    pub(super) waived: usize,
    pub(super) flaky: usize,
}

/// One check.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Check {
    /// `stripe/price-mode`; stable.
    pub(super) id: String,
    /// What stands before the slash.
    pub(super) group: String,
    /// What is so when it passes.
    pub(super) title: String,
    /// The word for it.
    pub(super) status: Word,
    /// Whether the verdict needs it.
    pub(super) required: bool,
    /// From its start to its end; much of it is waiting for what others asked too.
    pub(super) duration_ms: u64,
    /// The checks whose findings stand in its way.
    pub(super) blocked_by: Vec<String>,
    /// Why it is unknown, skipped, na or waived.
    pub(super) reason: Option<String>,
    /// What is wrong.
    pub(super) findings: Vec<Finding>,
}

/// The word for a check: `pass` as it should be; `warn` so, with a warning; `fail` not as it should be; `unknown` could not
/// look; `skipped` another check's finding stands in the way, or left out by hand; `na` does not apply; `waived` covered by
/// a waiver; `flaky` passed, but a request had to be made again.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Word {
    Pass,
    Warn,
    Fail,
    Unknown,
    Skipped,
    Na,
    Waived,
    Flaky,
}

/// Something that is wrong.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Finding {
    /// `other-mode`; stable within its check.
    pub(super) code: String,
    /// `failure` or `warning`.
    pub(super) severity: Weight,
    /// What is wrong, in one sentence.
    pub(super) message: String,
    /// What should have been there.
    pub(super) expected: String,
    /// What was there.
    pub(super) actual: String,
    /// Where it was seen.
    pub(super) evidence: Vec<Seen>,
    /// How to fix it.
    pub(super) fix: Fix,
}

/// How much a finding matters.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Weight {
    /// Worth knowing; the verdict stays.
    Warning,
    /// A paying customer would not get what was paid for, or somebody gets it without paying.
    Failure,
}

/// One thing that was looked at.
#[derive(Debug, Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the names are published")]
pub(super) struct Seen {
    /// The request, or the place in a file.
    pub(super) request: String,
    /// The HTTP status, where there was an answer.
    pub(super) status: Option<u16>,
    /// The provider's name for the request.
    pub(super) request_id: Option<String>,
    /// The field that was looked at.
    pub(super) field: String,
    /// What stood there.
    pub(super) seen: String,
}

/// How to mend a finding.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Fix {
    /// What to do, in one sentence.
    pub(super) summary: String,
    /// Commands to type, in order.
    pub(super) commands: Vec<String>,
    /// Pages to open, in order.
    pub(super) links: Vec<String>,
    /// The command that shows whether it worked.
    pub(super) verify: String,
}

/// One request.
#[derive(Debug, Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the names are published")]
pub(super) struct Request {
    /// Whom it was sent to.
    pub(super) provider: String,
    /// GET, POST, …
    pub(super) method: String,
    /// Path and query.
    pub(super) path: String,
    /// The HTTP status; null where no answer came.
    pub(super) status: Option<u16>,
    /// How long the last attempt took.
    pub(super) ms: u64,
    /// How often it was tried.
    pub(super) attempts: u32,
    /// The provider's name for the request.
    pub(super) request_id: Option<String>,
}
