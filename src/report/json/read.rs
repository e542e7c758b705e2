//! Reads what [`render`](super::render) wrote, so that a saved report can be rendered again, in any format.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;

use super::SCHEMA_VERSION;
use super::wire::{self, Document, Verdict};
use crate::change::Fix;
use crate::check::{Check, CheckId};
use crate::checks;
use crate::config::Waiver;
use crate::finding::{Code, Evidence, Finding, Harm, Severity};
use crate::run::{
    CheckReport, Coverage, Decision, Earlier, Rehearsed, Report, Reported, SinceLast, Unconfigured, WaiverReport,
};
use crate::world::{LoggedRequest, Party};

/// Why a text is not a report. The parser's messages name the line and the column.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is not a report.
    #[error("this is not a report of `preflight run --format=json`: {0}")]
    Other(serde_json::Error),
    /// It is the report of a version with another shape.
    #[error("this report is from preflight {version}, and cannot be read by {}: {reason}", env!("CARGO_PKG_VERSION"))]
    Version {
        /// The version that wrote it.
        version: String,
        /// The first difference.
        reason: String,
    },
    /// A date in it is none.
    #[error("this report has an invalid date: {0}")]
    Date(#[from] jiff::Error),
}

/// What every version has.
#[derive(Deserialize)]
struct Head {
    schema_version: u32,
    tool: wire::Tool,
}

/// Reads a report, and the version of preflight that wrote it.
///
/// # Errors
/// If it is not a report, or one of a version with another shape.
pub fn read(text: &[u8]) -> Result<(Report, String), ReadError> {
    let head: Head = serde_json::from_slice(text).map_err(ReadError::Other)?;
    let version = head.tool.version;
    let other = |reason: String| ReadError::Version { version: version.clone(), reason };
    if head.schema_version != SCHEMA_VERSION {
        return Err(other(format!("its schema_version is {}, not {SCHEMA_VERSION}", head.schema_version)));
    }
    let document: Document = serde_json::from_slice(text).map_err(|error| match version.as_str() {
        env!("CARGO_PKG_VERSION") => ReadError::Other(error),
        _ => other(error.to_string()),
    })?;
    Ok((report(document)?, version))
}

fn report(document: Document) -> Result<Report, ReadError> {
    let interruption = document.interruption.map(Into::into);
    let left_out: Vec<CheckId> =
        document.checks.iter().filter(|check| check.left_out).map(|check| id(&check.id)).collect();
    let decision = match document.verdict {
        Verdict::Go => Decision::Go,
        Verdict::NoGo => Decision::NoGo,
        Verdict::NotProven if left_out.len() == document.checks.len() => Decision::NothingRan,
        Verdict::NotProven => Decision::NotProven,
    };
    Ok(Report {
        rehearsal: document.depth.map(Into::into),
        project: document.project,
        mode: document.mode,
        configuration: document.configuration,
        file: document.configuration_file.into(),
        started_at: document.started_at.parse()?,
        duration: Duration::from_millis(document.duration_ms),
        decision,
        coverage: Coverage { required: document.coverage.required, verified: document.coverage.verified },
        flags: document.flags,
        checks: document.checks.into_iter().map(check).collect::<Result<_, _>>()?,
        left_out,
        scope: document.scope.into(),
        waivers: document.waivers.into_iter().map(waiver).collect::<Result<_, _>>()?,
        changed: document.changed,
        rehearsed: document.rehearsed.into_iter().map(rehearsed).collect::<Result<_, _>>()?,
        since_last: document.since_last.map(since_last),
        is_known: document.exit_code == 0 && document.verdict == Verdict::NoGo,
        is_undelivered: document.exit_code == 70 && interruption.is_none(),
        interruption,
        not_run: document.not_run,
        left_open: document.left_open,
        needs_clean_up: document.exit_code == 3,
        not_configured: document.not_configured.iter().filter_map(|table| Unconfigured::of_table(table)).collect(),
        requests: document.requests.into_iter().map(request).collect(),
    })
}

fn id(id: &str) -> CheckId {
    let (group, name) = id.split_once('/').unwrap_or(("", id));
    CheckId::made(group, name)
}

