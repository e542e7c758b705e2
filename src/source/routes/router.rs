//! Routes of routers: Hono, itty-router and Express.

use std::collections::HashMap;

use super::{METHODS, Route, join};
use crate::source::project::{At, Project};
use crate::source::tree::{Kind, Node};

/// What makes a router.
const ROUTERS: [&str; 8] =
    ["Hono", "OpenAPIHono", "Router", "AutoRouter", "IttyRouter", "express", "fastify", "Fastify"];

/// What a function calls the router that it is given.
const PARAMETERS: [&str; 4] = ["app", "router", "server", "fastify"];

/// How many calls a chain that makes a router may have.
const CHAIN: usize = 100;

/// How deep routers are mounted in each other.
const DEPTH: usize = 8;

/// The file and the offset that a router is made at.
type Id = (String, u32);

/// A router, and the prefix that it was given since.
struct Router {
    id: Id,
    prefix: String,
}

/// A router under a path of another.
struct Mount {
    on: Router,
    path: String,
}

/// Every route of every router.
pub(super) fn routes<'t>(project: &Project<'t>) -> Vec<Route<'t>> {
    let mut mounts: HashMap<Id, Vec<Mount>> = HashMap::new();
    let mut found = Vec::new();
    for at in project.all() {
        let Kind::Call(callee, arguments) = &at.node.kind else { continue };
        let Kind::Member(receiver, verb) = &callee.kind else { continue };
        let Some(call) = Call::read(project, at, verb, arguments) else { continue };
        let Some(router) = router(project, at.to(receiver), CHAIN) else { continue };
        // In a chain, every call begins where the chain does.
        let declared = arguments.first().map_or(at, |path| at.to(path));
        match call {
            Call::Mount(path, children) => {
                for child in children.into_iter().filter(|child| child.id != router.id) {
                    let on = Router { id: router.id.clone(), prefix: router.prefix.clone() };
                    mounts.entry(child.id).or_default().push(Mount { on, path: path.clone() });
                }
            }
            Call::Route(methods, paths, handlers) => {
                for path in paths {
                    found.push((
                        router.id.clone(),
                        join(&router.prefix, &path),
                        methods.clone(),
                        handlers.clone(),
                        declared,
                    ));
                }
            }
        }
    }
    let mut routes = Vec::new();
    for (id, path, methods, handlers, at) in found {
        for prefix in prefixes(&mounts, &id, DEPTH) {
            routes.extend(methods.iter().map(|method| Route {
                method: method.clone(),
                path: join(&prefix, &path),
                handlers: handlers.clone(),
                at,
            }));
        }
    }
    routes
}

/// What a call of a router does.
enum Call<'t> {
    /// Methods, paths and handlers.
    Route(Vec<Option<String>>, Vec<String>, Vec<At<'t>>),
    /// Other routers under a path.
    Mount(String, Vec<Router>),
}

impl<'t> Call<'t> {
    fn read(project: &Project<'t>, at: At<'t>, verb: &str, arguments: &'t [Node]) -> Option<Self> {
        let handlers = |from: usize| arguments.iter().skip(from).map(|node| at.to(node)).collect::<Vec<_>>();
        let method = verb.to_uppercase();
        let verb_is_lowercase = verb.bytes().all(|letter| letter.is_ascii_lowercase());
        match verb {
            "route" | "use" | "mount" => {
                let path = arguments.first().and_then(|path| project.text(at.to(path)));
                let children = arguments.iter().skip(usize::from(path.is_some()));
                let children: Vec<_> = children.filter_map(|child| router(project, at.to(child), CHAIN)).collect();
                let path = path.map_or_else(String::new, |path| path.trim_end_matches("/*").to_owned());
                (!children.is_empty()).then_some(Self::Mount(path, children))
            }
            "on" => {
                let methods = texts(project, at.to(arguments.first()?)).into_iter().map(|method| method.to_uppercase());
                Some(Self::Route(methods.map(Some).collect(), texts(project, at.to(arguments.get(1)?)), handlers(2)))
            }
            _ if verb_is_lowercase && (verb == "all" || METHODS.contains(&method.as_str())) => {
                let methods = vec![(verb != "all").then_some(method)];
                let paths = texts(project, at.to(arguments.first()?));
                // After Express' `route(path)`, every argument is a handler.
                if paths.is_empty() {
                    return Some(Self::Route(methods, vec![String::new()], handlers(0)))
                        .filter(|_| is_after_route(at.node));
                }
                let is_route = arguments.len() > 1 && paths.iter().all(|path| path.starts_with(['/', '*']));
                is_route.then(|| Self::Route(methods, paths, handlers(1)))
            }
            _ => None,
        }
    }
}

