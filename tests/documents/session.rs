//! The picture of a whole session: from a project without a configuration to a GO.

use std::io::{Read, pipe};
use std::path::Path;
use std::process::Command;

use regex::Regex;

use super::{assert_file, layout};

/// The project of the guide, deployed with two mistakes that an API can correct.
const SANDBOX: &str = "--sandbox=healthy-layout-guide,metadata-case,endpoint-slash";
/// Columns of the terminal.
const WIDTH: &str = "96";

#[test]
fn the_session_leads_from_a_project_to_a_go() {
    let folder = tempfile::tempdir().unwrap();
    layout::unpack("guide", folder.path());
    let commands: [&[&str]; 3] = [
        &["init"],
        &["run", "-c", "preflight.toml", "--env-file", ".dev.vars", "--quiet"],
        &["fix", "-c", "preflight.toml", "--env-file", ".dev.vars", "--yes"],
    ];
    let shown: Vec<String> = commands.into_iter().map(|arguments| typed(folder.path(), arguments)).collect();
    let session = shown.join("\n");
    assert!(session.contains("NO-GO") && session.contains("FIXED") && session.contains("Nothing to do."), "{session}");
    assert_file("reports/sample/session.svg", &anstyle_svg::Term::new().render_svg(&session));
}

/// A command at its prompt, and what it printed in color, without what differs between runs.
fn typed(folder: &Path, arguments: &[&str]) -> String {
    let (mut reader, writer) = pipe().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_preflight"));
    command.args(arguments).args([SANDBOX, "--color=always"]).current_dir(folder);
    command.env_clear().env("COLUMNS", WIDTH).stdout(writer.try_clone().unwrap()).stderr(writer);
    let mut child = command.spawn().unwrap();
    // It holds the ends of the pipe for writing.
    drop(command);
    let mut printed = String::new();
    reader.read_to_string(&mut printed).unwrap();
    child.wait().unwrap();
    let changing = Regex::new(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, [^\x1b\n]+").unwrap();
    let printed = changing.replace_all(&printed, "2026-11-20 09:00:00 UTC, 412 ms");
    format!("\u{1b}[1m$ preflight {} \\\n    {SANDBOX}\u{1b}[0m\n{printed}", arguments.join(" "))
}
