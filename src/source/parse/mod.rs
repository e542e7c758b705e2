//! Parses a source file with oxc and reduces it to a [`Tree`].

mod names;
mod visitor;

use std::path::Path;

use oxc_allocator::Allocator;
use oxc_ast::ast::{Argument, Class, ClassElement, Expression, FormalParameters, Function, PropertyKey, Statement};
use oxc_ast_visit::VisitJs;
use oxc_parser::Parser;
use oxc_span::{GetSpan, LabeledSpan, SourceType, Span};

use names::pattern;

use super::tree::{Export, Import, Key, Kind, Node, Pattern, Property, Tree};
use crate::config::Redactor;

/// Parses a file.
///
/// # Errors
/// The line of the first syntax error.
pub(super) fn parse(path: &Path, source: &str) -> Result<Tree, usize> {
    let kind = SourceType::from_path(path).unwrap_or_default();
    // JSX is common in .js files, and module syntax in .cjs files that a bundler reads.
    let kind = if kind.is_javascript() { kind.with_jsx(true).with_module(true) } else { kind };
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, source, kind).parse();
    let lines: Vec<usize> = source.match_indices('\n').map(|(at, _)| at).collect();
    let mut reducer =
        Reducer { lines, redactor: Redactor::default(), nodes: Vec::new(), imports: Vec::new(), exports: Vec::new() };
    if parsed.panicked {
        let errors = parsed.diagnostics.errors();
        let at = errors.flat_map(|error| error.labels.iter()).map(LabeledSpan::offset).next();
        return Err(reducer.line_of(at.map_or(0, |at| at as usize)));
    }
    reducer.visit_program(&parsed.program);
    Ok(Tree { path: path.to_owned(), body: reducer.nodes, imports: reducer.imports, exports: reducer.exports })
}

/// Collects nodes. What it does not know by name is walked, so that what it contains is kept.
struct Reducer {
    /// The offset of each line's end.
    lines: Vec<usize>,
    redactor: Redactor,
    nodes: Vec<Node>,
    imports: Vec<Import>,
    exports: Vec<Export>,
}

impl Reducer {
    fn line_of(&self, offset: usize) -> usize {
        self.lines.partition_point(|end| *end < offset) + 1
    }

    fn node(&self, span: Span, kind: Kind) -> Node {
        Node { start: span.start, end: span.end, line: self.line_of(span.start as usize), kind }
    }

    fn push(&mut self, span: Span, kind: Kind) {
        let node = self.node(span, kind);
        self.nodes.push(node);
    }

    /// The nodes that a walk collects.
    fn inside(&mut self, walk: impl FnOnce(&mut Self)) -> Vec<Node> {
        let outside = std::mem::take(&mut self.nodes);
        walk(self);
        std::mem::replace(&mut self.nodes, outside)
    }

    /// The one node that a walk collects, or all of them as one.
    fn one(&mut self, span: Span, walk: impl FnOnce(&mut Self)) -> Node {
        let mut nodes = self.inside(walk);
        let single = if nodes.len() == 1 { nodes.pop() } else { None };
        single.unwrap_or_else(|| self.node(span, Kind::Other(nodes)))
    }

    fn expression(&mut self, expression: &Expression) -> Node {
        self.one(expression.span(), |reducer| reducer.visit_expression(expression))
    }

    fn arguments(&mut self, arguments: &[Argument]) -> Vec<Node> {
        arguments.iter().map(|one| self.one(one.span(), |reducer| reducer.visit_argument(one))).collect()
    }

    fn statement(&mut self, statement: &Statement) -> Node {
        self.one(statement.span(), |reducer| reducer.visit_statement(statement))
    }

    /// A string; one with a secret in it is none, so that no fact can repeat it.
    fn text(&self, text: &str) -> Kind {
        if self.is_public(text) { Kind::Text(text.to_owned()) } else { Kind::Other(Vec::new()) }
    }

    fn is_public(&self, text: &str) -> bool {
        // Shorter than any secret.
        text.len() < 16 || self.redactor.redact(text) == text
    }

    fn key(&mut self, key: &PropertyKey) -> Key {
        match (key.static_name().filter(|name| self.is_public(name)), key.as_expression()) {
            (Some(name), _) => Key::Named(name.into_owned()),
            (None, Some(expression)) => Key::Computed(self.expression(expression)),
            (None, None) => Key::Computed(self.node(key.span(), Kind::Other(Vec::new()))),
        }
    }

    fn property(&mut self, span: Span, key: &PropertyKey, value: impl FnOnce(&mut Self)) -> Property {
        let key = self.key(key);
        Property { key, value: self.one(span, value), line: self.line_of(span.start as usize) }
    }

    fn parameters(parameters: &FormalParameters) -> Vec<Pattern> {
        let rest = parameters.rest.iter().map(|rest| Pattern::Opaque(vec![pattern(&rest.rest.argument)]));
        parameters.items.iter().map(|parameter| pattern(&parameter.pattern)).chain(rest).collect()
    }

    fn function(&mut self, function: &Function) -> Node {
        let body = self.inside(|reducer| {
            function.body.iter().for_each(|body| reducer.visit_statements(&body.statements));
        });
        self.node(function.span, Kind::Function(Self::parameters(&function.params), body))
    }

    fn class(&mut self, class: &Class) -> Node {
        let mut members = Vec::new();
        for member in &class.body.body {
            match member {
                ClassElement::MethodDefinition(method) => {
                    let key = self.key(&method.key);
                    let value = self.function(&method.value);
                    members.push(Property { key, line: value.line, value });
                }
                ClassElement::PropertyDefinition(property) => {
                    if let Some(value) = &property.value {
                        members.push(
                            self.property(property.span, &property.key, |reducer| reducer.visit_expression(value)),
                        );
                    }
                }
                _ => {}
            }
        }
        self.node(class.span, Kind::Object(members))
    }

    fn declare(&mut self, span: Span, name: &str, value: Node) {
        self.push(span, Kind::Declare(Pattern::Name(name.to_owned()), Some(Box::new(value))));
    }

    fn export(&mut self, name: &str, local: &str, from: Option<&str>) {
        let (name, local, from) = (name.to_owned(), local.to_owned(), from.map(str::to_owned));
        self.exports.push(Export { name, local, from });
    }
}
