//! The JSON report, in the shape that `preflight schema report` publishes.

mod read;
mod wire;

use std::time::Duration;

use wire::{
    Check, CheckStatus, Coverage, Document, Effect, EvidenceItem, Finding, FindingHarm, FindingSeverity, Fix, Kind,
    RehearsalDepth, Request, Summary, Tool, Verdict, Who,
};

use super::outline;
use super::text::{clean, disarm_json};
use crate::change::Actor;
use crate::finding::{Evidence, Harm, Severity};
use crate::run::{
    self, CheckReport, Decision, Interruption, Rehearsed, Report, Reported, Scope, Status, WaiverEffect, WaiverReport,
};
use crate::world::{Depth, LoggedRequest};

pub use read::{ReadError, read};

/// The version of the shape. It changes when a field is removed or changes its meaning, not when one is added.
const SCHEMA_VERSION: u32 = 1;

/// The whole report as one JSON document and a line end.
#[must_use]
pub fn render(report: &Report) -> String {
    // Serializing strings and numbers cannot fail, and every reader would notice an empty document.
    let mut document = serde_json::to_string_pretty(&Document::from(report)).unwrap_or_default();
    document.push('\n');
    disarm_json(&document)
}

/// The JSON Schema of what [`render`] writes.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Document)
}

impl From<&Report> for Document {
    fn from(report: &Report) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            tool: Tool { name: env!("CARGO_PKG_NAME").to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() },
            project: clean(&report.project),
            mode: report.mode,
            kind: if report.rehearsal.is_some() { Kind::Rehearsal } else { Kind::Run },
            depth: report.rehearsal.map(RehearsalDepth::from),
            configuration: report.configuration.clone(),
            configuration_file: clean(&report.file.to_string_lossy()),
            flags: clean(&report.flags),
            started_at: report.started_at.to_string(),
            duration_ms: milliseconds(report.duration),
            verdict: match report.decision {
                Decision::Go => Verdict::Go,
                Decision::NoGo => Verdict::NoGo,
                Decision::NotProven | Decision::NothingRan => Verdict::NotProven,
            },
            exit_code: report.exit_code(),
            scope: report.scope.into(),
            interruption: report.interruption.map(wire::Interruption::from),
            changed: report.changed.as_deref().map(clean),
            coverage: Coverage { required: report.coverage.required, verified: report.coverage.verified },
            summary: Summary {
                pass: report.count(Status::Pass),
                warn: report.count(Status::Warn),
                fail: report.count(Status::Fail),
                unknown: report.count(Status::Unknown),
                skipped: report.count(Status::Skipped),
                na: report.count(Status::NotApplicable),
                waived: report.count(Status::Waived),
                flaky: report.count(Status::Flaky),
            },
            checks: report.checks.iter().map(|check| Check::of(check, report)).collect(),
            waivers: report.waivers.iter().map(wire::Waiver::from).collect(),
            rehearsed: report.rehearsed.iter().map(wire::Rehearsed::from).collect(),
            requests: report.requests.iter().map(Request::from).collect(),
            not_run: report.not_run.as_deref().map(clean),
            left_open: report.left_open.as_deref().map(clean),
            not_configured: report
                .not_configured
                .iter()
                .map(|part| part.table.trim_matches(['[', ']']).to_owned())
                .collect(),
            since_last: report.since_last.as_ref().map(wire::SinceLast::from),
            next_action: clean(&report.next_action()),
            next_actions: report.next_actions().iter().map(wire::NextAction::from).collect(),
        }
    }
}

impl From<&run::SinceLast> for wire::SinceLast {
    fn from(since: &run::SinceLast) -> Self {
        let cleaned = |names: &[String]| names.iter().map(|name| clean(name)).collect();
        Self {
            started_at: clean(&since.started_at),
            new: cleaned(&since.new),
            fixed: cleaned(&since.fixed),
            same: cleaned(&since.same),
            unverified: cleaned(&since.unverified),
        }
    }
}

impl From<&run::NextAction<'_>> for wire::NextAction {
    fn from(action: &run::NextAction<'_>) -> Self {
        let run::NextAction { found, who, commands, links } = action;
        let cleaned = |texts: &[String]| texts.iter().map(|text| clean(text)).collect();
        Self {
            check: clean(found.check.id.as_str()),
            code: found.reported.finding.code.name().to_owned(),
            subject: clean(&found.reported.subject),
            who: (*who).into(),
            summary: clean(&found.reported.finding.fix.summary),
            lines: found.reported.finding.fix.code_lines().iter().map(|line| clean(line)).collect(),
            commands: cleaned(commands),
            links: cleaned(links),
            verify: clean(&found.reported.verify),
        }
    }
}

