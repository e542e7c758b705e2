//! A source file, reduced to what facts are read from: names, values, calls, functions and branches, without types.

use std::path::PathBuf;

/// A source file. Names are not resolved yet.
#[derive(Debug)]
pub(super) struct Tree {
    /// Relative to the project's folder.
    pub path: PathBuf,
    /// The statements, in order.
    pub body: Vec<Node>,
    /// What it imports.
    pub imports: Vec<Import>,
    /// What it exports.
    pub exports: Vec<Export>,
}

/// A local name for something from another module.
#[derive(Debug)]
pub(super) struct Import {
    /// The name in this file.
    pub local: String,
    /// The other module, as it is written: `./billing`.
    pub from: String,
    /// The name there: `default` for the default export, and `*` for all of them.
    pub name: String,
}

/// A name that other modules can import.
#[derive(Debug)]
pub(super) struct Export {
    /// The name outside; `*` for everything that the other module exports.
    pub name: String,
    /// The name in this file, or in the module that it is handed on from.
    pub local: String,
    /// The module that it is handed on from.
    pub from: Option<String>,
}

/// An expression or a statement.
#[derive(Debug)]
pub(super) struct Node {
    /// The offset of its first byte.
    pub start: u32,
    /// The offset after its last byte.
    pub end: u32,
    /// Its line, from 1.
    pub line: usize,
    /// What it is.
    pub kind: Kind,
}

/// What a node is. `await`, parentheses and type assertions leave only what they wrap.
#[derive(Debug)]
pub(super) enum Kind {
    /// A variable, or `this`.
    Name(String),
    /// A string.
    Text(String),
    /// The pattern of a regular expression.
    Regex(String),
    /// A number; `-1` is one.
    Number(f64),
    /// `null`
    Null,
    /// A template literal or a sum: its parts.
    Joined(Vec<Node>),
    /// `object.key`, `object?.key` and `object["key"]`
    Member(Box<Node>, String),
    /// `object[key]`, with a key that is not a string
    Index(Box<Node>, Box<Node>),
    /// `callee(…)`
    Call(Box<Node>, Vec<Node>),
    /// `new callee(…)`
    New(Box<Node>, Vec<Node>),
    /// `{ … }`, a class with its members, or an enum.
    Object(Vec<Property>),
    /// `[…]`
    Array(Vec<Node>),
    /// Parameters and body; an arrow function without braces has one [`Kind::Return`].
    Function(Vec<Pattern>, Vec<Node>),
    /// `const pattern = value`, `function name() {}`, `class name {}`
    Declare(Pattern, Option<Box<Node>>),
    /// `target = value`
    Assign(Box<Node>, Box<Node>),
    /// `a === b`, or `a !== b`: whether it asks for equality, and both sides.
    Compare(bool, Box<Node>, Box<Node>),
    /// `a && b`
    And(Box<Node>, Box<Node>),
    /// `a || b` and `a ?? b`
    Or(Box<Node>, Box<Node>),
    /// `if (test) then else otherwise`, and `test ? then : otherwise`
    If(Box<Node>, Box<Node>, Option<Box<Node>>),
    /// The subject and the cases.
    Switch(Box<Node>, Vec<Case>),
    /// `return value`
    Return(Option<Box<Node>>),
    /// Anything else: what it contains.
    Other(Vec<Node>),
}

/// A property of an object.
#[derive(Debug)]
pub(super) struct Property {
    /// Its key.
    pub key: Key,
    /// Its value.
    pub value: Node,
    /// Its line, from 1.
    pub line: usize,
}

/// The key of a property.
#[derive(Debug)]
pub(super) enum Key {
    /// `key:` and `"key":`
    Named(String),
    /// `[key]:`
    Computed(Node),
    /// `...value`
    Spread,
}

/// `case test:`, or `default:`
#[derive(Debug)]
pub(super) struct Case {
    /// `None` for the default.
    pub test: Option<Node>,
    /// Its statements.
    pub body: Vec<Node>,
}

