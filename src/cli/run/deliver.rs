//! A report goes where it is wanted: to files, to standard output, and into the exit status.

use preflight::report::file::{self, Error};
use preflight::report::paragraph::wrap;
use preflight::report::{Style, json, markdown, table};
use preflight::run::{Decision, Report, Status, WaiverEffect};

use crate::cli::exit;
use crate::cli::terminal::{note, print};
use crate::cli::values::{Format, Target};

/// Writes the reports, prints the result, and answers with the exit status.
///
/// That a report could not be written is said, and does not hide what was found: only a GO turns into the status of a
/// program that failed, since a report that is older than the run would pass for its own.
pub fn deliver(report: &Report, targets: &[Target], format: Format, style: Style) -> u8 {
    // The files come first: a pager may keep standard output waiting for as long as it likes.
    let written: Vec<Result<&Target, Error>> = targets.iter().map(|target| write(report, target)).collect();
    let printed = print(&rendered(report, format, style));
    for written in &written {
        match written {
            Ok(target) if !style.quiet => note(&format!("report: {}", target.path.display())),
            Ok(_) => {}
            Err(error) => advise(&format!("error: {error}"), style),
        }
    }
    if let Err(failure) = &printed {
        advise(&format!("error: {failure}"), style);
    }
    if written.iter().any(Result::is_err) {
        advise("Reports are written elsewhere with --report-dir DIR, and not at all with --no-report.", style);
    }
    let is_delivered = printed.is_ok() && written.iter().all(Result::is_ok);
    if report.exit_code() == exit::GO && !is_delivered {
        advise("The verdict is GO, but there is no record of it; so the exit status is 70.", style);
        return exit::DEFECT;
    }
    report.exit_code()
}

/// Says something beside the result, in lines that fit.
fn advise(text: &str, style: Style) {
    note(wrap(text, "", "", style.width).trim_end());
}

/// Lets warnings count as failures: those of checks, and waivers that cover nothing.
pub fn count_warnings(report: &mut Report) {
    let stale = report.waivers.iter().any(|waiver| waiver.effect != WaiverEffect::Used);
    let has_warnings = stale || report.count(Status::Warn) > 0;
    if has_warnings && report.decision != Decision::NothingRan {
        report.decision = Decision::NoGo;
    }
}

fn write<'t>(report: &Report, target: &'t Target) -> Result<&'t Target, Error> {
    // A table in a file is for no terminal in particular.
    let style = Style { width: 100, ..Style::plain() };
    file::write(&target.path, &rendered(report, target.format, style)).map(|()| target)
}

fn rendered(report: &Report, format: Format, style: Style) -> String {
    match format {
        Format::Table => table::render(report, style),
        Format::Json => json::render(report),
        Format::Markdown => markdown::render(report),
    }
}
