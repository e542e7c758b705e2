//! The names that declarations, imports and exports have.

use oxc_ast::ast::{BindingPattern, Declaration, ImportDeclaration, ImportDeclarationSpecifier};

use crate::source::tree::{Import, Pattern};

/// What a pattern names. Default values are left out.
pub(super) fn pattern(binding: &BindingPattern) -> Pattern {
    match binding {
        BindingPattern::BindingIdentifier(name) => Pattern::Name(name.name.to_string()),
        BindingPattern::AssignmentPattern(assigned) => pattern(&assigned.left),
        BindingPattern::ArrayPattern(items) => {
            let rest = items.rest.iter().map(|rest| pattern(&rest.argument));
            Pattern::Opaque(items.elements.iter().flatten().map(pattern).chain(rest).collect())
        }
        BindingPattern::ObjectPattern(object) => {
            let named = object
                .properties
                .iter()
                .filter_map(|property| Some((property.key.static_name()?.into_owned(), pattern(&property.value))));
            let rest = object.rest.iter().map(|rest| (String::new(), Pattern::Opaque(vec![pattern(&rest.argument)])));
            Pattern::Fields(named.chain(rest).collect())
        }
    }
}

/// What a module imports with one statement.
pub(super) fn imports(it: &ImportDeclaration) -> Vec<Import> {
    let imports = it.specifiers.iter().flatten().map(|specifier| {
        let (local, name) = match specifier {
            ImportDeclarationSpecifier::ImportSpecifier(it) => (&it.local, it.imported.name().to_string()),
            ImportDeclarationSpecifier::ImportDefaultSpecifier(it) => (&it.local, "default".to_owned()),
            ImportDeclarationSpecifier::ImportNamespaceSpecifier(it) => (&it.local, "*".to_owned()),
        };
        Import { local: local.name.to_string(), from: it.source.value.to_string(), name }
    });
    imports.collect()
}

/// The names of a declaration.
pub(super) fn declared(declaration: &Declaration) -> Vec<String> {
    match declaration {
        Declaration::VariableDeclaration(variables) => {
            let patterns = variables.declarations.iter().map(|one| pattern(&one.id));
            patterns
                .flat_map(|pattern| pattern.names().into_iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>())
                .collect()
        }
        Declaration::FunctionDeclaration(function) => function.id.iter().map(|id| id.name.to_string()).collect(),
        Declaration::ClassDeclaration(class) => class.id.iter().map(|id| id.name.to_string()).collect(),
        Declaration::TSEnumDeclaration(it) => vec![it.id.name.to_string()],
        _ => Vec::new(),
    }
}