/// Whether a chain of calls begins with `.route(path)`.
fn is_after_route(call: &Node) -> bool {
    let Kind::Call(callee, arguments) = &call.kind else { return false };
    let Kind::Member(receiver, verb) = &callee.kind else { return false };
    (verb == "route" && arguments.len() == 1) || is_after_route(receiver)
}

/// The string that an argument is, or all of a list.
fn texts<'t>(project: &Project<'t>, at: At<'t>) -> Vec<String> {
    let followed = project.follow(at);
    match &followed.node.kind {
        Kind::Array(items) => items.iter().filter_map(|item| project.text(followed.to(item))).collect(),
        _ => project.text(at).into_iter().collect(),
    }
}

/// The router that an expression is, through the chain of calls that made it.
fn router<'t>(project: &Project<'t>, at: At<'t>, steps: usize) -> Option<Router> {
    let steps = steps.checked_sub(1)?;
    let made = |start: u32, prefix: Option<String>| Router {
        id: (project.path(at).display().to_string(), start),
        prefix: prefix.unwrap_or_default(),
    };
    match &at.node.kind {
        Kind::New(callee, arguments) | Kind::Call(callee, arguments) if is_maker(callee) => {
            return Some(made(at.node.start, base(project, at, arguments)));
        }
        Kind::Call(callee, arguments) => {
            if let Kind::Member(receiver, verb) = &callee.kind {
                let router = router(project, at.to(receiver), steps)?;
                let is_prefix = verb == "basePath" || (verb == "route" && arguments.len() == 1);
                let path = arguments.first().filter(|_| is_prefix).and_then(|path| project.text(at.to(path)));
                let prefix = path.map_or_else(|| router.prefix.clone(), |path| join(&router.prefix, &path));
                return Some(Router { prefix, ..router });
            }
        }
        _ => {}
    }
    let followed = project.follow(at);
    if !std::ptr::eq(followed.node, at.node) {
        return router(project, followed, steps);
    }
    let Kind::Name(name) = &at.node.kind else { return None };
    let is_given = PARAMETERS.contains(&name.as_str()) && project.is_parameter(at);
    is_given.then(|| made(u32::MAX, None))
}

/// `Hono`, `express` or `express.Router`
fn is_maker(callee: &Node) -> bool {
    match &callee.kind {
        Kind::Name(name) | Kind::Member(_, name) => ROUTERS.contains(&name.as_str()),
        _ => false,
    }
}

/// `Router({ base: "/api" })`
fn base<'t>(project: &Project<'t>, at: At<'t>, arguments: &'t [Node]) -> Option<String> {
    project.text(project.property(at.to(arguments.first()?), "base")?)
}

/// Every path that leads to a router.
fn prefixes(mounts: &HashMap<Id, Vec<Mount>>, id: &Id, depth: usize) -> Vec<String> {
    let Some(on) = mounts.get(id) else { return vec![String::new()] };
    let Some(depth) = depth.checked_sub(1) else { return Vec::new() };
    let all = on.iter().flat_map(|mount| {
        let own = join(&mount.on.prefix, &mount.path);
        prefixes(mounts, &mount.on.id, depth).into_iter().map(move |prefix| join(&prefix, &own))
    });
    all.collect()
}
