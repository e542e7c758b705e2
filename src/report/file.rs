//! Writes a report to disk: all of it, or nothing.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
#[error("could not write the report {}: {reason}", path.display())]
pub struct WriteError {
    /// The file.
    pub path: PathBuf,
    /// Why it could not be written.
    pub reason: io::Error,
}

/// Writes `text` to `path` atomically: a reader sees the old report or the new one, never half of one. Creates missing
/// parent folders.
///
/// # Errors
///
/// If the disk is full, read-only or not writable by the user. The old file stays then.
pub fn write(path: &Path, text: &str) -> Result<(), WriteError> {
    replace(path, text).map_err(|reason| WriteError { path: path.to_owned(), reason })
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let name =
        path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "this is not a file name"))?;
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    if !fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        // In the same folder, because a rename cannot cross disks.
        let draft = folder.join(draft_name(name));
        let written =
            File::create(&draft).and_then(|mut file| fill(&mut file, text)).and_then(|()| fs::rename(&draft, path));
        if written.is_err() {
            let _ = fs::remove_file(&draft);
        }
        return written;
    }
    // A pipe or a device such as `/dev/stdout`: write to it, do not replace it. For a folder, opening it fails.
    fs::OpenOptions::new().write(true).open(path)?.write_all(text.as_bytes())
}

fn fill(file: &mut File, text: &str) -> io::Result<()> {
    file.write_all(text.as_bytes())?;
    // A full disk may report the error only here.
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
    fn missing_folders_are_created() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/report.md");
        write(&path, "text").unwrap();
        assert_eq!(fs::read_to_string(path).unwrap(), "text");
    }

    #[test]
    fn an_older_report_is_replaced_and_no_draft_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.md");
        write(&path, "a long older report").unwrap();
        write(&path, "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_error_names_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = write(&file.join("report.md"), "text").unwrap_err();
        assert_eq!(error.path, file.join("report.md"));
        assert!(error.to_string().contains("could not write the report"), "{error}");
    }

    #[test]
    fn a_folder_is_not_replaced_by_a_report() {
        let folder = tempfile::tempdir().unwrap();
        assert!(write(folder.path(), "text").is_err());
        assert!(folder.path().is_dir());
    }
}
