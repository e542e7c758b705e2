//! The published shape. It is separate from the types the rest of the code uses, so that a refactoring cannot break readers
//! of the report. Fields are only ever added.

mod check;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::Mode;

pub(super) use check::{Check, CheckStatus, Earlier, EvidenceItem, Finding, FindingHarm, FindingSeverity, Fix, Who};

/// A report of `preflight run`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
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
    pub(super) kind: Kind,
    /// How deep a rehearsal went. Null for a run.
    pub(super) depth: Option<RehearsalDepth>,
    /// Identifies the configuration: a hash of the file, the mode and the flags that select the values and the deployment. No
    /// value of a variable is part of it.
    pub(super) configuration: String,
    /// The configuration file.
    pub(super) configuration_file: String,
    /// The flags that name the deployment, as they were typed.
    pub(super) flags: String,
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
    /// What the verdict is about.
    pub(super) scope: Scope,
    /// Why it ended early. Null if it did not.
    pub(super) interruption: Option<Interruption>,
    /// What the run changed by mistake, and how to undo it. Null if it changed nothing.
    pub(super) changed: Option<String>,
    /// How many required checks were verified.
    pub(super) coverage: Coverage,
    /// How many checks have each status.
    pub(super) summary: Summary,
    /// Every check, in the order of `preflight list`.
    pub(super) checks: Vec<Check>,
    /// What the waivers did, in the order of the configuration.
    pub(super) waivers: Vec<Waiver>,
    /// The last rehearsal of this configuration, check by check.
    pub(super) rehearsed: Vec<Rehearsed>,
    /// Every request, in the order of the responses.
    pub(super) requests: Vec<Request>,
    /// What this run started and could not end. Null if nothing is left.
    pub(super) left_open: Option<String>,
    /// Why no check could be run, if the configuration has errors. Null if it has none.
    pub(super) not_run: Option<String>,
    /// The tables missing from `preflight.toml`, so that nothing was checked there: `frontend`, `cloudflare`.
    pub(super) not_configured: Vec<String>,
    /// What changed since the last full run of this project. Null if there was none, or if this run was not a full one.
    pub(super) since_last: Option<SinceLast>,
    /// What to do next, in one sentence.
    pub(super) next_action: String,
    /// How to fix what decides the verdict, the most harmful first.
    pub(super) next_actions: Vec<NextAction>,
}

/// What a verdict is about: every required check, those that a nightly run repeats, or the selected ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Scope {
    Full,
    Nightly,
    Selected,
}

/// What the report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Run,
    Rehearsal,
}

/// How a rehearsal makes the events that the Worker gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RehearsalDepth {
    Events,
    Live,
    Guided,
}

/// What ended a run early. `interrupt`: Ctrl-C. `terminate`: SIGTERM. `defect`: a check crashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Interruption {
    Interrupt,
    Terminate,
    Defect,
}

/// The program.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct Tool {
    /// `preflight`.
    pub(super) name: String,
    /// Its version.
    pub(super) version: String,
}

/// The verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    Go,
    NoGo,
    NotProven,
}

/// What changed since the last full run. A failure is named `stripe/price-mode: other-mode (tier pro)`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
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

/// How many required checks were verified.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct Coverage {
    /// Required checks that apply.
    pub(super) required: usize,
    /// Those that passed.
    pub(super) verified: usize,
}

/// How many checks have each status.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
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

/// A waiver, and what it did.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct Waiver {
    /// The check that it covers.
    pub(super) check: String,
    /// The finding that it covers. Null for the whole check.
    pub(super) finding: Option<String>,
    /// Why the problem is accepted.
    pub(super) reason: String,
    /// Who is responsible for it.
    pub(super) owner: String,
    /// The last day on which it is valid: `2027-03-01`.
    pub(super) expires: String,
    /// Its line in the configuration file, counted from 1.
    pub(super) line: usize,
    /// What it did.
    pub(super) effect: Effect,
}

/// What a waiver did. `used`: it covered something. `unused`: there was nothing to cover. `expired`: it covers nothing any more.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Effect {
    Used,
    Unused,
    Expired,
}

/// What the last rehearsal says of one of its checks.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct Rehearsed {
    /// The check.
    pub(super) check: String,
    /// What was found.
    pub(super) result: Earlier,
}

/// One request.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
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
    /// Why there was no response, or what is wrong with it. Null if nothing is.
    pub(super) trouble: Option<String>,
    /// Whether there was a connection.
    pub(super) is_connected: bool,
    /// Whether a limit of the run or of its machine is why there was no response.
    pub(super) is_ours: bool,
    /// How long the last attempt took.
    pub(super) ms: u64,
    /// The number of attempts.
    pub(super) attempts: u32,
    /// The provider's ID for the request.
    pub(super) request_id: Option<String>,
}
