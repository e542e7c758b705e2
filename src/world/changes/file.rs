//! Changes of files on this machine.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use super::{ChangeDoor, Made, NotMade};
use crate::change::{Change, EnvLine, NewValue};
use crate::config::{Text, Values, hash};
use crate::world::journal::ChangeRecord;

impl ChangeDoor<'_> {
    /// Sets a variable in a file, whose other lines stay as they are.
    pub(super) fn edit(&self, line: &EnvLine, change: &Change) -> Result<Made, NotMade> {
        let value = self.value(&line.after)?;
        match value.lend(|value| edited(line, change, value))? {
            Some(text) => self.write(line, change, &text),
            None => Ok(Made::AlreadyRight),
        }
    }

    /// Restores the line that was there, unless it was changed since.
    pub(super) fn take_back_edit(&self, line: &EnvLine, record: &ChangeRecord) -> Result<Made, NotMade> {
        let text = read(line)?;
        let is_ours = line.current(&text).is_some_and(|current| match &line.after {
            NewValue::Known(value) => current == value,
            NewValue::Created(created) => self.value(&line.after).is_ok_and(|value| {
                // Only the hash of a secret is known.
                value.lend(|value| value == if created.field == "secret" { hash(current) } else { current.to_owned() })
            }),
        });
        match line.taken_back(&text).filter(|_| is_ours) {
            Some(restored) => self.write(line, &record.change, &restored),
            None if line.is_absent(&text) => Ok(Made::AlreadyRight),
            None => Err(NotMade::Refused(format!("{} has another value now", line.name))),
        }
    }

    fn write(&self, line: &EnvLine, change: &Change, text: &str) -> Result<Made, NotMade> {
        self.record(change, true)?;
        replace(Path::new(&line.path), text).map_err(|error| failed(line, &error))?;
        Ok(Made::Changed)
    }
}

/// The file with the new value. `None` if it has that value already.
pub(super) fn edited(line: &EnvLine, change: &Change, value: &str) -> Result<Option<String>, NotMade> {
    if !value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte)) {
        return Err(NotMade::Rejected(format!("the new value of {} cannot be written to an env file", line.name)));
    }
    let text = read(line)?;
    let before = variables(line, &text)?;
    let mut wanted = before.clone();
    wanted.insert(line.name.clone(), value.to_owned());
    if before == wanted {
        return Ok(None);
    }
    let changed = line.applied(&text, value).ok_or_else(|| not_as_read(change))?;
    // A line that looks like the variable's may be a part of another value.
    if variables(line, &changed)? == wanted { Ok(Some(changed)) } else { Err(not_as_read(change)) }
}

fn read(line: &EnvLine) -> Result<String, NotMade> {
    std::fs::read_to_string(&line.path).map_err(|error| failed(line, &error))
}

/// The variables of an env file.
fn variables(line: &EnvLine, text: &str) -> Result<BTreeMap<String, String>, NotMade> {
    let values = Values::of(&[Text::new(&line.path, text)], []);
    let values = values.map_err(|_| NotMade::Rejected(format!("{} cannot be read", line.path)))?;
    Ok(values.texts().into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

fn not_as_read(change: &Change) -> NotMade {
    NotMade::Rejected(format!("{} is not as preflight read it", change.object()))
}

fn failed(line: &EnvLine, error: &std::io::Error) -> NotMade {
    NotMade::Rejected(format!("could not change {}: {error}", line.path))
}

/// Replaces the text of a file at once, so that a full disk or a crash leaves the old one. Keeps its permissions.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let path = path.canonicalize()?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".preflight");
    let new = path.with_file_name(name);
    // What a killed fix left, or a link that someone else put there.
    let _ = std::fs::remove_file(&new);
    let written = std::fs::OpenOptions::new().write(true).create_new(true).open(&new).and_then(|mut file| {
        // The file has secrets, so it is never readable for others.
        file.set_permissions(std::fs::metadata(&path)?.permissions())?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&new, &path)
    });
    if written.is_err() {
        let _ = std::fs::remove_file(&new);
    }
    written
}