impl From<&WaiverReport> for wire::Waiver {
    fn from(WaiverReport { waiver, effect }: &WaiverReport) -> Self {
        Self {
            check: clean(&waiver.check),
            finding: waiver.finding.as_deref().map(clean),
            reason: clean(&waiver.reason),
            owner: clean(&waiver.owner),
            expires: waiver.expires.to_string(),
            line: waiver.line,
            effect: (*effect).into(),
        }
    }
}

impl From<&Rehearsed> for wire::Rehearsed {
    fn from(rehearsed: &Rehearsed) -> Self {
        Self { check: clean(&rehearsed.id), result: (&rehearsed.result).into() }
    }
}

impl Check {
    fn of(check: &CheckReport, report: &Report) -> Self {
        let cleaned = |texts: &[String]| texts.iter().map(|text| clean(text)).collect();
        Self {
            id: clean(check.id.as_str()),
            group: clean(check.id.group()),
            title: clean(&check.title),
            line: check.line,
            status: check.status.into(),
            required: check.required,
            duration_ms: milliseconds(check.duration),
            blocked_by: check.blocked_by.iter().map(|id| clean(id.as_str())).collect(),
            left_out: report.left_out.contains(&check.id),
            reasons: cleaned(&check.reasons),
            seen: cleaned(&check.seen),
            reason: Some(clean(&outline::why(check))).filter(|reason| !reason.is_empty()),
            findings: check.reported().map(Finding::from).collect(),
            earlier: check.earlier.as_ref().map(wire::Earlier::from),
        }
    }
}

impl From<&run::Earlier> for wire::Earlier {
    fn from(earlier: &run::Earlier) -> Self {
        Self { status: earlier.status.into(), started_at: earlier.at.to_string(), detail: clean(&earlier.detail) }
    }
}

/// Two types with the same words: the one of the code, and the published one.
macro_rules! same_words {
    ($($ours:ident = $published:path: $($word:ident)+;)+) => {$(
        impl From<$ours> for $published {
            fn from(word: $ours) -> Self {
                match word { $($ours::$word => Self::$word),+ }
            }
        }

        impl From<$published> for $ours {
            fn from(word: $published) -> Self {
                type Published = $published;
                match word { $(Published::$word => Self::$word),+ }
            }
        }
    )+};
}

same_words! {
    Actor = Who: Machine Person Developer;
    Depth = RehearsalDepth: Events Live Guided;
    Harm = FindingHarm: Exposure Money Service Other;
    Interruption = wire::Interruption: Interrupt Terminate Defect;
    Scope = wire::Scope: Full Nightly Selected;
    Severity = FindingSeverity: Note Warning Failure;
    Status = CheckStatus: Pass Warn Fail Unknown Skipped NotApplicable Waived Flaky;
    WaiverEffect = Effect: Used Unused Expired;
}

impl From<&Reported> for Finding {
    fn from(reported: &Reported) -> Self {
        let finding = &reported.finding;
        Self {
            code: finding.code.name().to_owned(),
            subject: clean(&reported.subject),
            line: reported.line,
            waived_by: reported.waived_by,
            severity: finding.code.severity().into(),
            harm: finding.code.harm().into(),
            message: clean(&finding.message),
            expected: clean(&finding.expected),
            actual: clean(&finding.actual),
            evidence: finding.evidence.iter().map(EvidenceItem::from).collect(),
            fix: Fix {
                who: finding.fix.actor().into(),
                is_choice: finding.fix.is_choice,
                summary: clean(&finding.fix.summary),
                lines: finding.fix.code_lines().iter().map(|line| clean(line)).collect(),
                commands: finding.fix.commands().iter().map(|command| clean(command)).collect(),
                links: finding.fix.links().iter().map(|link| clean(link)).collect(),
                verify: clean(&reported.verify),
            },
        }
    }
}

impl From<&Evidence> for EvidenceItem {
    fn from(evidence: &Evidence) -> Self {
        Self {
            request: clean(&evidence.request),
            status: evidence.status,
            request_id: evidence.request_id.as_deref().map(clean),
            field: clean(&evidence.field),
            seen: clean(&evidence.seen),
        }
    }
}

impl From<&LoggedRequest> for Request {
    fn from(request: &LoggedRequest) -> Self {
        Self {
            provider: request.provider.to_owned(),
            method: clean(&request.method),
            path: clean(&request.path),
            status: request.status,
            trouble: request.trouble.as_deref().map(clean),
            is_connected: request.is_connected,
            is_ours: request.is_ours,
            ms: milliseconds(request.duration),
            attempts: request.attempts,
            request_id: request.request_id.as_deref().map(clean),
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
