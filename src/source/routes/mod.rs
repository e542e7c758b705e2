//! Routes: from routers, from code that compares paths, and from the places of files.

mod dispatch;
mod files;
mod role;
mod router;
#[cfg(test)]
mod tests;

use super::facts::{Found, FoundRoute, Role};
use super::project::{At, Project};
use super::words::{names_organization, names_tier, names_user};

pub(super) use role::reachable;

/// The methods that a route can have.
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

/// A route, before its handlers are read.
pub(super) struct Route<'t> {
    /// `None`: any, or not known.
    pub method: Option<String>,
    /// With the prefixes of its routers.
    pub path: String,
    /// What answers, and what is asked before.
    pub handlers: Vec<At<'t>>,
    /// Where it is declared.
    pub at: At<'t>,
}

/// Every route that a client can call: as it is written, or with the parameters that [`is_fillable`] knows.
pub(super) fn routes<'t>(project: &Project<'t>) -> Vec<Route<'t>> {
    let mut routes = router::routes(project);
    routes.extend(dispatch::routes(project));
    routes.extend(files::routes(project));
    routes.retain(|route| {
        let is_plain = route.path.starts_with('/') && !route.path.contains(['*', '{', '(', ' ']);
        is_plain && route.path.split('/').all(is_fillable)
    });
    routes.sort_by(|one, other| {
        let place = |route: &Route<'t>| (project.path(route.at), route.at.node.start);
        place(one).cmp(&place(other))
    });
    routes
}

/// Whether a segment of a path is fixed, or a parameter for who buys or for what is bought: `:orgId`, `[plan]`.
fn is_fillable(segment: &str) -> bool {
    let parameter = segment.strip_prefix(':').or_else(|| segment.strip_prefix('[')?.strip_suffix(']'));
    match parameter {
        Some(name) => names_organization(name) || names_user(name) || names_tier(name),
        None => !segment.contains([':', '[']),
    }
}

/// The routes with what they are for, each once.
pub(super) fn facts(project: &Project, routes: &[Route]) -> Vec<Found<FoundRoute>> {
    let mut facts: Vec<Found<FoundRoute>> = Vec::new();
    for route in routes {
        let fact = project.found(route.at, role::judge(project, route));
        let same = facts.iter_mut().find(|known| {
            known.value.path == fact.value.path
                && (known.value.method == fact.value.method || fact.value.method.is_none())
        });
        match same {
            // The handler is where the role shows.
            Some(known) if known.value.role.is_none() && fact.value.role.is_some() => *known = fact,
            Some(_) => {}
            None => facts.push(fact),
        }
    }
    facts.sort_by(|one, other| (&one.file, one.line).cmp(&(&other.file, other.line)));
    facts
}

/// The first route that is for something, and its path.
pub(super) fn path_of(facts: &[Found<FoundRoute>], role: Role) -> Option<Found<String>> {
    let route = facts.iter().find(|route| route.value.role == Some(role))?;
    Some(Found { value: route.value.path.clone(), file: route.file.clone(), line: route.line })
}

/// A path after a prefix, without doubled or trailing slashes.
fn join(prefix: &str, path: &str) -> String {
    let whole = format!("{prefix}/{path}");
    let steps: Vec<&str> = whole.split('/').filter(|step| !step.is_empty()).collect();
    format!("/{}", steps.join("/"))
}

/// `POST /api/usage`, as method and path.
fn method_and_path(text: &str) -> Option<(&str, &str)> {
    let (method, path) = text.split_once([' ', ':'])?;
    (METHODS.contains(&method) && path.starts_with('/')).then_some((method, path))
}
