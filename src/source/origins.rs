//! How a value came to be, spelled as names.

use super::project::{At, Declared, Project, STEPS};
use super::tree::{Kind, Node};

impl<'t> Project<'t> {
    /// A value as it is written, as names: `event.data.object` is `event data object`.
    pub(super) fn written(&self, at: At<'t>) -> Vec<String> {
        let mut names = Vec::new();
        self.spell(at, &mut names, None);
        names
    }

    /// How a value came to be, as names: `event.data.object.metadata` with `event` from `constructEvent` is
    /// `… constructEvent () data object metadata`.
    pub(super) fn origin(&self, at: At<'t>) -> Vec<String> {
        let mut names = Vec::new();
        self.spell(at, &mut names, Some(STEPS));
        names
    }

    /// Spells a value, and where it comes from if there are steps to follow it.
    fn spell(&self, at: At<'t>, names: &mut Vec<String>, steps: Option<usize>) {
        let further = steps.map(|steps| steps.checked_sub(1));
        if further == Some(None) {
            return;
        }
        let steps = further.flatten();
        match &at.node.kind {
            Kind::Name(name) => match self.declaration(at).filter(|_| steps.is_some()) {
                Some(Declared { value: Some(value), keys: Some(keys), .. })
                    if !matches!(value.kind, Kind::Function(..) | Kind::Object(_)) || !keys.is_empty() =>
                {
                    self.spell(at.to(value), names, steps);
                    names.extend(keys.into_iter().map(str::to_owned));
                }
                Some(Declared { value: None, keys: Some(keys), .. }) if !keys.is_empty() => {
                    names.extend(keys.into_iter().map(str::to_owned));
                }
                _ => names.push(name.clone()),
            },
            Kind::Member(object, key) => {
                self.spell(at.to(object), names, steps);
                names.push(key.clone());
            }
            Kind::Call(callee, arguments) => {
                let returned = steps.and_then(|_| Self::returned(self.follow(at.to(callee))));
                if let Some(value) = returned {
                    return self.spell(value, names, steps);
                }
                self.spell(at.to(callee), names, steps);
                names.push(format!("({})", arguments.first().and_then(Node::text).unwrap_or_default()));
            }
            Kind::New(callee, _) => {
                self.spell(at.to(callee), names, steps);
                names.push("new".to_owned());
            }
            Kind::Or(first, _) => self.spell(at.to(first), names, steps),
            Kind::Index(object, _) => {
                self.spell(at.to(object), names, steps);
                names.push("[]".to_owned());
            }
            _ => {}
        }
    }

    /// The first value that a function returns which is neither an object nor nothing.
    fn returned(called: At<'t>) -> Option<At<'t>> {
        let Kind::Function(_, body) = &called.node.kind else { return None };
        let mut open: Vec<&Node> = body.iter().rev().collect();
        while let Some(node) = open.pop() {
            match &node.kind {
                Kind::Function(..) => {}
                Kind::Return(Some(value))
                    if matches!(value.kind, Kind::Name(_) | Kind::Member(..) | Kind::Call(..)) =>
                {
                    return Some(called.to(value));
                }
                _ => open.extend(node.children().into_iter().rev()),
            }
        }
        None
    }
}
