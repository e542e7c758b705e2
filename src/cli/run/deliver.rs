//! Delivers a report: to files, to standard output, and as the exit status.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use preflight::report::file::{self, WriteError};
use preflight::report::history::PastRun;
use preflight::report::paragraph::wrap;
use preflight::report::{Style, github, history, html, json, junit, markdown, sarif, table};
use preflight::run::{Decision, Report, Status, WaiverEffect};

use crate::cli::exit;
use crate::cli::terminal::{note, print};
use crate::cli::values::{Format, ReportTarget};

/// A table in a file is for no particular terminal, and it is there to be searched, so it has everything.
pub const IN_A_FILE: Style = Style { width: 100, verbose: 1, ..Style::plain() };

/// Writes the reports, prints the result, and returns the exit status.
///
/// If a report cannot be written, a GO becomes exit status 70, because an older report could be mistaken for this run's. Every
/// other verdict keeps its status.
pub fn deliver(report: &mut Report, targets: &[ReportTarget], format: Format, style: Style) -> u8 {
    // Files first: a pager may block standard output for as long as it likes.
    let written: Vec<Result<&ReportTarget, WriteError>> = targets.iter().map(|target| write(report, target)).collect();
    if written.iter().any(Result::is_err) {
        undelivered(report, targets);
    }
    add_to_step_summary(targets, format, || markdown::render(report), style);
    let printed = print(&rendered(report, format, style));
    for written in &written {
        match written {
            Ok(target) if !style.quiet => note(&format!("report: {}", target.path.display())),
            Ok(_) => {}
            Err(error) => advise(&format!("error: {error}"), style),
        }
    }
    if let Err(failure) = &printed {
        undelivered(report, targets);
        advise(&format!("error: {failure}"), style);
    }
    if written.iter().any(Result::is_err) {
        advise(
            "To write the reports to another directory, use --report-dir DIR. To skip them, use --no-report.",
            style,
        );
    }
    if report.is_known {
        advise("Nothing fails that did not fail in the last run, so the exit status is 0 (--fail-on=new).", style);
    }
    if report.exit_code() == exit::DEFECT && report.is_undelivered {
        advise("The verdict is GO, but there is no record of it, so the exit status is 70.", style);
    }
    report.exit_code()
}

/// Writes the usual reports of one of several deployments into its folder. One that cannot be written counts as in [`deliver`].
pub fn write_usual(report: &mut Report, folder: &Path) {
    let usual = [(Format::Markdown, "preflight.md"), (Format::Json, "preflight.json")];
    let targets = usual.map(|(format, name)| ReportTarget { format, path: folder.join(name) });
    for target in &targets {
        if let Err(error) = write(report, target) {
            note(&format!("error: {error}"));
            undelivered(report, &targets);
            return;
        }
    }
}

/// Notes that there is no record of a run, also in the reports that could be written: their exit status is the program's.
fn undelivered(report: &mut Report, targets: &[ReportTarget]) {
    let before = report.exit_code();
    report.is_undelivered = true;
    if report.exit_code() != before {
        for target in targets {
            // Whether it can be written was reported the first time.
            let _ = write(report, target);
        }
    }
}

/// If a format is `github`, adds the markdown report to the page of the step, as long as GitHub Actions is what runs it. A page
/// that cannot be written changes no verdict.
pub fn add_to_step_summary(targets: &[ReportTarget], format: Format, markdown: impl FnOnce() -> String, style: Style) {
    let is_for_github = targets.iter().map(|target| target.format).chain([format]).any(|it| it == Format::Github);
    let page = env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty());
    let Some(path) = page.filter(|_| is_for_github) else { return };
    // Another command of the step may have written to it.
    let used = fs::metadata(&path).map_or(0, |file| usize::try_from(file.len()).unwrap_or(usize::MAX));
    let page = github::summary(markdown(), github::SUMMARY.saturating_sub(used));
    let added = OpenOptions::new().create(true).append(true).open(&path);
    if let Err(error) = added.and_then(|mut file| file.write_all(page.as_bytes())) {
        advise(&format!("warning: could not write the step summary {}: {error}", Path::new(&path).display()), style);
    }
}

/// Compares a run with the last one, and adds it to the history with the version of the Worker that served. Returns the last one.
/// A history that cannot be kept changes no verdict.
pub fn remember(report: &mut Report, path: &Path, worker_version: Option<&str>, style: Style) -> Option<PastRun> {
    let last = history::last(path, &report.project, report.mode);
    report.since_last = last.as_ref().ok().and_then(Option::as_ref).map(|last| last.until(report));
    let kept = last.and_then(|last| history::append(path, report, worker_version).map(|()| last));
    kept.unwrap_or_else(|error| {
        advise(&format!("warning: could not keep the history {}: {error}", path.display()), style);
        None
    })
}

/// Prints a wrapped note to standard error.
fn advise(text: &str, style: Style) {
    note(wrap(text, "", "", style.width).trim_end());
}

/// `--fail-on=warn`: the verdict is NO-GO if any check has a warning or any waiver covers nothing.
pub fn count_warnings(report: &mut Report) {
    let stale = report.waivers.iter().any(|waiver| waiver.effect != WaiverEffect::Used);
    let has_warnings = stale || report.count(Status::Warn) > 0;
    if has_warnings && report.decision != Decision::NothingRan {
        report.decision = Decision::NoGo;
    }
}

fn write<'t>(report: &Report, target: &'t ReportTarget) -> Result<&'t ReportTarget, WriteError> {
    file::write(&target.path, &rendered(report, target.format, IN_A_FILE)).map(|()| target)
}

/// A report in a format.
pub fn rendered(report: &Report, format: Format, style: Style) -> String {
    match format {
        Format::Table => table::render(report, style),
        Format::Json => json::render(report),
        Format::Markdown => markdown::render(report),
        Format::Junit => junit::render(report),
        Format::Sarif => sarif::render(report),
        Format::Html => html::render(report),
        Format::Github => github::render(report),
    }
}