fn check(check: wire::Check) -> Result<CheckReport, ReadError> {
    let known = known(&check.id);
    let (notes, findings) = check.findings.into_iter().map(|found| reported(found, known.as_ref())).partition(is_note);
    Ok(CheckReport {
        id: id(&check.id),
        title: check.title,
        line: check.line,
        required: check.required,
        status: check.status.into(),
        duration: Duration::from_millis(check.duration_ms),
        blocked_by: check.blocked_by.iter().map(|blocker| id(blocker)).collect(),
        reasons: check.reasons,
        seen: check.seen,
        findings,
        notes,
        asked: BTreeSet::new(),
        earlier: check.earlier.map(earlier).transpose()?,
    })
}

fn is_note(reported: &Reported) -> bool {
    reported.finding.code.severity() == Severity::Note
}

/// The check with this ID in this version.
fn known(id: &str) -> Option<Check> {
    checks::built_in().find(|check| check.is_called(id)).cloned().or_else(|| {
        let mut kinds = checks::documented().into_iter();
        kinds.find(|check| check.is_called(id))
    })
}

fn reported(found: wire::Finding, check: Option<&Check>) -> Reported {
    let code = check.and_then(|check| check.code(&found.code));
    let (severity, harm): (Severity, Harm) = (found.severity.into(), found.harm.into());
    // Another version may have other codes. Such a name is kept for the rest of the program, which ends with the report.
    let code = code.unwrap_or_else(|| Code::declared(Box::leak(found.code.into_boxed_str()), severity, ""));
    let mut fix = Fix::new(found.fix.summary);
    if !found.fix.lines.is_empty() {
        fix = fix.code(found.fix.lines.join("\n"));
    }
    fix = found.fix.commands.into_iter().fold(fix, Fix::command);
    fix = found.fix.links.into_iter().fold(fix, Fix::link);
    Reported {
        subject: found.subject,
        line: found.line,
        finding: Finding {
            code: code.graded(severity, harm),
            message: found.message,
            expected: found.expected,
            actual: found.actual,
            evidence: found.evidence.into_iter().map(evidence).collect(),
            fix: Fix { is_choice: found.fix.is_choice, saved_actor: Some(found.fix.who.into()), ..fix },
        },
        waived_by: found.waived_by,
        verify: found.fix.verify,
    }
}

fn evidence(evidence: wire::EvidenceItem) -> Evidence {
    let wire::EvidenceItem { request, status, request_id, field, seen } = evidence;
    Evidence { request, status, request_id, field, seen }
}

fn earlier(earlier: wire::Earlier) -> Result<Earlier, ReadError> {
    Ok(Earlier { status: earlier.status.into(), at: earlier.started_at.parse()?, detail: earlier.detail })
}

fn rehearsed(rehearsed: wire::Rehearsed) -> Result<Rehearsed, ReadError> {
    Ok(Rehearsed { id: rehearsed.check, result: earlier(rehearsed.result)? })
}

fn waiver(waiver: wire::Waiver) -> Result<WaiverReport, ReadError> {
    let wire::Waiver { check, finding, reason, owner, expires, line, effect } = waiver;
    let waiver = Waiver { check, finding, reason, owner, expires: expires.parse()?, line };
    Ok(WaiverReport { waiver, effect: effect.into() })
}

fn since_last(since: wire::SinceLast) -> SinceLast {
    let wire::SinceLast { started_at, new, fixed, same, unverified } = since;
    SinceLast { started_at, new, fixed, same, unverified }
}

fn request(request: wire::Request) -> LoggedRequest {
    let party = Party::ALL.into_iter().find(|party| party.word() == request.provider).unwrap_or(Party::Elsewhere);
    LoggedRequest {
        provider: party.word(),
        name: party.name(),
        method: request.method,
        path: request.path,
        status: request.status,
        trouble: request.trouble,
        is_connected: request.is_connected,
        is_ours: request.is_ours,
        duration: Duration::from_millis(request.ms),
        attempts: request.attempts,
        request_id: request.request_id,
    }
}
