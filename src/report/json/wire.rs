//! The published shape. It is separate from the types the rest of the code uses, so that a refactoring cannot break readers
//! of the report. Fields are only ever added.

use schemars::JsonSchema;
use serde::Serialize;

use crate::config::Mode;

/// A report of `preflight run`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "preflight report")]
pub(super) struct Document {
    /// The version of this shape. Fields may be added within a version.
    pub(super) schema_version: u32,
    /// The program that made the report.
    pub(super) tool: Tool,
    /// `project.name` of the configuration.
    pub(super) project: String,
    /// The mode that the deployment was checked for.
    pub(super) mode: Mode,
    /// `run` or `rehearsal`.
    pub(super) kind: &'static str,
    /// Identifies the configuration: a hash of the file, the mode and the flags that select the values and the deployment. No
    /// value of a variable is part of it.
    pub(super) configuration: String,
    /// When the run started: RFC 3339, UTC.
    pub(super) started_at: String,
    /// How long it took.
    pub(super) duration_ms: u64,
    /// `go`: every required check passed. `no-go`: something failed. `not-proven`: nothing failed, but a required check could
    /// not be verified, or no checks ran.
    pub(super) verdict: Verdict,
    /// The exit status: 0 (go), 1 (no-go), 2 (not proven), 3 (a rehearsal could not put the canary back), 4 (no checks ran), 70 (a check crashed, or a GO
    /// could not be recorded), 130 or 143 (stopped).
    pub(super) exit_code: u8,
    /// What the run changed by mistake, and how to undo it. Null if it changed nothing.
    pub(super) changed: Option<String>,
    /// How many required checks were verified.
    pub(super) coverage: Coverage,
    /// How many checks have each status.
    pub(super) summary: Summary,
    /// Every check, in the order of `preflight list`.
    pub(super) checks: Vec<Check>,
    /// Every request, in the order of the responses.
    pub(super) requests: Vec<Request>,
    /// What this run started and could not end. Null if nothing is left.
    pub(super) left_open: Option<String>,
    /// The tables missing from `preflight.toml`, so that nothing was checked there: `frontend`, `cloudflare`.
    pub(super) not_configured: Vec<String>,
    /// What changed since the last full run of this project. Null if there was none, or if this run was not a full one.
    pub(super) since_last: Option<SinceLast>,
    /// What to do next, in one sentence.
    pub(super) next_action: String,
    /// How to fix what decides the verdict, the most harmful first.
    pub(super) next_actions: Vec<NextAction>,
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

/// What changed since the last full run. A failure is named `stripe/price-mode: other-mode (tier pro)`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SinceLast {
    /// When that run started: RFC 3339, UTC.
    pub(super) started_at: String,
    /// Failures that it did not have.
    pub(super) new: Vec<String>,
    /// Its failures that are gone.
    pub(super) fixed: Vec<String>,
    /// Failures of both.
    pub(super) same: Vec<String>,
    /// Its failures that could not be verified this time.
    pub(super) unverified: Vec<String>,
}

/// How to fix one finding.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct NextAction {
    /// The check.
    pub(super) check: String,
    /// The finding's code.
    pub(super) code: String,
    /// What it is about, such as `tier pro`. Empty for the deployment as a whole.
    pub(super) subject: String,
    /// Who can do it.
    pub(super) who: Who,
    /// What to do, in one sentence.
    pub(super) summary: String,
    /// Lines of code, as an example: TypeScript for the Worker, or a part of a file.
    pub(super) lines: Vec<String>,
    /// Commands to type, in order.
    pub(super) commands: Vec<String>,
    /// Pages to open, in order.
    pub(super) links: Vec<String>,
    /// The command that verifies the fix.
    pub(super) verify: String,
}

/// Who can fix something. `machine`: there is a command for it. `person`: it is done on a page. `developer`: it is done in the
/// code.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Who {
    Machine,
    Person,
    Developer,
}

