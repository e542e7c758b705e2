//! The program as a whole: what it prints where, what it leaves behind, and how it ends.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test ends where something is not as it must be")]

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;

/// `preflight` in a folder, with nothing of the environment that could change what it does.
fn preflight(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_preflight"));
    command.current_dir(folder).env_clear().envs(std::env::var_os("TMPDIR").map(|folder| ("TMPDIR", folder)));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn run(folder: &TempDir, arguments: &[&str]) -> Output {
    preflight(folder, arguments).output().unwrap()
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn stdout(output: &Output) -> &str {
    str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    str::from_utf8(&output.stderr).unwrap()
}

#[test]
fn a_sound_sandbox_is_go_and_leaves_its_reports() {
    let folder = folder();
    let output = run(&folder, &["run", "--sandbox"]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    assert!(stdout(&output).starts_with("GO: "), "{}", stdout(&output));
    assert_eq!(stderr(&output), "report: reports/preflight.md\nreport: reports/preflight.json\n");
    assert!(fs::read_to_string(folder.path().join("reports/preflight.md")).unwrap().starts_with("# acme: GO\n"));
    assert_eq!(fs::read_dir(folder.path().join("reports")).unwrap().count(), 2);
}

#[test]
fn each_slip_of_several_is_found_and_nothing_else_is() {
    let output = run(&folder(), &["run", "--sandbox=price-test-mode,jwt-template-missing", "--format=json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let failing = report["checks"].as_array().unwrap().iter().filter(|check| check["status"] == "fail");
    let found = failing.map(|check| format!("{}: {}", check["id"], check["findings"][0]["code"]).replace('"', ""));
    let found: Vec<String> = found.collect();
    assert_eq!(found, ["stripe/price-mode: other-mode", "clerk/jwt-template: missing"]);
}

#[test]
fn json_is_the_only_thing_on_standard_output_and_knows_the_exit_status() {
    for (scenario, status) in [("healthy", 0), ("price-test-mode", 1), ("provider-dark", 2)] {
        let output = run(&folder(), &["run", &format!("--sandbox={scenario}"), "--format", "json", "--retries=0"]);
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["exit_code"], status, "{scenario}");
        assert_eq!(output.status.code(), Some(status), "{scenario}");
    }
}

#[test]
fn no_escape_goes_where_there_is_no_terminal() {
    for arguments in
        [&["run", "--sandbox=events-all", "-v"][..], &["list"], &["explain", "stripe"], &["frob"], &["run"]]
    {
        let output = run(&folder(), arguments);
        assert!(!output.stdout.contains(&0x1b) && !output.stderr.contains(&0x1b), "{arguments:?}");
    }
}

#[test]
fn colour_goes_into_a_pipe_where_it_is_forced() {
    let forced = preflight(&folder(), &["run", "--sandbox", "-q"]).env("CLICOLOR_FORCE", "1").output().unwrap();
    assert!(forced.stdout.contains(&0x1b));
    let both =
        preflight(&folder(), &["run", "--sandbox", "-q"]).envs([("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]).output();
    assert!(!both.unwrap().stdout.contains(&0x1b));
    assert!(run(&folder(), &["run", "--sandbox", "-q", "--color=always"]).stdout.contains(&0x1b));
}

#[test]
fn sixty_columns_are_enough() {
    let folder = folder();
    let output = preflight(&folder, &["run", "--sandbox=price-test-mode", "-v"]).env("COLUMNS", "60").output().unwrap();
    // An address is of no use in pieces.
    let wide = stdout(&output).lines().filter(|line| line.chars().count() > 60 && !line.contains("https://"));
    assert_eq!(wide.collect::<Vec<&str>>(), [""; 0]);
}

#[test]
fn a_closed_pipe_ends_quietly_with_the_status_of_the_verdict() {
    for (scenario, status) in [("healthy", 0), ("price-test-mode", 1)] {
        let folder = folder();
        let mut command = preflight(&folder, &["run", &format!("--sandbox={scenario}"), "-v"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{}", stderr(&output));
        assert!(!stderr(&output).contains("error"), "{}", stderr(&output));
    }
}

#[test]
fn a_report_that_cannot_be_written_hides_no_result_and_is_no_go() {
    for (scenario, status, word) in [("healthy", 70, "GO: "), ("price-test-mode", 1, "NO-GO: ")] {
        let folder = folder();
        fs::write(folder.path().join("reports"), "in the way").unwrap();
        let output = run(&folder, &["run", &format!("--sandbox={scenario}")]);
        assert_eq!(output.status.code(), Some(status), "{}", stderr(&output));
        assert!(stdout(&output).starts_with(word), "{}", stdout(&output));
        assert!(stderr(&output).contains("error: the report reports/preflight.md could not be written: "));
        assert!(stderr(&output).contains("--report-dir DIR"), "{}", stderr(&output));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said_and_is_no_go() {
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = preflight(&folder(), &["run", "--sandbox", "--no-report"]).stdout(full()).output().unwrap();
    assert_eq!(output.status.code(), Some(70));
    assert!(stderr(&output).contains("error: the result could not be written to standard output"));
}

#[test]
fn what_cannot_be_understood_ends_in_64() {
    let mistakes: [&[&str]; 8] = [
        &[],
        &["frob"],
        &["run", "--frob"],
        &["run", "--sandbox", "--only", "stripe/price-mod"],
        &["run", "--sandbox=price-test-mod"],
        &["run", "--sandbox", "--timeout", "soon"],
        &["explain", "stripe/price-mod"],
        &["run", "--sandbox", "--report", "xml=a"],
    ];
    for mistake in mistakes {
        let folder = folder();
        let output = run(&folder, mistake);
        assert_eq!(output.status.code(), Some(64), "{mistake:?}: {}", stderr(&output));
        assert_eq!(stdout(&output), "", "{mistake:?}");
        assert!(!folder.path().join("reports").exists(), "{mistake:?}");
    }
}

#[test]
fn a_name_that_is_nearly_right_is_answered_with_the_right_one() {
    let answer = |arguments: &[&str]| stderr(&run(&folder(), arguments)).to_owned();
    assert!(answer(&["run", "--sandbox", "--only", "stripe/price-mod"]).contains("did you mean `stripe/price-mode`?"));
    assert!(answer(&["run", "--sandbox=price-test-mod"]).contains("did you mean `price-test-mode`?"));
    assert!(answer(&["explain", "stripe/price-mod"]).contains("did you mean `stripe/price-mode`?"));
}

#[test]
fn help_and_the_version_are_an_answer() {
    for arguments in [&["--help"][..], &["--version"], &["run", "--help"], &["help", "explain"]] {
        let output = run(&folder(), arguments);
        assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""), "{arguments:?}");
        assert!(!output.stdout.is_empty());
    }
}

#[test]
fn without_a_configuration_the_way_to_one_is_shown() {
    let folder = folder();
    let output = run(&folder, &["run"]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(78), ""));
    assert!(stderr(&output).contains("preflight run --sandbox"), "{}", stderr(&output));
    // What it shows is a configuration.
    let shown = stderr(&output).lines().filter_map(|line| line.strip_prefix("    ")).collect::<Vec<&str>>().join("\n");
    fs::write(folder.path().join("preflight.toml"), shown).unwrap();
    assert_eq!(run(&folder, &["run", "--offline"]).status.code(), Some(1));
}

#[test]
fn every_error_of_a_configuration_is_shown_at_its_place() {
    let folder = folder();
    fs::write(folder.path().join("preflight.toml"), "[project]\nnam = \"acme\"\n[tiers.pro]\nprice = 29\n").unwrap();
    let output = run(&folder, &["run", "--format=json"]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(78), ""));
    assert!(stderr(&output).contains("preflight.toml:2:1") && stderr(&output).contains("preflight.toml:4:9"));
    assert!(!folder.path().join("reports").exists());
}

#[test]
fn a_waiver_for_no_check_is_an_error_of_the_configuration() {
    let folder = folder();
    configure(&folder, "https://api.acme.workers.dev", WAIVER);
    let output = run(&folder, &["run", "--offline"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(stderr(&output).contains("`stripe/acount` does not exist; did you mean `stripe/account`?"));
}

const WAIVER: &str = "[[waive]]\ncheck = 'stripe/acount'\nreason = 'a'\nowner = 'b'\nexpires = 2999-01-01\n";

fn configure(folder: &TempDir, worker: &str, more: &str) {
    let text = format!(
        "[project]\nname = 'acme'\n[worker]\nurl = '{worker}'\n[tiers.pro]\nprice = '29.00'\nlimit = 1\n{more}"
    );
    fs::write(folder.path().join("preflight.toml"), text).unwrap();
}

#[test]
fn no_secret_comes_out_anywhere() {
    const KEYS: [(&str, &str); 3] = [
        ("STRIPE_SECRET_KEY", "sk_live_51PlantedPlanted0PlantedPlantedPlantedPlantedPlanted"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_PlantedPlantedPlantedPlanted00"),
        ("CLERK_SECRET_KEY", "sk_live_PlantedPlantedPlantedPlantedPlantedPl"),
    ];
    for format in ["table", "json", "markdown"] {
        let folder = folder();
        configure(&folder, "https://api.acme.workers.dev", "");
        let output = preflight(&folder, &["run", "--offline", "-vv", "--format", format]).envs(KEYS).output().unwrap();
        let mut all = format!("{}{}", stdout(&output), stderr(&output));
        all.push_str(&fs::read_to_string(folder.path().join("reports/preflight.md")).unwrap());
        all.push_str(&fs::read_to_string(folder.path().join("reports/preflight.json")).unwrap());
        assert!(!all.contains("PlantedPlanted"), "{all}");
    }
}

/// Starts a run against a Worker that takes a connection and never answers, sends `signal` while it waits, and answers
/// with the status and the report.
#[cfg(unix)]
fn stopped_by(signal: &str) -> (Option<i32>, String) {
    let folder = folder();
    let worker = TcpListener::bind("127.0.0.1:0").unwrap();
    configure(&folder, &format!("http://{}", worker.local_addr().unwrap()), "");
    // No provider is asked without its key, so that nothing leaves this machine.
    let mut child = preflight(&folder, &["run", "-q"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(worker.accept().unwrap()));
    let held = receiver.recv_timeout(Duration::from_mins(1)).expect("the Worker is asked");
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
    let mut shown = String::new();
    child.stdout.take().unwrap().read_to_string(&mut shown).unwrap();
    let status = child.wait().unwrap().code();
    drop(held);
    (status, fs::read_to_string(Path::new(folder.path()).join("reports/preflight.md")).unwrap())
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_the_report_of_what_was_finished() {
    let (status, report) = stopped_by("-INT");
    assert_eq!(status, Some(130));
    assert!(report.contains("Stopped by Ctrl-C") && report.contains("config/hygiene: missing"), "{report}");
}

#[cfg(unix)]
#[test]
fn kill_leaves_the_report_of_what_was_finished() {
    let (status, report) = stopped_by("-TERM");
    assert_eq!(status, Some(143));
    assert!(report.contains("Stopped by SIGTERM"), "{report}");
}

#[cfg(unix)]
#[test]
fn the_sandbox_is_served_until_ctrl_c() {
    let folder = folder();
    let mut child = preflight(&folder, &["sandbox", "price-test-mode"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut first = [0; 16];
    stdout.read_exact(&mut first).unwrap();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(str::from_utf8(&first).unwrap(), "# price-test-mod");
}
