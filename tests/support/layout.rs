//! The projects of `tests/init`, as their developers have them: with keys in `.dev.vars`.

use std::fs;
use std::path::Path;

use preflight::sandbox::{Options, Sandbox};

/// The scenario in which a project is deployed as it should be.
pub fn scenario(name: &str) -> String {
    format!("healthy-layout-{name}")
}

/// Copies a project into a folder, and writes the keys of the sandbox into its `.dev.vars`.
pub fn unpack(name: &str, folder: &Path) {
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/init").join(name), folder);
    fs::write(folder.join(".dev.vars"), keys(&scenario(name))).expect("a file in a temporary folder");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a temporary folder");
    for entry in fs::read_dir(from).expect("a folder of the repository") {
        let entry = entry.expect("a file of the repository");
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("a copy in a temporary folder");
        }
    }
}

/// The values that `preflight sandbox` prints, as an env file.
fn keys(scenario: &str) -> String {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let sandbox = runtime.block_on(Sandbox::start(&[scenario], Options::default())).expect("a sandbox");
    let lines: Vec<String> = sandbox.environment().iter().map(|(name, value)| format!("{name}={value}\n")).collect();
    lines.concat()
}
