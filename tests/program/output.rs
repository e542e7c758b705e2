//! What is printed where: results, color, width and JSON.

use std::process::Stdio;

use serde_json::Value;

use crate::program::{Folder, ProgramOutput, ended, preflight};

/// Every command that only prints, and runs of every kind.
const COMMANDS: &[&[&str]] = &[
    &["--help"],
    &["run", "--help"],
    &["list"],
    &["explain", "stripe"],
    &["explain", "webhook"],
    &["explain", "clerk"],
    &["explain", "worker"],
    &["explain", "webhook/reachable:", "redirect"],
    &["sandbox", "--list"],
    &["schema", "config"],
    &["schema", "report"],
    &["completions", "bash"],
    &["man"],
    &["run", "--sandbox"],
    &["run", "--sandbox", "-vv"],
    &["run", "--sandbox=jwt-template-missing,metadata-missing,worker-secret-wrong", "-v"],
    &["run", "--sandbox=endpoint-old-host", "-q"],
    &["run", "--sandbox=stripe-html", "--format=markdown"],
    &["run", "--sandbox=price-test-mode", "--format=json"],
    &["trace", "--help"],
    &["trace", "ada@example.com", "--sandbox"],
    &["trace", "ada@example.com", "--sandbox=paid-but-free,endpoint-none"],
    &["trace", "ada@example.com", "--sandbox=jwt-claim-key", "--format=json"],
    &["trace", "alan@example.com", "--sandbox"],
    // Errors.
    &["trace", "https://dashboard.stripe.com/customers/cus_QpanAda0000001"],
    &["run"],
    &["run", "--sandbox=helthy"],
    &["run", "--sandbox", "--only=stripe/price-mod"],
    &["run", "--nonsense"],
    &["explain", "stripe/price-mod"],
    &["run", "--sandbox", "--report-dir=/dev/null/below/a/file"],
];

/// Whether the output is for people. Output for programs is not wrapped.
fn is_for_people(command: &[&str]) -> bool {
    !command.contains(&"schema")
        && !command.contains(&"completions")
        && !command.contains(&"man")
        && !command.iter().any(|argument| argument.starts_with("--format"))
}

fn run_with(command: &[&str], variables: &[(&str, &str)]) -> ProgramOutput {
    let folder = Folder::new();
    // An invalid configuration, whose errors are shown with lines, colors and carets.
    folder.write("preflight.toml", "[project]\nnam = \"acme\"\n\n[worker]\nurl = \"pan-api\"\n");
    ended(folder.command(command).envs(variables.iter().copied()))
}

#[test]
fn json_is_the_only_thing_on_standard_output() {
    for scenario in ["healthy", "price-test-mode", "stripe-key-restricted", "provider-dark"] {
        let ended = preflight(&["run", "--format=json", &format!("--sandbox={scenario}"), "-v"]);
        let document: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{scenario}: {error}"));
        assert_eq!(document["exit_code"], ended.status, "{scenario}");
    }
}

#[test]
fn no_escape_sequence_is_written_outside_a_terminal() {
    for command in COMMANDS {
        let output = run_with(command, &[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")]).all();
        assert!(!output.contains('\u{1b}'), "{command:?}: {output}");
    }
}

#[test]
fn color_can_be_forced_without_a_terminal() {
    let has_color = |arguments: &[&str], variables: &[(&str, &str)]| {
        let command: Vec<&str> = ["run", "--sandbox"].iter().chain(arguments).copied().collect();
        run_with(&command, variables).stdout.contains('\u{1b}')
    };
    assert!(has_color(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(has_color(&["--color=always"], &[]));
    assert!(has_color(&["--color=always"], &[("NO_COLOR", "1")]));
    assert!(!has_color(&[], &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]));
    assert!(!has_color(&["--color=never"], &[("CLICOLOR_FORCE", "1")]));
}

#[test]
fn reports_have_no_escape_sequences_even_if_color_is_forced() {
    let folder = Folder::new();
    let ended = ended(
        folder
            .command(&["run", "--sandbox=price-test-mode", "--report=table=reports/table.txt"])
            .env("CLICOLOR_FORCE", "1"),
    );
    assert!(ended.stdout.contains('\u{1b}'));
    assert!(!folder.reports().contains('\u{1b}'));
}

#[test]
fn output_fits_sixty_columns() {
    for command in COMMANDS.iter().filter(|command| is_for_people(command)) {
        // Without a configuration: its errors quote lines of the file, however wide they are.
        let output = ended(Folder::new().command(command).env("COLUMNS", "60")).all();
        // What cannot be broken, such as a URL or a command, is alone on its line.
        let programs =
            ["npx wrangler ", "stripe ", "curl ", "printf %s ", "printenv ", "preflight run ", "preflight fix"];
        let is_command = |line: &str| programs.iter().any(|program| line.contains(program));
        let is_one_word = |line: &str| line.split_whitespace().count() <= 2 || is_command(line);
        let too_wide = output.lines().filter(|line| line.chars().count() > 60 && !is_one_word(line));
        let too_wide: Vec<&str> = too_wide.filter(|line| !line.starts_with("report: ")).collect();
        assert!(too_wide.is_empty(), "{command:?}: {too_wide:#?}");
    }
}

#[test]
fn a_closed_pipe_ends_quietly() {
    for (command, status) in [
        (&["list"][..], 0),
        (&["explain", "stripe"], 0),
        (&["sandbox", "--list"], 0),
        (&["run", "--sandbox", "-v"], 0),
        (&["run", "--sandbox=price-test-mode", "-v"], 1),
    ] {
        let folder = Folder::new();
        let mut child = folder.command(command).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let ended = ProgramOutput::of(child.wait_with_output().unwrap());
        assert_eq!(ended.status, status, "{command:?}: {}", ended.stderr);
        let errors: Vec<&str> = ended.stderr.lines().filter(|line| !line.starts_with("report: ")).collect();
        assert!(errors.is_empty(), "{command:?}: {errors:?}");
    }
}

#[test]
fn there_is_no_live_progress_outside_a_terminal() {
    let ended = preflight(&["run", "--sandbox"]);
    assert_eq!(ended.stderr, "report: reports/preflight.md\nreport: reports/preflight.json\n");
}

#[test]
fn the_verdict_comes_first() {
    for (scenario, word) in [("healthy", "GO: "), ("price-test-mode", "NO-GO: "), ("stripe-html", "NOT PROVEN: ")] {
        let ended = preflight(&["run", &format!("--sandbox={scenario}"), "--retries=0"]);
        assert!(ended.stdout.starts_with(word), "{}", ended.stdout);
    }
}

#[test]
fn quiet_prints_only_the_verdict() {
    let ended = preflight(&["run", "--sandbox", "-q"]);
    assert!(ended.stdout.starts_with("GO") && ended.stdout.lines().count() <= 2, "{}", ended.stdout);
    assert_eq!(ended.stderr, "");
}