/// What a declaration or a parameter names.
#[derive(Debug)]
pub(super) enum Pattern {
    /// A name.
    Name(String),
    /// `{ key: pattern }`
    Fields(Vec<(String, Pattern)>),
    /// `[pattern]`, and the rest of an object.
    Opaque(Vec<Pattern>),
}

impl Pattern {
    /// Every name, with the keys that lead to its value; `None` where the value is not one that keys lead to.
    pub(super) fn names(&self) -> Vec<(&str, Option<Vec<&str>>)> {
        match self {
            Self::Name(name) => vec![(name, Some(Vec::new()))],
            Self::Fields(fields) => fields
                .iter()
                .flat_map(|(key, pattern)| {
                    pattern.names().into_iter().map(|(name, keys)| {
                        (name, keys.map(|keys| std::iter::once(key.as_str()).chain(keys).collect()))
                    })
                })
                .collect(),
            Self::Opaque(patterns) => {
                patterns.iter().flat_map(|pattern| pattern.names().into_iter().map(|(name, _)| (name, None))).collect()
            }
        }
    }
}

impl Node {
    /// What it is directly made of.
    pub(super) fn children(&self) -> Vec<&Self> {
        match &self.kind {
            Kind::Name(_) | Kind::Text(_) | Kind::Regex(_) | Kind::Number(_) | Kind::Null => Vec::new(),
            Kind::Joined(nodes) | Kind::Array(nodes) | Kind::Function(_, nodes) | Kind::Other(nodes) => {
                nodes.iter().collect()
            }
            Kind::Member(node, _) => vec![node],
            Kind::Index(one, other)
            | Kind::Assign(one, other)
            | Kind::Compare(_, one, other)
            | Kind::And(one, other)
            | Kind::Or(one, other) => vec![one, other],
            Kind::Call(callee, arguments) | Kind::New(callee, arguments) => {
                std::iter::once(&**callee).chain(arguments).collect()
            }
            Kind::Object(properties) => properties.iter().flat_map(Property::nodes).collect(),
            Kind::Declare(_, value) | Kind::Return(value) => value.as_deref().into_iter().collect(),
            Kind::If(test, then, otherwise) => [&**test, &**then].into_iter().chain(otherwise.as_deref()).collect(),
            Kind::Switch(subject, cases) => std::iter::once(&**subject)
                .chain(cases.iter().flat_map(|case| case.test.iter().chain(&case.body)))
                .collect(),
        }
    }

    /// It, and everything in it, in the order of the source.
    pub(super) fn all(&self) -> Vec<&Self> {
        let (mut all, mut open) = (Vec::new(), vec![self]);
        while let Some(node) = open.pop() {
            all.push(node);
            open.extend(node.children().into_iter().rev());
        }
        all
    }

    /// The value of a property that is written out, without looking into what is spread.
    pub(super) fn property(&self, key: &str) -> Option<&Self> {
        self.properties().iter().rev().find(|property| property.is(key)).map(|property| &property.value)
    }

    /// The properties of an object; none for anything else.
    pub(super) fn properties(&self) -> &[Property] {
        if let Kind::Object(properties) = &self.kind { properties } else { &[] }
    }

    /// Whether a chain of keys ends so: `stripe.checkout.sessions.create`, whatever `stripe` is.
    pub(super) fn ends_with(&self, path: &[&str]) -> bool {
        let Some((last, before)) = path.split_last() else { return true };
        match &self.kind {
            Kind::Member(object, key) => key == last && object.ends_with(before),
            Kind::Name(name) => before.is_empty() && name == last,
            _ => false,
        }
    }

    /// The string that it is.
    pub(super) fn text(&self) -> Option<&str> {
        if let Kind::Text(text) = &self.kind { Some(text) } else { None }
    }
}

impl Property {
    /// Whether this is its key.
    pub(super) fn is(&self, key: &str) -> bool {
        self.name() == Some(key)
    }

    /// The key, if it is written out.
    pub(super) fn name(&self) -> Option<&str> {
        if let Key::Named(name) = &self.key { Some(name) } else { None }
    }

    fn nodes(&self) -> impl Iterator<Item = &Node> {
        let key = if let Key::Computed(key) = &self.key { Some(key) } else { None };
        key.into_iter().chain([&self.value])
    }
}
