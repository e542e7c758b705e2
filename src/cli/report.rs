//! `preflight report`: a saved JSON report in another format, or what changed since another one.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};

use clap::Args;
use preflight::report::history::PastRun;
use preflight::report::saved::SavedReport;
use preflight::report::text::shown;
use preflight::report::{Style, comparison, github, html, json, junit, matrix, outline, sarif};
use preflight::run::{Decision, Report};

use super::exit::{self, CliError};
use super::run::deliver::rendered;
use super::terminal::{Terminal, print};
use super::values::Format;

/// Show a saved JSON report in another format, several with the worst first, or what changed since an older one.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Reports that `preflight run` wrote, such as reports/preflight.json
    #[arg(value_name = "FILE", required = true, num_args = 1..)]
    files: Vec<PathBuf>,
    /// Compare with this older report. As a table, only what changed is shown
    #[arg(long, value_name = "OLD")]
    diff: Option<PathBuf>,
    /// Exit with the verdict's status, the worst of several
    #[arg(long)]
    check: bool,
    /// Output format: table, json, markdown, junit, sarif, html or github
    #[arg(long, value_enum, default_value = "table", hide_possible_values = true)]
    format: Format,
    /// Print only the verdict and a line for each failure and each required check that is not verified
    #[arg(short, long, conflicts_with = "verbose")]
    quiet: bool,
    /// Also print every check and request, and the evidence of each finding
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,
}

/// Prints the reports.
pub fn execute(args: &ReportArgs, terminal: Terminal) -> Result<u8, CliError> {
    let mut reports = args.files.iter().map(|path| read(path)).collect::<Result<Vec<Report>, _>>()?;
    worst_first(&mut reports);
    let mut older = None;
    if let Some(old) = &args.diff {
        let [report] = reports.as_mut_slice() else {
            return Err(CliError::Usage("--diff compares one report with an older one".to_owned()));
        };
        let old = read(old)?;
        if (&old.project, old.mode) != (&report.project, report.mode) {
            let name = |report: &Report| format!("{}, {} mode", shown(&report.project), report.mode.word());
            return Err(CliError::Usage(format!(
                "--diff: the older report is about {}, and this one about {}",
                name(&old),
                name(report)
            )));
        }
        report.since_last = Some(PastRun::of(&old, None).until(report));
        older = Some(old);
    }
    let style = Style { color: terminal.stdout_color, width: terminal.width, verbose: args.verbose, quiet: args.quiet };
    print(&match (reports.as_slice(), older.as_ref(), args.format) {
        ([report], Some(old), Format::Table) if let Some(since) = &report.since_last => {
            comparison::render(report, old, since, style)
        }
        (reports, _, format) => combined(reports, format, style),
    })?;
    Ok(if args.check { left_behind(&reports).unwrap_or_else(|| worst_status(&reports)) } else { exit::GO })
}

/// The exit status if something was left behind, which matters more than any verdict.
pub fn left_behind(reports: &[Report]) -> Option<u8> {
    reports.iter().any(|report| report.needs_clean_up).then_some(exit::LEFT_BEHIND)
}

/// The exit status of the worst of these reports, which is the first. If all of them are GO, one of which there is no record counts.
pub fn worst_status(reports: &[Report]) -> u8 {
    match reports.first().map_or(exit::NOTHING_RAN, Report::exit_code) {
        exit::GO => reports.iter().map(Report::exit_code).max().unwrap_or(exit::GO),
        status => status,
    }
}

fn read(path: &Path) -> Result<Report, CliError> {
    let saved = SavedReport::read(path);
    saved.map(|saved| saved.report).map_err(|error| CliError::Usage(format!("{}: {error}", path.display())))
}

/// Sorts reports: what failed, then what could not be run or is not proven, and the most failures first.
pub fn worst_first(reports: &mut [Report]) {
    reports.sort_by_key(|report| (badness(report), Reverse(outline::failures(report).len()), report.project.clone()));
}

const fn badness(report: &Report) -> u8 {
    match report.decision {
        Decision::NoGo => 0,
        Decision::NothingRan => 1,
        Decision::NotProven => 2,
        Decision::Go => 3,
    }
}

/// Reports in a format, with a matrix if there are several.
pub fn combined(reports: &[Report], format: Format, style: Style) -> String {
    match (reports, format) {
        ([report], format) => rendered(report, format, style),
        (reports, Format::Json) => {
            let documents: Vec<String> =
                reports.iter().map(|report| json::render(report).trim_end().to_owned()).collect();
            format!("[\n{}\n]\n", documents.join(",\n"))
        }
        (reports, Format::Junit) => junit::render_all(reports),
        (reports, Format::Sarif) => sarif::render_all(reports),
        (reports, Format::Html) => html::render_all(reports),
        (reports, Format::Github) => github::render_all(reports),
        (reports, Format::Table | Format::Markdown) => {
            let is_markdown = format == Format::Markdown;
            let matrix = if is_markdown { matrix::render_markdown(reports) } else { matrix::render(reports, style) };
            // On a terminal, the matrix says enough of the deployments that are ready.
            let has_details = |report: &&Report| is_markdown || style.verbose > 0 || report.decision != Decision::Go;
            let each = reports.iter().filter(has_details);
            let each = each.map(|report| format!("\n{}", rendered(report, format, style)));
            [matrix].into_iter().chain(each).collect()
        }
    }
}
