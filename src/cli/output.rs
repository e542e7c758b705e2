//! Where a report goes, and how much of it is shown: flags that commands share.

use std::path::PathBuf;

use clap::Args;
use preflight::report::Style;
use preflight::world::Depth;

use super::terminal::Terminal;
use super::values::{Format, ReportTarget};

/// Where a report goes, and how much of it is shown.
#[derive(Debug, Args)]
pub struct OutputArgs {
    /// Output format: table, json, markdown, junit, sarif, html or github
    #[arg(long, value_enum, default_value = "table", hide_possible_values = true, help_heading = "Reports")]
    pub format: Format,
    /// Write an additional report (repeatable), such as `junit=junit.xml`
    #[arg(long, value_name = "FORMAT=PATH", help_heading = "Reports")]
    report: Vec<ReportTarget>,
    /// Directory for preflight.md and preflight.json
    #[arg(long, value_name = "DIR", default_value = "reports", help_heading = "Reports")]
    pub report_dir: PathBuf,
    /// Do not write preflight.md and preflight.json
    #[arg(long, help_heading = "Reports")]
    pub no_report: bool,
    /// Print only the verdict and a line for each failure and each required check that is not verified
    #[arg(short, long, conflicts_with = "verbose", help_heading = "Reports")]
    quiet: bool,
    /// Also print every check and request, and the evidence of each finding
    #[arg(short, long, action = clap::ArgAction::Count, help_heading = "Reports")]
    verbose: u8,
}

impl OutputArgs {
    /// Every report to write: the usual ones, unless `--no-report` is set, and those that were asked for.
    pub fn targets(&self, usual: &[(Format, &str)]) -> Vec<ReportTarget> {
        let usual = usual.iter().filter(|_| !self.no_report);
        let usual = usual.map(|(format, name)| ReportTarget { format: *format, path: self.report_dir.join(name) });
        usual.chain(self.report.iter().cloned()).collect()
    }

    /// How a report looks on this terminal.
    pub const fn style(&self, terminal: Terminal) -> Style {
        Style { color: terminal.stdout_color, width: terminal.width, verbose: self.verbose, quiet: self.quiet }
    }
}

/// The reports of a rehearsal, so that one depth does not hide another's.
pub const fn report_names(depth: Depth) -> [&'static str; 2] {
    match depth {
        Depth::Events => ["rehearsal.md", "rehearsal.json"],
        Depth::Live => ["rehearsal-live.md", "rehearsal-live.json"],
        Depth::Guided => ["rehearsal-guided.md", "rehearsal-guided.json"],
    }
}
