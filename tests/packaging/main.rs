//! What is published, as far as one machine can try it: the npm packages, the archive, the GitHub action and the release workflow.
#![cfg(unix)]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails if its setup does")]

#[path = "../support/layout.rs"]
mod layout;
#[path = "../support/node.rs"]
mod node;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

const VERSION: &str = env!("CARGO_PKG_VERSION");
const BINARY: &str = env!("CARGO_BIN_EXE_preflight");

/// A file of the repository.
fn ours(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The platform of this machine, as Node.js names it.
fn platform() -> String {
    let print = "console.log(process.platform + '-' + process.arch)";
    printed(Command::new("node").args(["-e", print])).trim().to_owned()
}

/// What a command prints. It must succeed.
fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", all_of(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn all_of(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned()).concat()
}

/// The tarballs for this platform: the binary, and the launcher.
fn tarballs() -> &'static [String] {
    static TARBALLS: OnceLock<(TempDir, Vec<String>)> = OnceLock::new();
    let (_, tarballs) = TARBALLS.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let mut pack = Command::new("node");
        pack.arg(ours(".packaging/npm/pack.mjs")).arg("--out").arg(folder.path());
        let packed = printed(pack.arg(format!("{}={BINARY}", platform())));
        (folder, packed.lines().map(str::to_owned).collect())
    });
    tarballs
}

/// A folder with these tarballs installed. npm is offline, so that it can install nothing else.
fn installed(tarballs: &[String]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("package.json"), r#"{ "name": "acme", "private": true }"#).unwrap();
    let mut npm = Command::new("npm");
    npm.args(["install", "--offline", "--no-audit", "--no-fund"]).args(tarballs).current_dir(&folder);
    printed(&mut npm);
    folder
}

#[test]
fn npx_runs_the_packed_binary_and_ends_with_its_status() {
    let folder = installed(tarballs());
    let run = |sandbox: &str| {
        let mut npx = Command::new("npx");
        npx.args(["--offline", "launch-preflight", "run", "--no-report", sandbox]).current_dir(&folder);
        npx.output().unwrap()
    };
    let healthy = run("--sandbox");
    assert!(all_of(&healthy).contains("GO: "), "{}", all_of(&healthy));
    assert_eq!(healthy.status.code(), Some(0));
    assert_eq!(run("--sandbox=price-test-mode").status.code(), Some(1));
}

#[test]
fn in_each_layout_two_commands_lead_from_the_packages_to_go() {
    for name in ["guide", "monorepo", "next"] {
        let folder = tempfile::tempdir().unwrap();
        layout::unpack(name, folder.path());
        let sandbox = format!("--sandbox={}", layout::scenario(name));
        let preflight = |arguments: &[&str]| {
            let mut npx = Command::new("npx");
            npx.args(["--offline", "--yes"]).args(tarballs().iter().map(|path| format!("--package={path}")));
            printed(npx.arg("preflight").args(arguments).arg(&sandbox).current_dir(&folder))
        };
        preflight(&["init"]);
        let run = preflight(&["run", "-c", "preflight.toml", "--env-file", ".dev.vars"]);
        assert!(run.starts_with("GO: "), "{run}");
    }
}

#[test]
fn a_terminated_launcher_terminates_the_binary() {
    let folder = installed(tarballs());
    let mut launcher = Command::new(folder.path().join("node_modules/.bin/preflight"));
    let mut launcher = launcher.arg("sandbox").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut output = BufReader::new(launcher.stdout.take().unwrap());
    output.read_line(&mut String::new()).unwrap();
    printed(Command::new("kill").arg(launcher.id().to_string()));
    // The binary holds this pipe open while it lives.
    output.read_to_end(&mut Vec::new()).unwrap();
    assert!(!launcher.wait().unwrap().success());
}

#[test]
fn a_launcher_without_its_binary_says_what_to_do() {
    let folder = installed(&tarballs()[1..]);
    let ended = Command::new(folder.path().join("node_modules/.bin/preflight")).arg("run").output().unwrap();
    assert_eq!(ended.status.code(), Some(4));
    let said = all_of(&ended);
    assert!(said.contains(&format!("npm did not install @launch-preflight/{}", platform())), "{said}");
}

