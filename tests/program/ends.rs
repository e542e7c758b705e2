//! How the program ends, and what it says when it cannot begin.

use serde_json::Value;

use crate::program::{Folder, preflight};

/// A deployment of which nobody can be reached: at port 1 of this machine nobody listens.
pub const IN_THE_DARK: &str = r#"
[project]
name = "acme"

[stripe]
api_base = "http://127.0.0.1:1"

[clerk]
api_base = "http://127.0.0.1:1"
frontend_api = "http://127.0.0.1:1"

[cloudflare]
api_base = "http://127.0.0.1:1"
script = "pan-api"

[worker]
url = "http://127.0.0.1:1"

[frontend]
url = "http://127.0.0.1:1"

[tiers.free]
limit = 10

[tiers.pro]
price = "29.00"
limit = 50
"#;

#[test]
fn a_sound_deployment_is_go() {
    assert_eq!(preflight(&["run", "--sandbox"]).status, 0);
}

#[test]
fn a_deployment_with_a_fault_is_no_go() {
    assert_eq!(preflight(&["run", "--sandbox=price-test-mode"]).status, 1);
}

#[test]
fn each_fault_of_several_is_found_and_nothing_else() {
    let ended = preflight(&["run", "--sandbox=price-test-mode,jwt-template-missing", "--format=json"]);
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    let failing = report["checks"].as_array().unwrap().iter().filter(|check| check["status"] == "fail");
    let found = failing.map(|check| format!("{}: {}", check["id"], check["findings"][0]["code"]).replace('"', ""));
    assert_eq!(found.collect::<Vec<String>>(), ["stripe/price-mode: other-mode", "clerk/jwt-template: missing"]);
}

#[test]
fn a_key_that_may_not_look_proves_nothing() {
    let ended = preflight(&["run", "--sandbox=stripe-key-restricted"]);
    assert_eq!(ended.status, 2, "{}", ended.all());
    assert!(ended.stdout.contains("rak_webhook_read"), "{}", ended.stdout);
}

#[test]
fn a_warning_is_no_go_for_who_wants_it_so() {
    let warned = "--sandbox=events-all";
    assert_eq!(preflight(&["run", warned]).status, 0);
    assert_eq!(preflight(&["run", warned, "--fail-on=warn"]).status, 1);
}

#[test]
fn where_no_check_runs_nothing_is_proved() {
    let ended = preflight(&["run", "--sandbox", "--only=stripe", "--skip=stripe/*"]);
    assert_eq!(ended.status, 4, "{}", ended.all());
}

#[test]
fn an_unknown_check_is_a_slip_of_the_command_line() {
    let ended = preflight(&["run", "--sandbox", "--only=stripe/price-mod"]);
    assert_eq!((ended.status, ended.stdout.as_str()), (64, ""));
    assert!(ended.stderr.contains("did you mean `stripe/price-mode`?"), "{}", ended.stderr);
}

#[test]
fn an_unknown_scenario_is_a_slip_of_the_command_line() {
    let ended = preflight(&["run", "--sandbox=helthy"]);
    assert_eq!((ended.status, ended.stdout.as_str()), (64, ""));
    assert!(ended.stderr.contains("did you mean `healthy`?"), "{}", ended.stderr);
}

#[test]
fn an_unknown_check_cannot_be_explained() {
    let ended = preflight(&["explain", "stripe/price-mod"]);
    assert_eq!((ended.status, ended.stdout.as_str()), (64, ""));
    assert!(ended.stderr.contains("did you mean `stripe/price-mode`?"), "{}", ended.stderr);
}

#[test]
fn a_slip_of_the_command_line_leaves_no_report() {
    let folder = Folder::new();
    assert_eq!(folder.run(&["run", "--sandbox", "--only=stripe/price-mod"]).status, 64);
    assert!(!folder.path("reports").exists());
}

#[test]
fn an_unknown_flag_is_a_slip_of_the_command_line() {
    for arguments in
        [&["run", "--sandbxo"][..], &["rn"], &["run", "--format=yaml"], &["run", "--timeout=soon"], &["explain"], &[]]
    {
        let ended = preflight(arguments);
        assert_eq!((ended.status, ended.stdout.as_str()), (64, ""), "{arguments:?}: {}", ended.stderr);
    }
}

#[test]
fn help_and_the_version_are_answers() {
    for arguments in [&["--help"][..], &["-h"], &["run", "--help"], &["--version"], &["help", "sandbox"]] {
        let ended = preflight(arguments);
        assert_eq!((ended.status, ended.stderr.as_str()), (0, ""), "{arguments:?}");
    }
}

#[test]
fn without_a_configuration_it_says_what_one_looks_like() {
    let ended = preflight(&["run"]);
    assert_eq!((ended.status, ended.stdout.as_str()), (78, ""));
    for part in ["there is no preflight.toml", "[tiers.pro]", "--env-file", "--config", "preflight run --sandbox"] {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
}

#[test]
fn what_it_says_a_configuration_looks_like_is_a_configuration() {
    let ended = preflight(&["run"]);
    let shown: Vec<&str> = ended.stderr.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    // It is read, and what fails is that no value is set.
    assert_eq!(Folder::with(&shown.join("\n")).run(&["run", "--offline"]).status, 1);
}

#[test]
fn a_waiver_for_no_check_is_an_error_of_the_configuration() {
    let waiver = "[[waive]]\ncheck = \"stripe/acount\"\nreason = \"a\"\nowner = \"b\"\nexpires = 2999-01-01\n";
    let ended = Folder::with(&format!("{IN_THE_DARK}{waiver}")).run(&["run", "--offline"]);
    assert_eq!(ended.status, 78);
    // It is wrapped as the terminal is wide.
    let told = ended.stderr.split_whitespace().collect::<Vec<&str>>().join(" ");
    assert!(told.contains("`stripe/acount` does not exist; did you mean `stripe/account`?"), "{told}");
}

#[test]
fn every_error_of_a_configuration_is_told_with_its_place() {
    let folder = Folder::with("[project]\nnam = \"acme\"\n\n[worker]\nurl = \"pan-api\"\n");
    let ended = folder.run(&["run"]);
    assert_eq!((ended.status, ended.stdout.as_str()), (78, ""));
    for place in ["preflight.toml:2:", "preflight.toml:5:"] {
        assert!(ended.stderr.contains(place), "{place}: {}", ended.stderr);
    }
}

#[test]
fn a_configuration_that_is_not_sound_leaves_no_report() {
    let folder = Folder::with("[project]\n");
    assert_eq!(folder.run(&["run"]).status, 78);
    assert!(!folder.path("reports").exists());
}

#[test]
fn where_nobody_can_be_reached_nothing_is_proved_and_nothing_fails() {
    let folder = Folder::with(IN_THE_DARK);
    let ended = folder.command(&["run", "--format=json"]).envs(crate::secrets::PLANTED).output().unwrap();
    assert_eq!(ended.status.code(), Some(2));
    let report: Value = serde_json::from_slice(&ended.stdout).unwrap();
    let failed = report["checks"].as_array().unwrap().iter().filter(|check| check["status"] == "fail");
    assert_eq!(failed.count(), 0, "{report:#}");
    assert!(report["summary"]["unknown"].as_u64().unwrap() > 0, "{report:#}");
}

#[test]
fn without_any_value_it_is_the_operators_side_that_fails() {
    let ended = Folder::with(IN_THE_DARK).run(&["run"]);
    assert_eq!(ended.status, 1);
    assert!(ended.stdout.contains("config/hygiene: missing"), "{}", ended.stdout);
}
