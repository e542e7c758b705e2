//! The program as its users start it: in a folder of its own, with nothing in its environment but what a test says.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A folder in which the program is run.
pub struct Folder(TempDir);

/// How a run of the program ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: i32,
    /// What it printed.
    pub stdout: String,
    /// What it said beside that.
    pub stderr: String,
}

impl Folder {
    /// An empty one.
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    /// One with this `preflight.toml` in it.
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

    /// Everything that was written below `reports`.
    pub fn reports(&self) -> String {
        let entries = fs::read_dir(self.path("reports")).expect("a folder of reports");
        let files = entries.map(|entry| entry.expect("a report").path());
        files.map(|file| fs::read_to_string(file).expect("a report")).collect()
    }

    /// Where a file is.
    pub fn path(&self, path: &str) -> PathBuf {
        Path::new(self.0.path()).join(path)
    }

    /// The program with these arguments, not yet started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_preflight"));
        command.args(arguments).current_dir(&self.0).env_clear().stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        ended(&mut self.command(arguments))
    }
}

/// Runs a command to its end.
pub fn ended(command: &mut Command) -> Ended {
    Ended::of(command.output().expect("the program can be started"))
}

/// Runs the program in a folder of its own.
pub fn preflight(arguments: &[&str]) -> Ended {
    Folder::new().run(arguments)
}

impl Ended {
    /// From what a process left behind.
    pub fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("output in UTF-8");
        // 256 is no status: it stands for a process that was killed.
        let status = output.status.code().unwrap_or(256);
        Self { status, stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Everything that it wrote.
    pub fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}
