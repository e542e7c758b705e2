//! The files of a project together: what a name stands for, in its file or in another.

use std::collections::HashMap;
use std::path::Path;

use super::facts::Found;
use super::paths::Paths;
use super::tree::{Key, Kind, Node, Pattern, Property, Tree};

/// How many steps a name is followed. Code in a circle ends there.
pub(super) const STEPS: usize = 12;

/// Every file that was parsed.
pub(super) struct Project<'t> {
    modules: Vec<Module<'t>>,
    paths: Paths<'t>,
    /// Every call, by the last name of what it calls.
    calls: HashMap<&'t str, Vec<At<'t>>>,
}

struct Module<'t> {
    tree: &'t Tree,
    declared: HashMap<&'t str, Vec<Declared<'t>>>,
}

/// A name's declaration.
#[derive(Clone)]
pub(super) struct Declared<'t> {
    /// The function, or file, that the name is known in.
    scope: (u32, u32),
    /// The offset of the declaration.
    start: u32,
    /// `None` for a parameter.
    pub value: Option<&'t Node>,
    /// What leads from the value to what the name stands for; `None` if it is not a chain of keys.
    pub keys: Option<Vec<&'t str>>,
}

/// A node, and the number of its file.
#[derive(Clone, Copy)]
pub(super) struct At<'t> {
    module: usize,
    /// The node.
    pub node: &'t Node,
}

impl<'t> At<'t> {
    /// Another node of the same file.
    pub(super) const fn to(self, node: &'t Node) -> Self {
        Self { module: self.module, node }
    }

    /// It, and everything in it.
    pub(super) fn all(self) -> impl Iterator<Item = Self> {
        self.node.all().into_iter().map(move |node| self.to(node))
    }
}

impl<'t> Project<'t> {
    /// Indexes the files.
    pub(super) fn new(trees: &'t [Tree]) -> Self {
        let paths = Paths::new(trees.iter().map(|tree| tree.path.as_path()));
        let modules = trees.iter().map(|tree| {
            let mut declared = HashMap::new();
            tree.body.iter().for_each(|node| declare(node, (0, u32::MAX), &mut declared));
            Module { tree, declared }
        });
        let mut project = Self { modules: modules.collect(), paths, calls: HashMap::new() };
        for at in project.all().collect::<Vec<_>>() {
            if let Kind::Call(callee, _) = &at.node.kind
                && let Kind::Name(name) | Kind::Member(_, name) = &callee.kind
            {
                project.calls.entry(name).or_default().push(at);
            }
        }
        project
    }

    /// Every file with its statements, in order.
    pub(super) fn files(&self) -> impl Iterator<Item = (&'t Path, Vec<At<'t>>)> {
        self.modules.iter().enumerate().map(|(module, Module { tree, .. })| {
            (tree.path.as_path(), tree.body.iter().map(|node| At { module, node }).collect())
        })
    }

