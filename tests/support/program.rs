//! Runs the program as a user would: in a new folder, with only the environment that a test sets.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// The folder that the program runs in.
pub struct Folder(TempDir);

/// The output of the program.
#[derive(Debug)]
pub struct ProgramOutput {
    /// Its exit status.
    pub status: i32,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Folder {
    /// An empty folder.
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    /// A folder with this `preflight.toml`.
    pub fn with(configuration: &str) -> Self {
        let folder = Self::new();
        folder.write("preflight.toml", configuration);
        folder
    }

    /// Writes a file.
    pub fn write(&self, path: &str, text: &str) {
        fs::write(self.path(path), text).expect("a file in a temporary folder");
    }

    /// Reads a file.
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// The text of every file in `reports`.
    pub fn reports(&self) -> String {
        let entries = fs::read_dir(self.path("reports")).expect("a folder of reports");
        let files = entries.map(|entry| entry.expect("a report").path());
        files.map(|file| fs::read_to_string(file).expect("a report")).collect()
    }

    /// The path of a file.
    pub fn path(&self, path: &str) -> PathBuf {
        Path::new(self.0.path()).join(path)
    }

    /// The program with these arguments, not yet started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_preflight"));
        command.args(arguments).current_dir(&self.0).env_clear().stdin(Stdio::null());
        command
    }

    /// Runs the program.
    pub fn run(&self, arguments: &[&str]) -> ProgramOutput {
        ended(&mut self.command(arguments))
    }
}

/// Runs a command.
pub fn ended(command: &mut Command) -> ProgramOutput {
    ProgramOutput::of(command.output().expect("the program can be started"))
}

/// Runs the program in a new folder.
pub fn preflight(arguments: &[&str]) -> ProgramOutput {
    Folder::new().run(arguments)
}

impl ProgramOutput {
    /// The output of a finished process.
    pub fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("output in UTF-8");
        // 256 is not an exit status. It means that the process was killed.
        let status = output.status.code().unwrap_or(256);
        Self { status, stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Standard output and standard error.
    pub fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}
