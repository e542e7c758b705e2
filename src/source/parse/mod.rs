//! Parses a source file with oxc and reduces it to a [`Tree`].

mod names;

use std::path::Path;

use oxc_allocator::Allocator;
use oxc_ast::ast::{
    Argument, ArrayExpression, ArrowFunctionExpression, AssignmentExpression, BinaryExpression, BinaryOperator,
    BlockStatement, CallExpression, Class, ClassElement, ComputedMemberExpression, ConditionalExpression,
    ExportAllDeclaration, ExportDeclaration, ExportDefaultDeclaration, ExportFromDeclaration, ExportNamedDeclaration,
    Expression, FormalParameters, Function, FunctionType, IdentifierReference, IfStatement, ImportDeclaration,
    LogicalExpression, LogicalOperator, NewExpression, NullLiteral, NumericLiteral, ObjectExpression,
    ObjectPropertyKind, PropertyKey, RegExpLiteral, ReturnStatement, Statement, StaticMemberExpression, StringLiteral,
    SwitchStatement, TSEnumDeclaration, TemplateLiteral, ThisExpression, UnaryExpression, UnaryOperator,
    VariableDeclarator,
};
use oxc_ast_visit::{VisitJs, walk_js};
use oxc_parser::Parser;
use oxc_span::{GetSpan, LabeledSpan, SourceType, Span};
use oxc_syntax::scope::ScopeFlags;

use names::{declared, imports, pattern};

use super::tree::{Case, Export, Import, Key, Kind, Node, Pattern, Property, Tree};
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

impl<'a> VisitJs<'a> for Reducer {
    fn visit_identifier_reference(&mut self, it: &IdentifierReference<'a>) {
        self.push(it.span, Kind::Name(it.name.to_string()));
    }

    fn visit_this_expression(&mut self, it: &ThisExpression) {
        self.push(it.span, Kind::Name("this".to_owned()));
    }

    fn visit_string_literal(&mut self, it: &StringLiteral<'a>) {
        self.push(it.span, self.text(&it.value));
    }

    fn visit_reg_exp_literal(&mut self, it: &RegExpLiteral<'a>) {
        self.push(it.span, Kind::Regex(it.regex.pattern.text.to_string()));
    }

    fn visit_numeric_literal(&mut self, it: &NumericLiteral<'a>) {
        self.push(it.span, Kind::Number(it.value));
    }

    fn visit_null_literal(&mut self, it: &NullLiteral) {
        self.push(it.span, Kind::Null);
    }

    fn visit_template_literal(&mut self, it: &TemplateLiteral<'a>) {
        let mut parts = Vec::new();
        for (at, quasi) in it.quasis.iter().enumerate() {
            let text = quasi.value.cooked.as_ref().unwrap_or(&quasi.value.raw);
            parts.push(self.node(quasi.span, self.text(text)));
            parts.extend(it.expressions.get(at).map(|expression| self.expression(expression)));
        }
        match <[Node; 1]>::try_from(parts) {
            Ok([whole]) => self.push(it.span, whole.kind),
            Err(parts) => self.push(it.span, Kind::Joined(parts)),
        }
    }

    fn visit_static_member_expression(&mut self, it: &StaticMemberExpression<'a>) {
        let object = self.expression(&it.object);
        self.push(it.span, Kind::Member(Box::new(object), it.property.name.to_string()));
    }

    fn visit_computed_member_expression(&mut self, it: &ComputedMemberExpression<'a>) {
        let (object, key) = (self.expression(&it.object), self.expression(&it.expression));
        let kind = match key.text().map(str::to_owned) {
            Some(key) => Kind::Member(Box::new(object), key),
            None => Kind::Index(Box::new(object), Box::new(key)),
        };
        self.push(it.span, kind);
    }

    fn visit_call_expression(&mut self, it: &CallExpression<'a>) {
        let callee = Box::new(self.expression(&it.callee));
        let arguments = self.arguments(&it.arguments);
        self.push(it.span, Kind::Call(callee, arguments));
    }

    fn visit_new_expression(&mut self, it: &NewExpression<'a>) {
        let callee = Box::new(self.expression(&it.callee));
        let arguments = self.arguments(&it.arguments);
        self.push(it.span, Kind::New(callee, arguments));
    }