    /// Every node of every file.
    pub(super) fn all(&self) -> impl Iterator<Item = At<'t>> {
        self.files().flat_map(|(_, body)| body).flat_map(At::all)
    }

    /// A fact that stands at a node.
    pub(super) fn found<T>(&self, at: At, value: T) -> Found<T> {
        self.found_on(at, at.node.line, value)
    }

    /// A fact that stands on a line of a node's file.
    pub(super) fn found_on<T>(&self, at: At, line: usize, value: T) -> Found<T> {
        Found { value, file: self.path(at).to_owned(), line }
    }

    /// The file that a node is in.
    pub(super) fn path(&self, at: At) -> &'t Path {
        &self.modules[at.module].tree.path
    }

    /// What a file exports under a name.
    pub(super) fn export(&self, file: &Path, name: &str) -> Option<At<'t>> {
        self.exported(self.paths.number(file)?, name, STEPS)
    }

    /// What a node stands for: names, keys and imports are followed as far as they lead.
    pub(super) fn follow(&self, at: At<'t>) -> At<'t> {
        self.resolve(at, STEPS)
    }

    /// The string that a node stands for.
    pub(super) fn text(&self, at: At<'t>) -> Option<String> {
        self.joined(at, STEPS)
    }

    /// A property's value, looked for in what is spread too.
    pub(super) fn property(&self, object: At<'t>, key: &str) -> Option<At<'t>> {
        let object = self.follow(object);
        self.properties(object).into_iter().rev().find(|(_, property)| property.is(key)).map(|(at, _)| at)
    }

    /// The properties of an object with their values, including what is spread into it.
    pub(super) fn properties(&self, object: At<'t>) -> Vec<(At<'t>, &'t Property)> {
        self.spread(object, STEPS)
    }

    /// The module that a name is imported from, and its name there.
    pub(super) fn imported(&self, at: At<'t>) -> Option<(&'t str, &'t str)> {
        let Kind::Name(name) = &at.node.kind else { return None };
        let import = self.modules[at.module].tree.imports.iter().find(|import| import.local == *name)?;
        Some((&import.from, &import.name))
    }

    /// Whether a name is a parameter.
    pub(super) fn is_parameter(&self, at: At<'t>) -> bool {
        self.declaration(at).is_some_and(|declared| declared.value.is_none())
    }

    /// The objects that a value can be: itself, each of its alternatives, or what callers pass for a parameter.
    pub(super) fn objects(&self, at: At<'t>) -> Vec<At<'t>> {
        self.alternatives(at, STEPS)
    }

    fn alternatives(&self, at: At<'t>, steps: usize) -> Vec<At<'t>> {
        let Some(steps) = steps.checked_sub(1) else { return Vec::new() };
        let at = self.resolve(at, steps);
        match &at.node.kind {
            Kind::Object(_) => vec![at],
            Kind::If(_, one, other) => {
                let both = std::iter::once(&**one).chain(other.as_deref());
                both.flat_map(|node| self.alternatives(at.to(node), steps)).collect()
            }
            Kind::And(_, value) => self.alternatives(at.to(value), steps),
            Kind::Or(one, other) => {
                [one, other].into_iter().flat_map(|node| self.alternatives(at.to(node), steps)).collect()
            }
            Kind::Name(name) => self.passed(at, name, steps),
            _ => Vec::new(),
        }
    }

    /// What callers pass for a parameter.
    fn passed(&self, at: At<'t>, parameter: &str, steps: usize) -> Vec<At<'t>> {
        let declared = self.declaration(at).filter(|declared| declared.value.is_none());
        let function = declared.and_then(|declared| self.function(at, declared.scope, parameter));
        let Some((function, number)) = function else { return Vec::new() };
        let calls = self.calls.get(function).into_iter().flatten();
        let passed = calls.filter_map(|call| match &call.node.kind {
            Kind::Call(_, arguments) => Some(call.to(arguments.get(number)?)),
            _ => None,
        });
        passed.flat_map(|argument| self.alternatives(argument, steps)).collect()
    }

    /// The name of the function with this span, and the number of its parameter.
    fn function(&self, at: At<'t>, scope: (u32, u32), parameter: &str) -> Option<(&'t str, usize)> {
        self.modules[at.module].declared.iter().find_map(|(name, declared)| {
            let value = declared.iter().filter_map(|one| one.value).find(|value| (value.start, value.end) == scope)?;
            let Kind::Function(parameters, _) = &value.kind else { return None };
            let number = parameters.iter().position(|one| matches!(one, Pattern::Name(name) if name == parameter))?;
            Some((*name, number))
        })
    }

    /// Where a name is declared, as seen from where it is used.
    pub(super) fn declaration(&self, at: At<'t>) -> Option<Declared<'t>> {
        let Kind::Name(name) = &at.node.kind else { return None };
        let known = self.modules[at.module].declared.get(name.as_str())?;
        let around = known.iter().filter(|one| (one.scope.0..one.scope.1).contains(&at.node.start));
        // Of several in one function, the last before the use: each block can have its own.
        let start = at.node.start;
        around.min_by_key(|one| (one.scope.1 - one.scope.0, start < one.start, start.abs_diff(one.start))).cloned()
    }

    fn resolve(&self, at: At<'t>, steps: usize) -> At<'t> {
        let Some(steps) = steps.checked_sub(1) else { return at };
        let further = match &at.node.kind {
            Kind::Name(_) => self.named(at, steps),
            Kind::Member(object, key) => self.member(at.to(object), key, steps),
            Kind::Call(callee, arguments) => match (&callee.kind, arguments.as_slice()) {
                (Kind::Name(require), [module]) if require == "require" => module
                    .text()
                    .and_then(|from| self.module(at, from))
                    .and_then(|it| self.exported(it, "default", steps)),
                (Kind::Member(object, method), [..]) if method == "freeze" || method == "bind" => {
                    Some(at.to(if method == "bind" { object } else { arguments.first().unwrap_or(object) }))
                }
                _ => None,
            },
            _ => None,
        };
        further.map_or(at, |further| self.resolve(further, steps))
    }

    fn named(&self, at: At<'t>, steps: usize) -> Option<At<'t>> {
        if let Some(declared) = self.declaration(at) {
            let value = at.to(declared.value?);
            // A parameter leads no further.
            return declared.keys?.into_iter().try_fold(value, |at, key| self.member(at, key, steps));
        }
        let (from, name) = self.imported(at).filter(|(_, name)| *name != "*")?;
        self.exported(self.module(at, from)?, name, steps)
    }

    fn member(&self, object: At<'t>, key: &str, steps: usize) -> Option<At<'t>> {
        let steps = steps.checked_sub(1)?;
        if let Some((from, "*")) = self.imported(object) {
            return self.exported(self.module(object, from)?, key, steps);
        }
        let object = self.resolve(object, steps);
        match &object.node.kind {
            Kind::Object(_) => {
                self.spread(object, steps).into_iter().rev().find(|(_, property)| property.is(key)).map(|(at, _)| at)
            }
            // An instance has the members of its class.
            Kind::New(class, _) => {
                let class = self.resolve(object.to(class), steps);
                class.node.property(key).map(|member| class.to(member))
            }
            Kind::Call(callee, arguments) => match (&callee.kind, arguments.as_slice()) {
                (Kind::Name(require), [module]) if require == "require" => {
                    self.exported(self.module(object, module.text()?)?, key, steps)
                }
                _ => None,
            },
            _ => None,
        }
    }

    fn exported(&self, module: usize, name: &str, steps: usize) -> Option<At<'t>> {
        let steps = steps.checked_sub(1)?;
        let Module { tree, declared } = &self.modules[module];
        let by_name = tree.exports.iter().find(|export| export.name == name);
        if let Some(export) = by_name {
            if let Some(from) = &export.from {
                return self.exported(self.paths.module(&tree.path, from)?, &export.local, steps);
            }
            if let Some(declared) = declared.get(export.local.as_str()).and_then(|all| all.first()) {
                let value = At { module, node: declared.value? };
                return declared.keys.as_ref()?.iter().try_fold(value, |at, key| self.member(at, key, steps));
            }
            let import = tree.imports.iter().find(|import| import.local == export.local)?;
            return self.exported(self.paths.module(&tree.path, &import.from)?, &import.name, steps);
        }
        let handed_on = tree.exports.iter().filter(|export| export.name == "*").filter_map(|it| it.from.as_deref());
        let mut handed_on =
            handed_on.filter_map(|from| self.exported(self.paths.module(&tree.path, from)?, name, steps));
        handed_on.next().or_else(|| self.common_js(module, name, steps))
    }

    /// `module.exports = value`, `module.exports.name = value` and `exports.name = value`
    fn common_js(&self, module: usize, name: &str, steps: usize) -> Option<At<'t>> {
        let assigned = self.modules[module].tree.body.iter().flat_map(Node::all).filter_map(|node| match &node.kind {
            Kind::Assign(target, value) => Some((dotted(target)?, &**value)),
            _ => None,
        });
        for (target, value) in assigned {
            let at = At { module, node: value };
            match target.strip_prefix("module.").unwrap_or(&target).strip_prefix("exports") {
                Some("") if name == "default" => return Some(at),
                Some("") => return self.member(at, name, steps),
                Some(key) if key.strip_prefix('.') == Some(name) => return Some(at),
                _ => {}
            }
        }
        None
    }

    fn spread(&self, object: At<'t>, steps: usize) -> Vec<(At<'t>, &'t Property)> {
        let Some(steps) = steps.checked_sub(1) else { return Vec::new() };
        let mut properties = Vec::new();
        for property in object.node.properties() {
            if matches!(property.key, Key::Spread) {
                let objects = self.alternatives(object.to(&property.value), steps);
                properties.extend(objects.into_iter().flat_map(|object| self.spread(object, steps)));
            } else {
                properties.push((object.to(&property.value), property));
            }
        }
        properties
    }

    fn joined(&self, at: At<'t>, steps: usize) -> Option<String> {
        let steps = steps.checked_sub(1)?;
        let at = self.resolve(at, steps);
        match &at.node.kind {
            Kind::Text(text) => Some(text.clone()),
            Kind::Joined(parts) => parts.iter().map(|part| self.joined(at.to(part), steps)).collect(),
            _ => None,
        }
    }

    fn module(&self, at: At, from: &str) -> Option<usize> {
        self.paths.module(self.path(at), from)
    }
}

/// Collects what a node declares.
fn declare<'t>(node: &'t Node, scope: (u32, u32), declared: &mut HashMap<&'t str, Vec<Declared<'t>>>) {
    match &node.kind {
        Kind::Declare(pattern, value) => {
            for (name, keys) in pattern.names() {
                let one = Declared { scope, start: node.start, value: value.as_deref(), keys };
                declared.entry(name).or_default().push(one);
            }
        }
        Kind::Function(parameters, body) => {
            let scope = (node.start, node.end);
            for (name, keys) in parameters.iter().flat_map(Pattern::names) {
                declared.entry(name).or_default().push(Declared { scope, start: node.start, value: None, keys });
            }
            return body.iter().for_each(|node| declare(node, scope, declared));
        }
        _ => {}
    }
    node.children().into_iter().for_each(|child| declare(child, scope, declared));
}

/// `a.b.c`
pub(super) fn dotted(node: &Node) -> Option<String> {
    match &node.kind {
        Kind::Name(name) => Some(name.clone()),
        Kind::Member(object, key) => Some(format!("{}.{key}", dotted(object)?)),
        _ => None,
    }
}
