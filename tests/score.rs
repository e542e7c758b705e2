//! What preflight is worth: every fault of the sandbox is found by the check and under the code that it must be found by,
//! and no healthy world raises an alarm.

use std::process::{Command, Stdio};

#[test]
#[expect(clippy::print_stdout, reason = "it is shown to whoever asks for it with `--nocapture`")]
fn every_fault_is_found_and_nothing_else() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_preflight"));
    command.args(["sandbox", "--score"]).env_clear().stdin(Stdio::null());
    let output = command.output().expect("the program can be started");
    let score = String::from_utf8_lossy(&output.stdout);
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{score}{complaints}");
    println!("{score}");
}
