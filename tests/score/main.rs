//! Runs preflight's own score with unanswerable requests and with wrong fields.

use std::process::Command;

/// Runs the score. An error is its output if anything is wrong.
fn score(arguments: &[&str]) -> Result<(), String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_preflight"));
    let ended = command.arg("sandbox").args(arguments).output().map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if ended.status.success() { Ok(()) } else { Err(text(&ended.stdout) + &text(&ended.stderr)) }
}

#[test]
fn no_check_passes_without_the_responses_it_needs() {
    score(&["healthy", "--score=unanswerable"]).unwrap_or_else(|text| panic!("{text}"));
}

#[test]
fn a_missing_or_wrong_field_is_not_a_failure_and_affects_only_its_checks() {
    score(&["--score=fields", "--sample"]).unwrap_or_else(|text| panic!("{text}"));
}

#[test]
fn a_fix_that_an_api_can_make_leads_to_go_and_touches_nothing_else() {
    score(&["--score=fixes"]).unwrap_or_else(|text| panic!("{text}"));
}