    fn visit_object_expression(&mut self, it: &ObjectExpression<'a>) {
        let mut properties = Vec::new();
        for property in &it.properties {
            properties.push(match property {
                ObjectPropertyKind::ObjectProperty(property) => {
                    self.property(property.span, &property.key, |reducer| reducer.visit_expression(&property.value))
                }
                ObjectPropertyKind::SpreadProperty(spread) => Property {
                    key: Key::Spread,
                    value: self.expression(&spread.argument),
                    line: self.line_of(spread.span.start as usize),
                },
            });
        }
        self.push(it.span, Kind::Object(properties));
    }

    fn visit_array_expression(&mut self, it: &ArrayExpression<'a>) {
        let elements = it.elements.iter();
        let elements = elements
            .map(|element| self.one(element.span(), |reducer| reducer.visit_array_expression_element(element)))
            .collect();
        self.push(it.span, Kind::Array(elements));
    }

    fn visit_function(&mut self, it: &Function<'a>, _flags: ScopeFlags) {
        let function = self.function(it);
        match &it.id {
            Some(id) if it.r#type == FunctionType::FunctionDeclaration => self.declare(it.span, &id.name, function),
            Some(_) | None => self.nodes.push(function),
        }
    }

    fn visit_arrow_function_expression(&mut self, it: &ArrowFunctionExpression<'a>) {
        let mut body = self.inside(|reducer| reducer.visit_arrow_function_body(&it.body));
        if let Some(value) = it.body.as_expression() {
            let value = match <[Node; 1]>::try_from(body) {
                Ok([value]) => value,
                Err(parts) => self.node(value.span(), Kind::Other(parts)),
            };
            body = vec![self.node(it.span, Kind::Return(Some(Box::new(value))))];
        }
        self.push(it.span, Kind::Function(Self::parameters(&it.params), body));
    }

    fn visit_class(&mut self, it: &Class<'a>) {
        let class = self.class(it);
        match &it.id {
            Some(id) => self.declare(it.span, &id.name, class),
            None => self.nodes.push(class),
        }
    }

    fn visit_ts_enum_declaration(&mut self, it: &TSEnumDeclaration<'a>) {
        let members = it.body.members.iter().filter_map(|member| {
            let value = self.expression(member.initializer.as_ref()?);
            Some(Property { key: Key::Named(member.id.static_name().to_string()), line: value.line, value })
        });
        let members = members.collect();
        let value = self.node(it.span, Kind::Object(members));
        self.declare(it.span, &it.id.name, value);
    }

    fn visit_variable_declarator(&mut self, it: &VariableDeclarator<'a>) {
        let value = it.init.as_ref().map(|value| self.expression(value));
        self.push(it.span, Kind::Declare(pattern(&it.id), value.map(Box::new)));
    }

    fn visit_assignment_expression(&mut self, it: &AssignmentExpression<'a>) {
        let target = self.one(it.left.span(), |reducer| reducer.visit_assignment_target(&it.left));
        let value = self.expression(&it.right);
        self.push(it.span, Kind::Assign(Box::new(target), Box::new(value)));
    }

    fn visit_unary_expression(&mut self, it: &UnaryExpression<'a>) {
        let argument = self.expression(&it.argument);
        self.push(
            it.span,
            match (it.operator, &argument.kind) {
                (UnaryOperator::UnaryNegation, Kind::Number(number)) => Kind::Number(-number),
                _ => Kind::Other(vec![argument]),
            },
        );
    }

    fn visit_binary_expression(&mut self, it: &BinaryExpression<'a>) {
        let (left, right) = (self.expression(&it.left), self.expression(&it.right));
        let kind = match (it.operator, &left.kind, &right.kind) {
            (BinaryOperator::StrictEquality | BinaryOperator::Equality, ..) => {
                Kind::Compare(true, Box::new(left), Box::new(right))
            }
            (BinaryOperator::StrictInequality | BinaryOperator::Inequality, ..) => {
                Kind::Compare(false, Box::new(left), Box::new(right))
            }
            (BinaryOperator::Multiplication, Kind::Number(one), Kind::Number(other)) => Kind::Number(one * other),
            (BinaryOperator::Addition, ..) => Kind::Joined(vec![left, right]),
            _ => Kind::Other(vec![left, right]),
        };
        self.push(it.span, kind);
    }

