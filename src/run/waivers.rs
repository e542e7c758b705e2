//! Waivers: known exceptions with an end date.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{CheckReport, Reported, Status, UnknownName, WaiverEffect, WaiverReport};
use crate::checks;
use crate::config::{Config, Waiver};
use crate::finding::Severity;

/// Applies every waiver, and reports what each did.
pub(super) fn apply(waivers: &[Waiver], checks: &mut [CheckReport], now: Timestamp) -> Vec<WaiverReport> {
    // A waiver is valid through its last day, in UTC.
    let today = TimeZone::UTC.to_datetime(now).date();
    let apply = |(index, waiver): (usize, &Waiver)| {
        let effect = if waiver.expires < today {
            WaiverEffect::Expired
        } else if checks
            .iter_mut()
            .filter(|check| check.id.as_str() == waiver.check)
            .any(|check| cover(check, waiver, index))
        {
            WaiverEffect::Used
        } else {
            WaiverEffect::Unused
        };
        WaiverReport { waiver: waiver.clone(), effect }
    };
    let reports = waivers.iter().enumerate().map(apply).collect();
    checks.iter_mut().for_each(settle);
    reports
}

/// Applies one waiver to a check. Returns whether there was anything to cover.
fn cover(check: &mut CheckReport, waiver: &Waiver, index: usize) -> bool {
    let names = |code: &str| waiver.finding.as_deref().is_none_or(|finding| finding == code);
    let mut covered = false;
    for reported in check.findings.iter_mut().filter(|reported| names(reported.finding.code.name())) {
        reported.waived_by = Some(index);
        covered = true;
    }
    // A note needs no waiver, but one that names it hides it.
    let is_named = |note: &&mut Reported| waiver.finding.as_deref() == Some(note.finding.code.name());
    for note in check.notes.iter_mut().filter(is_named) {
        note.waived_by = Some(index);
        covered = true;
    }
    // What could not be verified has no code, so only a waiver for the whole check covers it.
    if waiver.finding.is_none() && matches!(check.status, Status::Unknown | Status::Skipped) {
        check.status = Status::Waived;
        check.reasons.push(format!("waived by {} until {}: {}", waiver.owner, waiver.expires, waiver.reason));
        covered = true;
    }
    covered
}

/// A check is waived once every one of its failures is covered.
fn settle(check: &mut CheckReport) {
    let mut open = check.findings.iter().filter(|reported| reported.waived_by.is_none());
    let is_covered = match check.status {
        Status::Fail => !open.any(|reported| reported.finding.code.severity() == Severity::Failure),
        Status::Warn => open.next().is_none(),
        _ => false,
    };
    if is_covered {
        check.status = Status::Waived;
    }
}

/// The waivers for checks that do not exist, each with its line in the configuration file.
#[must_use]
pub fn unknown_checks(config: &Config) -> Vec<(usize, UnknownName)> {
    let checks = checks::all(config);
    let unknown = |waiver: &&Waiver| !checks.iter().any(|check| check.id.as_str() == waiver.check);
    let unknown = config.waivers.iter().filter(unknown);
    unknown.map(|waiver| (waiver.line, UnknownName::new(&checks, &waiver.check))).collect()
}
