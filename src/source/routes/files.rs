//! Routes by the place of a file: Next.js (both routers) and Cloudflare Pages.

use std::path::Path;

use super::dispatch::asked_method;
use super::{METHODS, Route, join};
use crate::source::project::{At, Project};
use crate::source::tree::{Kind, Property};

/// Every route that a file is, by its name and its exports.
pub(super) fn routes<'t>(project: &Project<'t>) -> Vec<Route<'t>> {
    let mut routes = Vec::new();
    for (file, _) in project.files() {
        let steps: Vec<&str> = file.iter().filter_map(|step| step.to_str()).collect();
        let Some(stem) = file.file_stem().and_then(|stem| stem.to_str()) else { continue };
        let folders = steps.get(..steps.len().saturating_sub(1)).unwrap_or_default();
        let exported = |name: &str| project.export(file, name);
        if let (Some(path), "route") = (below(folders, &["app"]), stem) {
            let path = join(&base_path(project, file), &path);
            let by_method = METHODS.iter().filter_map(|method| Some((*method, exported(method)?)));
            routes.extend(by_method.map(|(method, at)| route(Some(method.to_owned()), &path, at)));
        } else if let Some(path) = below(folders, &["pages", "api"]) {
            if let Some(at) = exported("default") {
                let path = join(
                    &base_path(project, file),
                    &join("api", &join(&path, if stem == "index" { "" } else { stem })),
                );
                routes.push(route(asked_method(project, &[at]), &path, at));
            }
        } else if let Some(path) = below(folders, &["functions"]) {
            let path = join(&path, if stem == "index" { "" } else { stem });
            let any = exported("onRequest").map(|at| route(asked_method(project, &[at]), &path, at));
            let by_method = METHODS.iter().filter_map(|method| {
                let name = format!("onRequest{}{}", &method[..1], method[1..].to_lowercase());
                Some(route(Some((*method).to_owned()), &path, exported(&name)?))
            });
            routes.extend(any.into_iter().chain(by_method));
        }
    }
    routes
}

fn route<'t>(method: Option<String>, path: &str, at: At<'t>) -> Route<'t> {
    Route { method, path: path.to_owned(), handlers: vec![at], at }
}

/// The path that folders after `root` stand for; a `[parameter]` stays in it, and so do parts that are no route.
fn below(folders: &[&str], root: &[&str]) -> Option<String> {
    let start = folders.windows(root.len()).position(|window| window == root)?;
    let steps = folders[start + root.len()..].iter();
    // `(group)` organizes files, and `@slot` is a part of a page.
    let is_shown = |step: &&&str| !step.starts_with(['(', '@']);
    let shown = steps.filter(is_shown);
    let path = shown.copied().collect::<Vec<_>>().join("/");
    let is_private = path.split('/').any(|step| step.starts_with('_'));
    (!is_private).then_some(path)
}

/// `basePath` of the Next.js configuration above a file.
fn base_path(project: &Project, file: &Path) -> String {
    let configurations = project.files().filter(|(path, _)| {
        let is_named = path.file_stem().is_some_and(|stem| stem == "next.config");
        is_named && path.parent().is_some_and(|folder| file.starts_with(folder))
    });
    let base = configurations.flat_map(|(_, body)| body).flat_map(At::all).find_map(|at| match &at.node.kind {
        Kind::Object(properties) => {
            let base = properties.iter().find(|property: &&Property| property.is("basePath"))?;
            project.text(at.to(&base.value))
        }
        _ => None,
    });
    base.unwrap_or_default()
}
