//! `preflight run` with several configurations.

use std::fs;

use serde_json::Value;

use crate::program::Folder;

/// A folder with a configuration that the sandbox meets, one with another price, and one that is not valid.
fn folder() -> Folder {
    let folder = Folder::new();
    let served = folder.run(&["init", "--sandbox", "-y"]);
    assert_eq!(served.status, 0, "{}", served.all());
    let text = folder.read("preflight.toml").replace("url = \"https://acme.com\"", "url = \"https://app.acme.com\"");
    fs::create_dir(folder.path("shops")).unwrap();
    let named = |name: &str, text: &str| {
        let lines = text
            .lines()
            .map(|line| if line.starts_with("name = ") { format!("name = \"{name}\"") } else { line.to_owned() });
        lines.collect::<Vec<_>>().join("\n")
    };
    folder.write("shops/north.toml", &named("north", &text));
    folder.write("shops/south.toml", &named("south", &text.replace("29.00", "39.00")));
    folder
}

fn run(folder: &Folder, arguments: &[&str]) -> crate::program::ProgramOutput {
    folder.run(&[&["run", "--sandbox"], arguments].concat())
}

#[test]
fn a_folder_of_configurations_is_one_result_with_the_worst_first() {
    let folder = folder();
    let ended = run(&folder, &["-c", "shops"]);
    assert_eq!(ended.status, 1, "{}", ended.all());
    assert!(ended.stdout.starts_with(" 1. NO-GO: south, live mode, "), "{}", ended.stdout);
    assert!(ended.stdout.contains("\n 2. GO: north, live mode, "), "{}", ended.stdout);
    assert!(ended.stdout.contains("\nstripe/price-terms        fail     pass\n"), "{}", ended.stdout);
    for name in ["north", "south"] {
        let report: Value = serde_json::from_str(&folder.read(&format!("reports/{name}/preflight.json"))).unwrap();
        assert_eq!(report["project"], name);
        assert!(folder.path(&format!("reports/{name}/history.jsonl")).exists());
    }
}

#[test]
fn the_fix_of_each_is_verified_with_its_own_configuration() {
    let folder = folder();
    let ended = run(&folder, &["-c", "shops/north.toml", "-c", "shops/south.toml", "--format=json"]);
    let reports: Value = serde_json::from_str(&ended.stdout).unwrap();
    let checks = reports[0]["checks"].as_array().unwrap().iter();
    let fixes: Vec<&str> = checks.filter_map(|check| check["findings"][0]["fix"]["verify"].as_str()).collect();
    assert!(!fixes.is_empty() && fixes.iter().all(|fix| fix.contains("-c shops/south.toml")), "{fixes:?}");
}

#[test]
fn one_that_cannot_be_read_stops_no_other_and_decides_the_exit_status() {
    let folder = folder();
    folder.write("shops/east.toml", "[project]\nname = 5\n");
    let ended = run(&folder, &["-c", "shops"]);
    assert_eq!(ended.status, 78, "{}", ended.all());
    assert!(ended.stdout.contains("GO: north") && ended.stdout.contains("NO-GO: south"), "{}", ended.stdout);
    assert!(ended.stderr.contains("shops/east.toml:2:8"), "{}", ended.stderr);
    let line = " 2. NOT PROVEN: shops/east.toml, live mode, ";
    assert!(ended.stdout.contains(line), "{}", ended.stdout);
    assert!(ended.stdout.contains("no checks ran, because its configuration has 3 errors"), "{}", ended.stdout);
    assert!(ended.stdout.contains("preflight run -c shops/east.toml --sandbox"), "{}", ended.stdout);
}

#[test]
fn one_that_cannot_be_read_is_in_the_reports_of_every_format() {
    let folder = folder();
    folder.write("shops/east.toml", "[project]\nname = 5\n");
    let formats = ["json", "markdown", "html", "junit", "sarif", "github"];
    let reports = formats.map(|format| format!("--report={format}=all.{format}"));
    let flags = reports.iter().map(String::as_str).chain(["-c", "shops", "--no-report"]);
    let ended = run(&folder, &flags.collect::<Vec<&str>>());
    assert_eq!(ended.status, 78, "{}", ended.all());
    for format in formats {
        let report = folder.read(&format!("all.{format}"));
        assert!(report.contains("shops/east.toml") && report.contains("its configuration has 3 errors"), "{report}");
    }
}

