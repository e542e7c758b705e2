//! Changes of files on this machine.

use std::path::Path;

use serde_json::Value;

use super::{ChangeDoor, Made, NotMade, moved_to};
use crate::change::{Change, EnvLine};

impl ChangeDoor<'_> {
    /// Sets a variable in a file, whose other lines stay as they are.
    pub(super) fn edit(&self, line: &EnvLine, change: &Change) -> Result<Made, NotMade> {
        let value = self.value(&line.after)?;
        value.lend(|value| {
            if !value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte)) {
                return Err(NotMade::Refused(format!("the new value of {} cannot stand in an env file", line.name)));
            }
            self.rewrite(line, change, |text| line.applied(text, value), |text| line.has(text, value))
        })
    }

    /// Restores the line that was there.
    pub(super) fn take_back_edit(&self, line: &EnvLine, change: &Change) -> Result<Made, NotMade> {
        let value = self.value(&line.after).ok();
        let value = value.as_ref().map(|value| value.lend(str::to_owned));
        self.rewrite(line, change, |text| line.taken_back(text, value.as_deref()), |text| line.is_absent(text))
    }

    fn rewrite(
        &self,
        line: &EnvLine,
        change: &Change,
        changed: impl Fn(&str) -> Option<String>,
        is_done: impl Fn(&str) -> bool,
    ) -> Result<Made, NotMade> {
        let failed = |error: std::io::Error| NotMade::Refused(format!("could not change {}: {error}", line.path));
        let text = std::fs::read_to_string(&line.path).map_err(failed)?;
        let Some(changed) = changed(&text) else {
            if is_done(&text) {
                return Ok(Made::AlreadyRight);
            }
            return Err(moved_to(change, &line.name, &Value::from("another value")));
        };
        self.record(change, true)?;
        replace(Path::new(&line.path), &changed).map_err(failed)?;
        Ok(Made::Changed)
    }
}

/// Replaces the text of a file at once, so that a full disk or a crash leaves the old one. Keeps its permissions.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let path = path.canonicalize()?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".preflight");
    let new = path.with_file_name(name);
    // A copy has the permissions of the original.
    let written = std::fs::copy(&path, &new)
        .and_then(|_| std::fs::write(&new, text))
        .and_then(|()| std::fs::File::open(&new)?.sync_all())
        .and_then(|()| std::fs::rename(&new, &path));
    if written.is_err() {
        let _ = std::fs::remove_file(&new);
    }
    written
}
