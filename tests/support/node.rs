//! The Node.js side of the tests: installs the dependencies of `tests/worker`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The oldest Node.js that the Worker's runtime starts on.
const OLDEST: (u32, u32) = (20, 9);

const WANTED: &str =
    "these tests need Node.js 20.9 or newer, with `node` and `npm` on the PATH: see https://nodejs.org";

/// The Worker's folder, after `npm ci` for the current lock file.
///
/// # Errors
/// What is missing on this machine.
pub fn installed() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/worker");
    is_new_enough()?;
    // Two test programs may run at once, and `npm ci` starts by deleting everything.
    let lock = File::create(Path::new(env!("CARGO_TARGET_TMPDIR")).join("npm.lock"))
        .and_then(|file| file.lock().map(|()| file))
        .map_err(|error| format!("could not lock the folder for temporary files: {error}"))?;
    if !is_up_to_date(&folder) {
        npm_ci(&folder)?;
    }
    drop(lock);
    Ok(folder)
}

fn is_new_enough() -> Result<(), String> {
    let asked = Command::new("node").arg("--version").stderr(Stdio::null()).output();
    let text = asked.map_err(|_| WANTED.to_owned())?.stdout;
    let version = String::from_utf8_lossy(&text).trim().trim_start_matches('v').to_owned();
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    if (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) < OLDEST {
        return Err(format!("{WANTED} (`node --version` says {version})"));
    }
    Ok(())
}

/// npm writes this file last.
fn is_up_to_date(folder: &Path) -> bool {
    let written = |path: &str| fs::metadata(folder.join(path)).and_then(|file| file.modified()).ok();
    written("node_modules/.package-lock.json") >= written("package-lock.json")
}

fn npm_ci(folder: &Path) -> Result<(), String> {
    let ran = Command::new("npm").arg("ci").current_dir(folder).stdin(Stdio::null()).output();
    let output = ran.map_err(|_| WANTED.to_owned())?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("`npm ci` failed in tests/worker:\n{stderr}"))
}
