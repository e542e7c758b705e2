//! A report on disk: whole, or not there.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the report {} could not be written: {reason}", path.display())]
pub struct Error {
    /// The file that there should be.
    pub path: PathBuf,
    /// Why there is none.
    pub reason: io::Error,
}

/// Writes `text` to `path`, so that a reader sees the old report or the new one, and never half of one. Makes the folders
/// above it.
///
/// # Errors
///
/// Where the disk is full, read-only, or not the user's. What stood at `path` still stands there then.
pub fn write(path: &Path, text: &str) -> Result<(), Error> {
    replace(path, text).map_err(|reason| Error { path: path.to_owned(), reason })
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let name =
        path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "this is not a file's name"))?;
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    if !fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        // In the same folder, since a file cannot be moved to another disk in one step.
        let draft = folder.join(draft_name(name));
        let written =
            File::create(&draft).and_then(|mut file| fill(&mut file, text)).and_then(|()| fs::rename(&draft, path));
        if written.is_err() {
            let _ = fs::remove_file(&draft);
        }
        return written;
    }
    // A pipe or a device, `/dev/stdout`: replacing it would be worse than writing to it. A folder says so itself.
    fs::OpenOptions::new().write(true).open(path)?.write_all(text.as_bytes())
}

fn fill(file: &mut File, text: &str) -> io::Result<()> {
    file.write_all(text.as_bytes())?;
    // A full disk may say so only now.
    file.sync_all()
}

fn draft_name(name: &std::ffi::OsStr) -> OsString {
    let mut draft = OsString::from(".");
    draft.push(name);
    draft.push(format!(".{}", std::process::id()));
    draft
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folders_above_are_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/report.md");
        write(&path, "text").unwrap();
        assert_eq!(fs::read_to_string(path).unwrap(), "text");
    }

    #[test]
    fn an_older_report_is_replaced_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.md");
        write(&path, "a long older report").unwrap();
        write(&path, "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_in_the_way_is_said_with_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = write(&file.join("report.md"), "text").unwrap_err();
        assert_eq!(error.path, file.join("report.md"));
        assert!(error.to_string().contains("could not be written"), "{error}");
    }

    #[test]
    fn a_folder_in_the_place_of_the_report_stays() {
        let folder = tempfile::tempdir().unwrap();
        assert!(write(folder.path(), "text").is_err());
        assert!(folder.path().is_dir());
    }
}
