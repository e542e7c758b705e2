//! What a project's folder says: its env files, its Wrangler file and its package.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::config::{Declared, Mode, Redactor, Text, Wrangler};
use crate::source::{self, SourceFacts};

/// How deep below the folder files are looked for: `apps/api/.dev.vars` is two levels down.
const DEPTH: usize = 3;

/// Folders that hold nothing that a person wrote.
const SKIPPED: [&str; 6] = ["node_modules", "dist", "build", "target", "coverage", "out"];

/// The names that a Wrangler file can have.
const WRANGLER: [&str; 3] = ["wrangler.jsonc", "wrangler.json", "wrangler.toml"];

/// Names of packages that say nothing without their scope.
const GENERAL: [&str; 10] = ["root", "mono", "monorepo", "workspace", "app", "web", "site", "api", "worker", "repo"];

/// The usual names of the environment that serves.
pub(super) const SERVING: [&str; 3] = ["production", "prod", "live"];

/// The ends of the names of env files that hold examples.
const EXAMPLES: [&str; 4] = [".example", ".sample", ".template", ".dist"];

/// What a project's folder says. Paths are relative to it.
#[derive(Debug, Default)]
pub struct Folder {
    /// `.env*` and `.dev.vars*`, by path.
    pub env_files: Vec<Text>,
    /// The Wrangler file, if there is one.
    pub wrangler: Option<Wrangler>,
    /// The project's name, and where it stands.
    pub name: Option<(String, String)>,
    /// What the source says.
    pub source: SourceFacts,
    /// What could not be read, or is one of several.
    pub remarks: Vec<String>,
}

impl Folder {
    /// Reads a folder. What cannot be read is a remark.
    #[must_use]
    pub fn read(root: &Path) -> Self {
        let mut files = BTreeSet::new();
        walk(root, Path::new(""), 0, &mut files);
        let mut folder = Self::default();
        for path in files.iter().filter(|path| is_env_file(path)) {
            match fs::read_to_string(root.join(path)) {
                Ok(contents) => folder.env_files.push(Text::new(path, contents)),
                Err(error) => folder.remarks.push(format!("{} could not be read: {error}", path.display())),
            }
        }
        folder.read_wrangler(root, &files);
        folder.name = folder.name(root);
        folder.source = source::read(root).facts;
        folder
    }

    fn read_wrangler(&mut self, root: &Path, files: &BTreeSet<PathBuf>) {
        let is_wrangler =
            |path: &&PathBuf| WRANGLER.iter().any(|name| path.file_name().is_some_and(|file| file == *name));
        let mut found: Vec<&PathBuf> = files.iter().filter(is_wrangler).collect();
        // The Worker that people reach is near the top, or in a folder that is called so.
        found.sort_by_key(|path| (path.components().count(), !path.to_string_lossy().contains("api")));
        for path in found {
            let text = match fs::read_to_string(root.join(path)) {
                Ok(contents) => Text::new(path, contents),
                Err(error) => {
                    self.remarks.push(format!("{} could not be read: {error}", path.display()));
                    continue;
                }
            };
            match Wrangler::of(&text) {
                Ok(wrangler) if self.wrangler.is_none() => self.wrangler = Some(wrangler),
                Ok(_) => self.remarks.push(format!("{} is another Wrangler file, which was not used", path.display())),
                Err(problems) => self.remarks.push(problems.render(false, 100).trim_end().to_owned()),
            }
        }
    }

    /// The environment of the Wrangler file that serves, if it has several: the one that is called so.
    pub(super) fn serving_environment(&self, mode: Mode) -> Option<&str> {
        let mut environments = self.wrangler.as_ref()?.environments();
        environments.find(|name| mode == Mode::Live && SERVING.contains(name))
    }

    /// What the Wrangler file declares for the Worker that serves.
    pub(super) fn declared(&self, mode: Mode) -> Option<&Declared> {
        self.wrangler.as_ref()?.declared(self.serving_environment(mode))
    }

    /// The address in its routes, if a whole host is: `https://api.acme.com`, and the pattern.
    pub(super) fn route(&self, mode: Mode) -> Option<(String, &str)> {
        let routes = self.declared(mode)?.routes.iter().map(String::as_str);
        let mut hosts = routes.filter_map(|pattern| {
            let host = pattern.trim_start_matches("https://").trim_end_matches("/*").trim_end_matches('/');
            let is_host = host.contains('.') && !host.contains(['*', '/']);
            is_host.then(|| (format!("https://{host}"), pattern))
        });
        hosts.next()
    }