#[test]
fn each_has_the_values_of_the_file_beside_it() {
    let folder = folder();
    folder.write("shops/north.env", "STRIPE_SECRET_KEY=\n");
    let ended = run(&folder, &["-c", "shops", "--offline", "--format=json"]);
    let reports: Value = serde_json::from_str(&ended.stdout).unwrap();
    let unset = |report: &Value| report.to_string().contains("values are not set: STRIPE_SECRET_KEY");
    let north = reports.as_array().unwrap().iter().find(|report| report["project"] == "north").unwrap();
    let south = reports.as_array().unwrap().iter().find(|report| report["project"] == "south").unwrap();
    assert!(unset(north) && !unset(south), "{}", ended.stdout);
}

#[test]
fn one_report_of_all_is_written_where_it_is_asked_for() {
    let folder = folder();
    let ended = run(&folder, &["-c", "shops", "--no-report", "--report=junit=junit.xml", "--report=markdown=all.md"]);
    assert_eq!(ended.status, 1, "{}", ended.all());
    assert!(folder.read("junit.xml").contains("south") && folder.read("all.md").contains("1. **NO-GO**: south"));
    assert!(!folder.path("reports").exists());
}

#[test]
fn a_report_of_all_that_cannot_be_written_hides_no_verdict() {
    let folder = folder();
    folder.write("taken", "");
    let unwritten = "--report=html=taken/all.html";
    let no_go = run(&folder, &["-c", "shops", "--no-report", unwritten]);
    assert_eq!(no_go.status, 1, "{}", no_go.all());
    assert!(no_go.stdout.contains(" 1. NO-GO: south") && no_go.stderr.contains("taken/all.html"), "{}", no_go.all());
    fs::remove_file(folder.path("shops/south.toml")).unwrap();
    let go = run(&folder, &["-c", "shops", "--no-report", unwritten]);
    assert_eq!(go.status, 70, "{}", go.all());
}

#[test]
fn a_go_without_its_own_report_is_no_exit_status_of_0() {
    let folder = folder();
    fs::remove_file(folder.path("shops/south.toml")).unwrap();
    folder.write("shops/west.toml", &folder.read("shops/north.toml").replace("\"north\"", "\"west\""));
    fs::create_dir(folder.path("reports")).unwrap();
    folder.write("reports/west", "");
    let ended = run(&folder, &["-c", "shops"]);
    assert_eq!(ended.status, 70, "{}", ended.all());
    assert!(ended.stdout.contains("GO: north") && ended.stdout.contains("GO: west"), "{}", ended.stdout);
}

#[test]
fn on_github_all_of_them_are_annotated_and_on_the_page_of_the_step() {
    let folder = folder();
    let mut command = folder.command(&["run", "--sandbox", "-c", "shops", "--no-report", "--format=github"]);
    let ended = crate::program::ended(command.env("GITHUB_STEP_SUMMARY", folder.path("summary.md")));
    assert_eq!(ended.status, 1, "{}", ended.all());
    let first = "\n::error title=south%3A stripe/price-terms%3A ";
    assert!(ended.stdout.contains(first) && ended.stdout.contains(",file=shops/south.toml,line="), "{}", ended.stdout);
    assert!(folder.read("summary.md").starts_with("1. **NO-GO**: south"), "{}", folder.read("summary.md"));
}

#[test]
fn what_is_about_one_configuration_is_refused_for_several() {
    let folder = folder();
    for flag in ["--watch", "--failed", "--profile=nightly", "--fail-on=new"] {
        let ended = run(&folder, &["-c", "shops", flag]);
        assert_eq!(ended.status, 64, "{flag}: {}", ended.all());
        assert!(ended.stderr.contains(&format!("{flag} works with one configuration")), "{}", ended.stderr);
    }
    let other = folder.run(&["fix", "--sandbox", "-c", "shops/north.toml", "-c", "shops/south.toml"]);
    assert!(other.status == 64 && other.stderr.contains("only `preflight run` takes several"), "{}", other.all());
    fs::create_dir(folder.path("empty")).unwrap();
    let empty = run(&folder, &["-c", "empty"]);
    assert!(empty.status == 64 && empty.stderr.contains("there is no .toml file"), "{}", empty.all());
}