    fn visit_logical_expression(&mut self, it: &LogicalExpression<'a>) {
        let (left, right) = (self.expression(&it.left), self.expression(&it.right));
        self.push(
            it.span,
            match it.operator {
                LogicalOperator::And => Kind::And(Box::new(left), Box::new(right)),
                LogicalOperator::Or | LogicalOperator::Coalesce => Kind::Or(Box::new(left), Box::new(right)),
            },
        );
    }

    fn visit_conditional_expression(&mut self, it: &ConditionalExpression<'a>) {
        let (test, then) = (self.expression(&it.test), self.expression(&it.consequent));
        let otherwise = self.expression(&it.alternate);
        self.push(it.span, Kind::If(Box::new(test), Box::new(then), Some(Box::new(otherwise))));
    }

    fn visit_if_statement(&mut self, it: &IfStatement<'a>) {
        let (test, then) = (self.expression(&it.test), self.statement(&it.consequent));
        let otherwise = it.alternate.as_ref().map(|statement| self.statement(statement));
        self.push(it.span, Kind::If(Box::new(test), Box::new(then), otherwise.map(Box::new)));
    }

    fn visit_block_statement(&mut self, it: &BlockStatement<'a>) {
        let body = self.inside(|reducer| walk_js::walk_block_statement(reducer, it));
        self.push(it.span, Kind::Other(body));
    }

    fn visit_switch_statement(&mut self, it: &SwitchStatement<'a>) {
        let subject = self.expression(&it.discriminant);
        let mut cases = Vec::new();
        for case in &it.cases {
            let test = case.test.as_ref().map(|test| self.expression(test));
            cases.push(Case { test, body: self.inside(|reducer| reducer.visit_statements(&case.consequent)) });
        }
        self.push(it.span, Kind::Switch(Box::new(subject), cases));
    }

    fn visit_return_statement(&mut self, it: &ReturnStatement<'a>) {
        let value = it.argument.as_ref().map(|value| self.expression(value));
        self.push(it.span, Kind::Return(value.map(Box::new)));
    }

    fn visit_import_declaration(&mut self, it: &ImportDeclaration<'a>) {
        self.imports.extend(imports(it));
    }

    fn visit_export_declaration(&mut self, it: &ExportDeclaration<'a>) {
        for name in declared(&it.declaration) {
            self.export(&name, &name, None);
        }
        walk_js::walk_export_declaration(self, it);
    }

    fn visit_export_named_declaration(&mut self, it: &ExportNamedDeclaration<'a>) {
        it.specifiers.iter().for_each(|one| self.export(&one.exported.name(), &one.local.name(), None));
    }

    fn visit_export_from_declaration(&mut self, it: &ExportFromDeclaration<'a>) {
        let from = Some(it.source.value.as_str());
        it.specifiers.iter().for_each(|one| self.export(&one.exported.name(), &one.local.name(), from));
    }

    fn visit_export_all_declaration(&mut self, it: &ExportAllDeclaration<'a>) {
        let name = it.exported.as_ref().map_or_else(|| "*".to_owned(), |name| name.name().to_string());
        self.export(&name, "*", Some(it.source.value.as_str()));
    }

    fn visit_export_default_declaration(&mut self, it: &ExportDefaultDeclaration<'a>) {
        let mut nodes = self.inside(|reducer| walk_js::walk_export_default_declaration(reducer, it));
        let local = match nodes.as_slice() {
            [Node { kind: Kind::Declare(Pattern::Name(name), _), .. }] => name.clone(),
            _ => "default".to_owned(),
        };
        self.export("default", &local, None);
        if local == "default" {
            let value = nodes.pop().filter(|_| nodes.is_empty());
            let value = value.unwrap_or_else(|| self.node(it.span, Kind::Other(Vec::new())));
            self.declare(it.span, "default", value);
        } else {
            self.nodes.append(&mut nodes);
        }
    }
}
