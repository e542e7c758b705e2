//! Routes of Workers without a router: comparisons with the path, and tables from paths to handlers.

use super::{METHODS, Route, method_and_path};
use crate::source::project::{At, Project};
use crate::source::tree::{Case, Key, Kind, Node};

/// What shows that a path is that of a page in a browser, or of a middleware.
const PAGES: [&str; 6] = ["location", "window", "useLocation", "usePathname", "useRouter", "nextUrl"];

/// Every route that code compares a request with, or looks up.
pub(super) fn routes<'t>(project: &Project<'t>) -> Vec<Route<'t>> {
    let mut reader = Reader { project, routes: Vec::new() };
    for (path, body) in project.files() {
        // A file of components shows pages.
        if !path.extension().is_some_and(|extension| extension == "tsx" || extension == "jsx") {
            for at in body {
                reader.visit(at, None);
            }
        }
    }
    reader.routes
}

struct Reader<'p, 't> {
    project: &'p Project<'t>,
    routes: Vec<Route<'t>>,
}

/// What a condition asks of a request.
#[derive(Default)]
struct Condition {
    method: Option<String>,
    routes: Vec<(Option<String>, String)>,
}

impl<'t> Reader<'_, 't> {
    /// Reads a node, with the method that an outer condition asks for.
    fn visit(&mut self, at: At<'t>, method: Option<&str>) {
        match &at.node.kind {
            Kind::If(test, then, otherwise) => {
                self.visit(at.to(test), method);
                let condition = self.condition(at.to(test));
                let inner = condition.method.as_deref().or(method);
                self.add(at, condition.routes, inner, &[then]);
                self.visit(at.to(then), inner);
                if let Some(otherwise) = otherwise {
                    self.visit(at.to(otherwise), method);
                }
                return;
            }
            Kind::Switch(subject, cases) => return self.switch(at, subject, cases, method),
            Kind::Object(_) => self.table(at),
            Kind::Array(items) => self.entry(at, items),
            Kind::Call(callee, arguments) if matches!(&callee.kind, Kind::Member(_, name) if name == "set") => {
                self.entry(at, arguments);
            }
            _ => {}
        }
        at.node.children().into_iter().for_each(|child| self.visit(at.to(child), method));
    }

    fn switch(&mut self, at: At<'t>, subject: &'t Node, cases: &'t [Case], method: Option<&str>) {
        let (by_path, by_method) = (self.is_path(at.to(subject)), self.is_method(at.to(subject)));
        for (number, case) in cases.iter().enumerate() {
            // An empty case falls through to the next.
            let empty = cases[number..].iter().take_while(|case| case.body.is_empty()).count();
            let body: Vec<&Node> = cases.get(number + empty).iter().flat_map(|case| &case.body).collect();
            let mut inner = method.map(str::to_owned);
            if let Some(test) = case.test.as_ref().map(|test| at.to(test)) {
                let condition = match self.project.text(test) {
                    Some(text) if by_path && text.starts_with('/') => {
                        Condition { routes: vec![(None, text)], ..Condition::default() }
                    }
                    Some(text) if by_method => Condition { method: Some(text), ..Condition::default() },
                    Some(text) => Condition { routes: combined(&text).into_iter().collect(), ..Condition::default() },
                    None => self.condition(test),
                };
                inner = condition.method.or(inner);
                self.add(test, condition.routes, inner.as_deref(), &body);
            }
            case.body.iter().for_each(|node| self.visit(at.to(node), inner.as_deref()));
        }
    }

    /// `{ "POST /api/usage": handler }`, `{ "/api/usage": handler }`, `{ "/api/usage": { POST: handler } }` and
    /// `{ method: "POST", path: "/api/usage", handler }`
    fn table(&mut self, at: At<'t>) {
        let text = |key: &str| at.node.property(key).and_then(|value| self.project.text(at.to(value)));
        let path = text("path").or_else(|| text("url")).or_else(|| text("pathname"));
        if let (Some(method), Some(path)) = (text("method"), path)
            && METHODS.contains(&method.as_str())
            && path.starts_with('/')
            && at.node.property("handler").is_some()
        {
            return self.add(at, vec![(Some(method), path)], None, &[at.node]);
        }
        for property in at.node.properties() {
            let key = match &property.key {
                Key::Named(name) => Some(name.clone()),
                Key::Computed(key) => self.project.text(at.to(key)),
                Key::Spread => None,
            };
            let (Some(key), value) = (key, at.to(&property.value)) else { continue };
            if let Some(route) = combined(&key) {
                self.add(value, vec![route], None, &[value.node]);
            } else if key.starts_with('/') {
                let followed = self.project.follow(value);
                let by_method = followed.node.properties().iter();
                let by_method = by_method.filter(|one| one.name().is_some_and(|name| METHODS.contains(&name)));
                for one in by_method {
                    let method = one.name().map(str::to_owned);
                    self.add(followed.to(&one.value), vec![(method, key.clone())], None, &[&one.value]);
                }
                if matches!(followed.node.kind, Kind::Function(..)) {
                    self.add(value, vec![(None, key)], None, &[value.node]);
                }
            }
        }
    }

    /// `["POST /api/usage", handler]`, and the same as arguments.
    fn entry(&mut self, at: At<'t>, items: &'t [Node]) {
        if let [key, handler] = items
            && let Some(route) = self.project.text(at.to(key)).and_then(|key| combined(&key))
        {
            self.add(at, vec![route], None, &[handler]);
        }
    }

    fn add(&mut self, at: At<'t>, routes: Vec<(Option<String>, String)>, method: Option<&str>, body: &[&'t Node]) {
        for (own, path) in routes {
            let handlers: Vec<At> = body.iter().map(|node| at.to(node)).collect();
            let method = own.or_else(|| method.map(str::to_owned)).or_else(|| self.asked_inside(&handlers));
            self.routes.push(Route { method, path, handlers, at });
        }
    }

    /// The method that a handler itself asks for: `if (request.method !== "POST") return …`
    fn asked_inside(&self, handlers: &[At<'t>]) -> Option<String> {
        asked_method(self.project, handlers)
    }

    fn condition(&self, at: At<'t>) -> Condition {
        match &at.node.kind {
            Kind::And(one, other) => {
                let (mut one, other) = (self.condition(at.to(one)), self.condition(at.to(other)));
                one.routes.extend(other.routes);
                Condition { method: one.method.or(other.method), routes: one.routes }
            }
            Kind::Or(one, other) => {
                let (mut one, other) = (self.condition(at.to(one)), self.condition(at.to(other)));
                one.routes.extend(other.routes);
                Condition { method: None, routes: one.routes }
            }
            Kind::Compare(true, one, other) => self
                .compared(at.to(one), at.to(other))
                .or_else(|| self.compared(at.to(other), at.to(one)))
                .unwrap_or_default(),
            _ => Condition::default(),
        }
    }

    fn compared(&self, subject: At<'t>, value: At<'t>) -> Option<Condition> {
        let text = self.project.text(value)?;
        if let Some(route) = combined(&text) {
            return Some(Condition { method: None, routes: vec![route] });
        }
        if text.starts_with('/') && self.is_path(subject) {
            return Some(Condition { method: None, routes: vec![(None, text)] });
        }
        let is_method = METHODS.contains(&text.as_str()) && self.is_method(subject);
        is_method.then_some(Condition { method: Some(text), routes: Vec::new() })
    }

    /// Whether an expression is the path of a request's URL.
    fn is_path(&self, at: At<'t>) -> bool {
        let mut origin = self.project.origin(at);
        // `pathname.replace(/\/$/, "")` is still the path.
        while origin.last().is_some_and(|last| last.starts_with('(')) && origin.len() > 1 {
            origin.truncate(origin.len() - 2);
        }
        let of_page = origin.iter().any(|name| PAGES.contains(&name.as_str()));
        let is_named = origin.last().is_some_and(|last| last == "pathname" || (last == "path" && origin.len() == 1));
        is_named && !of_page
    }

    fn is_method(&self, at: At<'t>) -> bool {
        is_method(self.project, at)
    }
}

/// The one method that handlers compare the request's with.
pub(super) fn asked_method<'t>(project: &Project<'t>, handlers: &[At<'t>]) -> Option<String> {
    let mut asked: Vec<String> = Vec::new();
    for at in handlers.iter().flat_map(|handler| project.follow(*handler).all()) {
        let Kind::Compare(_, one, other) = &at.node.kind else { continue };
        for (subject, value) in [(one, other), (other, one)] {
            let method = value.text().filter(|text| METHODS.contains(text) && *text != "OPTIONS");
            if let Some(method) = method.filter(|_| is_method(project, at.to(subject)))
                && !asked.iter().any(|known| known == method)
            {
                asked.push(method.to_owned());
            }
        }
    }
    if asked.len() == 1 { asked.pop() } else { None }
}

fn is_method(project: &Project, at: At) -> bool {
    project.origin(at).last().is_some_and(|last| last == "method")
}

fn combined(text: &str) -> Option<(Option<String>, String)> {
    method_and_path(text).map(|(method, path)| (Some(method.to_owned()), path.to_owned()))
}