    /// The name in `package.json`, of the script, or of the folder itself.
    fn name(&self, root: &Path) -> Option<(String, String)> {
        let package = fs::read(root.join("package.json")).ok();
        let package = package.and_then(|text| serde_json::from_slice::<Value>(&text).ok());
        let package = package.and_then(|package| package["name"].as_str().map(str::to_owned));
        // A scope is the company's, and the name follows it.
        let package = package.map(|name| (own_name(&name).to_owned(), "package.json".to_owned()));
        let script = || {
            let wrangler = self.wrangler.as_ref()?;
            Some((wrangler.name()?.to_owned(), wrangler.path.display().to_string()))
        };
        let folder = || {
            let path = root.canonicalize().ok()?;
            Some((path.file_name()?.to_str()?.to_owned(), "the folder's name".to_owned()))
        };
        // A key in the wrong place must not be copied into another file.
        let is_public = |(name, _): &(String, String)| !name.is_empty() && Redactor::default().redact(name) == *name;
        package.filter(is_public).or_else(script).or_else(folder).filter(is_public)
    }
}

/// The name without its scope, unless only the scope says whose it is: `@acme/site` is `acme`.
fn own_name(name: &str) -> &str {
    let Some((scope, rest)) = name.strip_prefix('@').and_then(|name| name.split_once('/')) else { return name };
    if GENERAL.contains(&rest) { scope } else { rest }
}

/// Every file down to [`DEPTH`], without following links.
fn walk(root: &Path, below: &Path, depth: usize, files: &mut BTreeSet<PathBuf>) {
    let Ok(entries) = fs::read_dir(root.join(below)) else { return };
    for entry in entries.flatten() {
        let (path, name) = (below.join(entry.file_name()), entry.file_name());
        let name = name.to_string_lossy();
        match entry.file_type() {
            Ok(kind) if kind.is_file() => drop(files.insert(path)),
            Ok(kind)
                if kind.is_dir() && depth < DEPTH && !name.starts_with('.') && !SKIPPED.contains(&name.as_ref()) =>
            {
                walk(root, &path, depth + 1, files);
            }
            _ => {}
        }
    }
}

fn is_env_file(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_named = |stem: &str| name.strip_prefix(stem).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    (is_named(".env") || is_named(".dev.vars")) && !EXAMPLES.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, Folder) {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let folder = Folder::read(root.path());
        (root, folder)
    }

    fn env_files(folder: &Folder) -> Vec<String> {
        folder.env_files.iter().map(|text| text.path.display().to_string()).collect()
    }

    #[test]
    fn env_files_are_found_in_a_monorepo_but_not_examples_or_dependencies() {
        let (_root, folder) = folder(&[
            ("apps/api/.dev.vars", "A=1\n"),
            ("apps/api/.dev.vars.production", "A=1\n"),
            ("apps/web/.env.local", "A=1\n"),
            ("apps/web/.env.example", "A=1\n"),
            (".environment", "A=1\n"),
            ("node_modules/x/.env", "A=1\n"),
        ]);
        assert_eq!(env_files(&folder), ["apps/api/.dev.vars", "apps/api/.dev.vars.production", "apps/web/.env.local"]);
    }

    #[test]
    fn the_wrangler_file_nearest_to_the_top_is_used_and_the_others_are_named() {
        let (_root, folder) = folder(&[
            ("api/wrangler.toml", "name = \"pan-api\"\n"),
            ("jobs/cron/wrangler.jsonc", "{ \"name\": \"cron\" }"),
        ]);
        assert_eq!(folder.wrangler.unwrap().name(), Some("pan-api"));
        assert_eq!(folder.remarks, ["jobs/cron/wrangler.jsonc is another Wrangler file, which was not used"]);
    }

    #[test]
    fn the_name_is_that_of_the_package_then_of_the_script() {
        let wrangler = ("wrangler.toml", "name = \"pan-api\"\n");
        let (_root, named) = folder(&[wrangler, ("package.json", r#"{ "name": "@acme/site" }"#)]);
        assert_eq!(named.name, Some(("acme".to_owned(), "package.json".to_owned())));
        let (_root, named) = folder(&[wrangler, ("package.json", "not JSON")]);
        assert_eq!(named.name, Some(("pan-api".to_owned(), "wrangler.toml".to_owned())));
    }

    #[test]
    fn a_route_of_the_environment_that_serves_is_an_address() {
        let text = r#"{
            "name": "pan-api", "route": "dev.acme.com/*",
            "env": { "production": { "routes": [{ "pattern": "acme.com/api/*" }, { "pattern": "api.acme.com", "custom_domain": true }] } }
        }"#;
        let (_root, folder) = folder(&[("wrangler.jsonc", text)]);
        assert_eq!(folder.route(Mode::Live), Some(("https://api.acme.com".to_owned(), "api.acme.com")));
        assert_eq!(folder.route(Mode::Test), Some(("https://dev.acme.com".to_owned(), "dev.acme.com/*")));
    }

    #[test]
    fn a_broken_wrangler_file_is_a_remark() {
        let (_root, folder) = folder(&[("wrangler.toml", "name = \n")]);
        assert!(folder.wrangler.is_none() && folder.remarks[0].contains("wrangler.toml:1"), "{:?}", folder.remarks);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_a_folder_is_not_followed() {
        let root = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(root.path(), root.path().join("loop")).unwrap();
        fs::write(root.path().join(".env"), "A=1\n").unwrap();
        assert_eq!(env_files(&Folder::read(root.path())), [".env"]);
    }
}
