//! Which file a module path leads to.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

/// What a module path may leave out.
const EXTENSIONS: [&str; 7] = ["ts", "tsx", "mts", "js", "jsx", "mjs", "cjs"];

/// The files of a project, by path.
pub(super) struct Paths<'t>(HashMap<&'t Path, usize>);

impl<'t> Paths<'t> {
    /// Numbers the files in this order.
    pub(super) fn new(files: impl Iterator<Item = &'t Path>) -> Self {
        Self(files.enumerate().map(|(number, path)| (path, number)).collect())
    }

    /// The number of a file.
    pub(super) fn number(&self, file: &Path) -> Option<usize> {
        self.0.get(file).copied()
    }

    /// The file that a module path leads to: a relative one, or one with the usual alias for the folder of sources.
    pub(super) fn module(&self, file: &Path, from: &str) -> Option<usize> {
        if from.starts_with('.') {
            return self.file(&normal(&file.parent()?.join(from)));
        }
        let inside = from.strip_prefix("@/").or_else(|| from.strip_prefix("~/"))?;
        let mut folders = file.ancestors().skip(1);
        folders.find_map(|folder| {
            [folder.join(inside), folder.join("src").join(inside)].iter().find_map(|path| self.file(path))
        })
    }

    fn file(&self, path: &Path) -> Option<usize> {
        let name = path.to_str()?;
        // Module paths may name the file that the compiler would make.
        let stem = [".js", ".mjs", ".cjs", ".jsx"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        let extended = |path: &str| EXTENSIONS.map(|extension| PathBuf::from(format!("{path}.{extension}")));
        let index = EXTENSIONS.map(|extension| path.join(format!("index.{extension}")));
        let candidates = [path.to_owned()].into_iter().chain(extended(stem)).chain(extended(name)).chain(index);
        candidates.into_iter().find_map(|candidate| self.number(&candidate))
    }
}

/// A path without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for step in path.components() {
        match step {
            Component::CurDir => {}
            Component::ParentDir => drop(normal.pop()),
            step => normal.push(step),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(files: &[&str], from: &str) -> Option<usize> {
        Paths::new(files.iter().map(Path::new)).module(Path::new("apps/api/src/index.ts"), from)
    }

    #[test]
    fn a_relative_path_may_leave_out_the_extension_and_the_index() {
        assert_eq!(module(&["apps/api/src/billing.ts"], "./billing"), Some(0));
        assert_eq!(module(&["apps/api/src/billing/index.ts"], "./billing"), Some(0));
        assert_eq!(module(&["apps/api/lib/plans.tsx"], "../lib/plans"), Some(0));
    }

    #[test]
    fn a_path_may_name_what_the_compiler_makes() {
        assert_eq!(module(&["apps/api/src/billing.ts"], "./billing.js"), Some(0));
    }

    #[test]
    fn the_usual_alias_leads_to_the_folder_of_sources() {
        assert_eq!(module(&["apps/web/src/plans.ts", "apps/api/src/plans.ts"], "@/plans"), Some(1));
        assert_eq!(module(&["lib/plans.ts"], "~/lib/plans"), Some(0));
    }

    #[test]
    fn a_package_is_no_file() {
        assert_eq!(module(&["apps/api/src/hono.ts"], "hono"), None);
    }
}
