//! The source files of a folder.

use std::fs;
use std::path::{Path, PathBuf};

use super::facts::Skipped;

/// How many files are read.
pub(super) const MOST_FILES: usize = 2000;

/// How many bytes a file may have.
pub(super) const MOST_BYTES: u64 = 1 << 20;

/// How deep folders are entered.
const DEPTH: usize = 24;

/// Folders that hold nothing that a person wrote, or only tests.
const SKIPPED: [&str; 9] =
    ["node_modules", "dist", "build", "out", "target", "vendor", "coverage", "__tests__", "__mocks__"];

/// The extensions of source files.
const EXTENSIONS: [&str; 8] = ["ts", "tsx", "js", "jsx", "mjs", "cjs", "mts", "cts"];

/// The files of a folder, relative to it, in order.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// Source files.
    pub sources: Vec<PathBuf>,
    /// `package.json`
    pub packages: Vec<PathBuf>,
    /// What was left out.
    pub skipped: Vec<Skipped>,
}

/// Lists the files below a folder, in order. Links are not followed.
pub(super) fn walk(root: &Path) -> Files {
    let mut files = Files::default();
    enter(root, Path::new(""), DEPTH, &mut files);
    let surplus = files.sources.split_off(files.sources.len().min(MOST_FILES));
    if let Some(first) = surplus.first() {
        let reason = format!("it and {} more: only the first {MOST_FILES} files are read", surplus.len() - 1);
        files.skipped.push(Skipped { file: first.clone(), reason });
    }
    files
}

fn enter(root: &Path, below: &Path, depth: usize, files: &mut Files) {
    let mut skip = |reason: String| files.skipped.push(Skipped { file: below.to_owned(), reason });
    let Some(depth) = depth.checked_sub(1) else { return skip("the folder is nested too deeply".to_owned()) };
    let entries = match fs::read_dir(root.join(below)) {
        Ok(entries) => entries,
        Err(error) => return skip(format!("the folder could not be read: {error}")),
    };
    let mut entries: Vec<_> = entries.flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (name, Ok(kind)) = (entry.file_name(), entry.file_type()) else { continue };
        let (path, name) = (below.join(&name), name.to_string_lossy());
        if name.starts_with('.') {
            continue;
        }
        if kind.is_dir() && !SKIPPED.contains(&name.as_ref()) {
            enter(root, &path, depth, files);
        } else if kind.is_file() && name == "package.json" {
            files.packages.push(path);
        } else if kind.is_file() && is_source(&name) {
            files.sources.push(path);
        }
    }
}

/// Whether a file is source, by its name: no test, and no declaration of types.
fn is_source(name: &str) -> bool {
    let Some((stem, extension)) = name.rsplit_once('.') else { return false };
    let marker = stem.rsplit_once('.').map(|(_, marker)| marker);
    EXTENSIONS.contains(&extension) && !matches!(marker, Some("test" | "spec" | "d" | "min" | "stories"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(files: &[&str]) -> Vec<String> {
        let root = tempfile::tempdir().unwrap();
        for path in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        walk(root.path()).sources.iter().map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn every_kind_of_source_file_is_found_in_order() {
        let files = ["b.ts", "a/c.tsx", "a/b.js", "d.jsx", "e.mjs", "f.cjs", "g.mts", "h.css", "i.json"];
        assert_eq!(sources(&files), ["a/b.js", "a/c.tsx", "b.ts", "d.jsx", "e.mjs", "f.cjs", "g.mts"]);
    }

    #[test]
    fn dependencies_output_and_hidden_folders_are_left_out() {
        let files =
            ["node_modules/x/a.js", "dist/a.js", "build/a.js", ".next/a.js", ".wrangler/a.js", "coverage/a.js", "a.js"];
        assert_eq!(sources(&files), ["a.js"]);
    }

    #[test]
    fn tests_and_declarations_of_types_are_left_out() {
        assert_eq!(sources(&["a.test.ts", "b.spec.tsx", "__tests__/c.ts", "worker.d.ts", "a.ts"]), ["a.ts"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("a.ts"), "").unwrap();
        std::os::unix::fs::symlink(root.path(), root.path().join("loop")).unwrap();
        std::os::unix::fs::symlink(root.path().join("a.ts"), root.path().join("b.ts")).unwrap();
        assert_eq!(walk(root.path()).sources, [Path::new("a.ts")]);
    }

    #[test]
    fn files_beyond_the_limit_are_reported() {
        let root = tempfile::tempdir().unwrap();
        for number in 0..MOST_FILES + 3 {
            fs::write(root.path().join(format!("{number:05}.ts")), "").unwrap();
        }
        let files = walk(root.path());
        assert_eq!(files.sources.len(), MOST_FILES);
        assert_eq!(files.skipped[0].reason, "it and 2 more: only the first 2000 files are read");
    }
}
