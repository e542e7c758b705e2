//! What each kind of syntax is reduced to.

use oxc_ast::ast::{
    ArrayExpression, ArrowFunctionExpression, AssignmentExpression, BinaryExpression, BinaryOperator, BlockStatement,
    CallExpression, Class, ComputedMemberExpression, ConditionalExpression, ExportAllDeclaration, ExportDeclaration,
    ExportDefaultDeclaration, ExportFromDeclaration, ExportNamedDeclaration, Function, FunctionType,
    IdentifierReference, IfStatement, ImportDeclaration, LogicalExpression, LogicalOperator, NewExpression,
    NullLiteral, NumericLiteral, ObjectExpression, ObjectPropertyKind, RegExpLiteral, ReturnStatement,
    StaticMemberExpression, StringLiteral, SwitchStatement, TSEnumDeclaration, TemplateLiteral, ThisExpression,
    UnaryExpression, UnaryOperator, VariableDeclarator,
};
use oxc_ast_visit::{VisitJs, walk_js};
use oxc_span::GetSpan;
use oxc_syntax::scope::ScopeFlags;

use super::Reducer;
use super::names::{declared, imports, pattern};
use crate::source::tree::{Case, Key, Kind, Node, Pattern, Property};

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
