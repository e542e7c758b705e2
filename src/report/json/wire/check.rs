//! The published shape of a check and its findings.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One check.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(in super::super) struct Check {
    /// `stripe/price-mode`; stable.
    pub(in super::super) id: String,
    /// The part before the slash.
    pub(in super::super) group: String,
    /// What is true when it passes.
    pub(in super::super) title: String,
    /// The line of the configuration file that it is about, counted from 1.
    pub(in super::super) line: usize,
    /// Its status.
    pub(in super::super) status: CheckStatus,
    /// Whether the verdict depends on it.
    pub(in super::super) required: bool,
    /// From start to end, including time spent waiting for requests it shares with other checks.
    pub(in super::super) duration_ms: u64,
    /// The checks whose findings block it.
    pub(in super::super) blocked_by: Vec<String>,
    /// Whether the flags of a partial run left it out.
    pub(in super::super) left_out: bool,
    /// Why it is unknown, skipped, na or waived.
    pub(in super::super) reason: Option<String>,
    /// The same, one by one.
    pub(in super::super) reasons: Vec<String>,
    /// What it saw when it passed, for each subject.
    pub(in super::super) seen: Vec<String>,
    /// What is wrong, the most harmful first, and then what is worth knowing.
    pub(in super::super) findings: Vec<Finding>,
    /// What the last full report says of a check that `--failed` did not ask again. Null for every other check.
    pub(in super::super) earlier: Option<Earlier>,
}

/// What an older report says of a check.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(in super::super) struct Earlier {
    /// Its status at that time.
    pub(in super::super) status: CheckStatus,
    /// When that run started: RFC 3339, UTC.
    pub(in super::super) started_at: String,
    /// What was found, or why it was not verified.
    pub(in super::super) detail: String,
}

/// The status of a check. `warn`: passed with a warning. `unknown`: could not be verified. `skipped`: blocked by another
/// check's finding, or excluded on the command line. `na`: does not apply. `waived`: covered by a waiver. `flaky`: passed, but
/// a request was retried.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in super::super) enum CheckStatus {
    Pass,
    Warn,
    Fail,
    Unknown,
    Skipped,
    #[serde(rename = "na")]
    NotApplicable,
    Waived,
    Flaky,
}

/// Something that is wrong.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(in super::super) struct Finding {
    /// `other-mode`; stable within its check.
    pub(in super::super) code: String,
    /// What it is about, such as `tier pro`. Empty for the deployment as a whole.
    pub(in super::super) subject: String,
    /// The line of the configuration file that it is about, counted from 1.
    pub(in super::super) line: usize,
    /// The waiver that covers it, as an index into `waivers`. Null if none does.
    pub(in super::super) waived_by: Option<usize>,
    /// `failure`, `warning` or `note`.
    pub(in super::super) severity: FindingSeverity,
    /// What it does if it is not fixed.
    pub(in super::super) harm: FindingHarm,
    /// What is wrong, in one sentence.
    pub(in super::super) message: String,
    /// What was expected.
    pub(in super::super) expected: String,
    /// What was seen.
    pub(in super::super) actual: String,
    /// Where it was seen.
    pub(in super::super) evidence: Vec<EvidenceItem>,
    /// How to fix it.
    pub(in super::super) fix: Fix,
}

/// How much a finding matters.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in super::super) enum FindingSeverity {
    /// Worth knowing, and often intended. Changes neither the status of its check nor the verdict.
    Note,
    /// Should be looked at. Does not change the verdict.
    Warning,
    /// A paying customer would not get what they paid for, or someone gets it without paying.
    Failure,
}

/// What a finding does if it is not fixed, worst first. `exposure`: someone gets in, or gets a secret. `money`: money is not
/// taken, or taken wrongly. `service`: a paying customer is not served. `other`: anything else.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in super::super) enum FindingHarm {
    Exposure,
    Money,
    Service,
    Other,
}

/// One observation.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(in super::super) struct EvidenceItem {
    /// The request, or the line of a file.
    pub(in super::super) request: String,
    /// The HTTP status, if there was a response.
    pub(in super::super) status: Option<u16>,
    /// The provider's ID for the request.
    pub(in super::super) request_id: Option<String>,
    /// The field.
    pub(in super::super) field: String,
    /// What it contained.
    pub(in super::super) seen: String,
}

/// How to fix a finding.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(in super::super) struct Fix {
    /// Who can do it.
    pub(in super::super) who: Who,
    /// Whether a person has to decide first which of the changes is right.
    pub(in super::super) is_choice: bool,
    /// What to do, in one sentence.
    pub(in super::super) summary: String,
    /// Lines of code, as an example: TypeScript for the Worker, or a part of a file.
    pub(in super::super) lines: Vec<String>,
    /// Commands to type, in order.
    pub(in super::super) commands: Vec<String>,
    /// Pages to open, in order.
    pub(in super::super) links: Vec<String>,
    /// The command that verifies the fix.
    pub(in super::super) verify: String,
}

/// Who can fix something. `machine`: there is a command for it. `person`: it is done on a page. `developer`: it is done in the
/// code.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in super::super) enum Who {
    Machine,
    Person,
    Developer,
}