/// A release with the archive for this platform, and its address.
fn release() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let release = folder.path().join(format!("v{VERSION}"));
    printed(Command::new(ours(".packaging/archive.sh")).args([&platform(), BINARY]).arg(&release));
    let sums = printed(Command::new("sh").args(["-c", "sha256sum -- *.tar.gz"]).current_dir(&release));
    fs::write(release.join("SHA256SUMS"), sums).unwrap();
    let address = format!("file://{}", folder.path().display());
    (folder, address)
}

fn install(releases: &str, sha256: &str, folder: &Path) -> Output {
    let mut install = Command::new(ours(".packaging/action/install.sh"));
    install.arg(folder).env("PREFLIGHT_VERSION", VERSION).env("PREFLIGHT_RELEASES", releases);
    install.env("PREFLIGHT_SHA256", sha256).output().unwrap()
}

#[test]
fn the_action_installs_an_archive_with_the_published_checksum_and_runs_it() {
    let (_release, address) = release();
    let folder = tempfile::tempdir().unwrap();
    let bin = folder.path().join("bin");
    let ended = install(&address, "", &bin);
    assert!(ended.status.success(), "{}", all_of(&ended));

    let run = |arguments: &str, fail: &str| {
        let outputs = folder.path().join("outputs");
        fs::write(&outputs, "").unwrap();
        let mut run = Command::new(ours(".packaging/action/run.sh"));
        run.arg(&bin).env("PREFLIGHT_ARGUMENTS", arguments).env("PREFLIGHT_FAIL", fail);
        let ended = run.env("GITHUB_OUTPUT", &outputs).current_dir(&folder).output().unwrap();
        (ended.status.code(), fs::read_to_string(&outputs).unwrap())
    };
    let lines = |exit, verdict| format!("exit-code={exit}\nverdict={verdict}\n");
    assert_eq!(run("run --sandbox --no-report", "true"), (Some(0), lines(0, "go")));
    assert_eq!(run("run --sandbox=price-test-mode --no-report", "true"), (Some(1), lines(1, "no-go")));
    assert_eq!(run("run --sandbox=price-test-mode --no-report", "false"), (Some(0), lines(1, "no-go")));
    assert_eq!(run("run --sandbx", "false"), (Some(64), lines(64, "none")));
}

#[test]
fn the_action_installs_nothing_with_another_checksum() {
    let (_release, address) = release();
    let folder = tempfile::tempdir().unwrap();
    let bin = folder.path().join("bin");
    let ended = install(&address, &"0".repeat(64), &bin);
    assert_eq!(ended.status.code(), Some(4));
    assert!(all_of(&ended).contains("It was not installed"), "{}", all_of(&ended));
    assert!(!bin.exists());
}

#[test]
fn workflows_action_and_formula_are_well_formed() {
    let tools = node::installed().unwrap_or_else(|reason| panic!("{reason}"));
    let folder = tempfile::tempdir().unwrap();
    let sums = folder.path().join("SHA256SUMS");
    let line = |platform: &str| format!("{}  preflight-{VERSION}-{platform}.tar.gz\n", "ab".repeat(32));
    fs::write(&sums, ["darwin-arm64", "darwin-x64", "linux-arm64", "linux-x64", "win32-x64"].map(line).concat())
        .unwrap();
    let mut formula = Command::new("node");
    formula.arg(ours(".packaging/homebrew/formula.mjs")).arg("https://github.com/acme/preflight").arg(&sums);
    let formula = printed(&mut formula);
    let archive = format!("releases/download/v{VERSION}/preflight-{VERSION}-linux-arm64.tar.gz");
    assert!(formula.contains(&archive), "{formula}");
    let path = folder.path().join("preflight.rb");
    fs::write(&path, formula).unwrap();

    printed(Command::new(BINARY).args(["init", "--sandbox", "--ci"]).current_dir(&folder));
    let nightly = folder.path().join(".github/workflows/preflight.yml");

    let mut linter = Command::new("node");
    linter
        .arg(ours("tests/packaging/lint.mjs"))
        .arg(tools)
        .arg(path)
        .arg(nightly)
        .arg(ours("docs/many.yml"))
        .arg(ours("action.yml"));
    let workflows = fs::read_dir(ours(".github/workflows")).unwrap();
    printed(linter.args(workflows.map(|entry| entry.unwrap().path())));
}

#[test]
fn the_action_installs_this_version() {
    let action = fs::read_to_string(ours("action.yml")).unwrap();
    assert!(action.contains(&format!("default: {VERSION}\n")), "{action}");
}
