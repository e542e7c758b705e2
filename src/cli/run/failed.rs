//! `preflight run --failed`: asks again what did not pass in the last full report.

use std::io;
use std::path::Path;

use preflight::config::Config;
use preflight::report::saved::{SavedError, SavedReport};
use preflight::run::{Selection, Status};

use super::since::did_not_pass;
use crate::cli::exit::CliError;

/// Of a selection, what did not pass in the last full report at `path`, and that report. With `--fail-on=warn`, a warning does
/// not pass.
///
/// # Errors
/// If there is no report of this configuration.
pub fn narrowed(
    selection: Selection,
    path: &Path,
    config: &Config,
    fails_on_warning: bool,
) -> Result<(Selection, SavedReport), CliError> {
    let flags = selection.flags();
    let unusable = |why: String| {
        let path = path.display();
        CliError::Usage(format!("--failed: {path} {why}\nTo check everything first, run: preflight run{flags}"))
    };
    let last = SavedReport::read(path).map_err(|error| {
        unusable(match error {
            SavedError::File(error) if error.kind() == io::ErrorKind::NotFound => "does not exist".to_owned(),
            other => format!("cannot be used: {other}"),
        })
    })?;
    if last.version() != env!("CARGO_PKG_VERSION") {
        return Err(unusable(format!("is from another version of preflight, {}", last.version())));
    }
    if !last.is_of(&config.fingerprint(flags)) {
        let why = "is from another configuration: the file, the mode, or a flag such as --env-file is different";
        return Err(unusable(why.to_owned()));
    }
    let counts = |status| did_not_pass(status) || fails_on_warning && status == Status::Warn;
    let failed: Vec<String> = last.with(counts).map(str::to_owned).collect();
    Ok((selection.among(failed), last))
}