/// How many required checks were verified.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Coverage {
    /// Required checks that apply.
    pub(super) required: usize,
    /// Those that passed.
    pub(super) verified: usize,
}

/// How many checks have each status.
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
    /// The part before the slash.
    pub(super) group: String,
    /// What is true when it passes.
    pub(super) title: String,
    /// Its status.
    pub(super) status: CheckStatus,
    /// Whether the verdict depends on it.
    pub(super) required: bool,
    /// From start to end, including time spent waiting for requests it shares with other checks.
    pub(super) duration_ms: u64,
    /// The checks whose findings block it.
    pub(super) blocked_by: Vec<String>,
    /// Why it is unknown, skipped, na or waived.
    pub(super) reason: Option<String>,
    /// What is wrong, the most harmful first, and then what is worth knowing.
    pub(super) findings: Vec<Finding>,
    /// What the last full report says of a check that `--failed` did not ask again. Null for every other check.
    pub(super) earlier: Option<Earlier>,
}

/// What an older report says of a check.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Earlier {
    /// Its status at that time.
    pub(super) status: CheckStatus,
    /// When that run started: RFC 3339, UTC.
    pub(super) started_at: String,
}

/// The status of a check. `warn`: passed with a warning. `unknown`: could not be verified. `skipped`: blocked by another
/// check's finding, or excluded on the command line. `na`: does not apply. `waived`: covered by a waiver. `flaky`: passed, but
/// a request was retried.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum CheckStatus {
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
    /// `failure`, `warning` or `note`.
    pub(super) severity: FindingSeverity,
    /// What it does if it is not fixed.
    pub(super) harm: FindingHarm,
    /// What is wrong, in one sentence.
    pub(super) message: String,
    /// What was expected.
    pub(super) expected: String,
    /// What was seen.
    pub(super) actual: String,
    /// Where it was seen.
    pub(super) evidence: Vec<EvidenceItem>,
    /// How to fix it.
    pub(super) fix: Fix,
}

/// How much a finding matters.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum FindingSeverity {
    /// Worth knowing, and often intended. Changes neither the status of its check nor the verdict.
    Note,
    /// Should be looked at. Does not change the verdict.
    Warning,
    /// A paying customer would not get what they paid for, or someone gets it without paying.
    Failure,
}

/// What a finding does if it is not fixed, worst first. `exposure`: someone gets in, or gets a secret. `money`: money is not
/// taken, or taken wrongly. `service`: a paying customer is not served. `other`: anything else.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum FindingHarm {
    Exposure,
    Money,
    Service,
    Other,
}

/// One observation.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct EvidenceItem {
    /// The request, or the line of a file.
    pub(super) request: String,
    /// The HTTP status, if there was a response.
    pub(super) status: Option<u16>,
    /// The provider's ID for the request.
    pub(super) request_id: Option<String>,
    /// The field.
    pub(super) field: String,
    /// What it contained.
    pub(super) seen: String,
}

/// How to fix a finding.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Fix {
    /// What to do, in one sentence.
    pub(super) summary: String,
    /// Lines of code, as an example: TypeScript for the Worker, or a part of a file.
    pub(super) lines: Vec<String>,
    /// Commands to type, in order.
    pub(super) commands: Vec<String>,
    /// Pages to open, in order.
    pub(super) links: Vec<String>,
    /// The command that verifies the fix.
    pub(super) verify: String,
}

/// One request.
#[derive(Debug, Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the names are published")]
pub(super) struct Request {
    /// The provider or host it was sent to.
    pub(super) provider: String,
    /// GET, POST, …
    pub(super) method: String,
    /// Path and query.
    pub(super) path: String,
    /// The HTTP status. Null if there was no response.
    pub(super) status: Option<u16>,
    /// How long the last attempt took.
    pub(super) ms: u64,
    /// The number of attempts.
    pub(super) attempts: u32,
    /// The provider's ID for the request.
    pub(super) request_id: Option<String>,
}
