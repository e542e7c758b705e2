//! A check: data, and one function that reads the world.

mod outcome;

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "CHECK is a constant, and every test would have to borrow it")]
pub(crate) mod testing;

use std::borrow::Cow;
use std::fmt;
use std::future::Future;

use futures::future::BoxFuture;

use crate::finding::{Cause, Code};
use crate::world::World;
use crate::world::subjects::Subject;

pub use outcome::Outcome;

/// The ID of a check, `<group>/<name>`: its path below `checks/`. Stable once released.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct CheckId(Cow<'static, str>);

impl CheckId {
    /// The ID of a built-in check.
    #[must_use]
    pub const fn new(id: &'static str) -> Self {
        Self(Cow::Borrowed(id))
    }

    /// The ID of a check from the configuration.
    #[must_use]
    pub fn made(group: &str, name: &str) -> Self {
        Self(Cow::Owned(format!("{group}/{name}")))
    }

    /// The whole ID, `stripe/price-mode`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the slash, `stripe`.
    #[must_use]
    pub fn group(&self) -> &str {
        self.0.split_once('/').map_or("", |(group, _)| group)
    }
}

impl fmt::Display for CheckId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// One line of the launch checklist.
#[derive(Debug, Clone)]
pub struct Check {
    /// The ID, from the path of its file or from the configuration.
    pub id: CheckId,
    /// The documentation: the title in its first line, then why it matters, how it is verified and how to fix it.
    pub documentation: Cow<'static, str>,
    /// Whether the verdict requires it.
    pub need: Need,
    /// What it sends besides reads; empty if nothing.
    pub sends: Cow<'static, str>,
    /// The causes that this check reports for others.
    pub owns: &'static [Cause],
    /// The codes of its findings.
    pub codes: &'static [Code],
    /// Judges every subject. The ID tells checks from the configuration which item they are for.
    pub judge: for<'w> fn(&'w World, &'w CheckId) -> BoxFuture<'w, Vec<Judgement>>,
}

/// When the verdict requires a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Always. If it is unknown or skipped, the verdict is NOT PROVEN.
    Required,
    /// Only if the configuration has this setting. Otherwise it does not apply.
    Configured(&'static str),
}

impl Check {
    /// A check of this kind for one item of the configuration.
    #[must_use]
    pub fn made(&self, name: &str, title: &str) -> Self {
        let id = CheckId::made(self.id.group(), name);
        let body = self.documentation.trim_start().split_once('\n').map_or("", |(_, body)| body);
        Self { id, documentation: Cow::Owned(format!(" {}.\n{body}", title.trim_end_matches('.'))), ..self.clone() }
    }

    /// Whether `name` is its ID or, for a kind such as `probe/<name>`, one of the IDs of that kind.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        let kind = self.id.as_str().split_once('<').and_then(|(before, _)| name.strip_prefix(before));
        self.id.as_str() == name || kind.is_some_and(|rest| !rest.is_empty())
    }

    /// The first line of the documentation, without its period.
    #[must_use]
    pub fn title(&self) -> &str {
        self.documentation.trim_start().lines().next().unwrap_or_default().trim().trim_end_matches('.')
    }

    /// Its code with this name.
    #[must_use]
    pub fn code(&self, name: &str) -> Option<Code> {
        self.codes.iter().copied().find(|code| code.name() == name)
    }

    /// The text below a `## heading` of the documentation.
    #[must_use]
    pub fn section(&self, heading: &str) -> Option<String> {
        let mut lines = self.documentation.lines().map(|line| line.strip_prefix(' ').unwrap_or(line));
        lines.by_ref().find(|line| line.strip_prefix("## ").is_some_and(|found| found.trim() == heading))?;
        let text: Vec<&str> = lines.take_while(|line| !line.starts_with("## ")).collect();
        Some(text.join("\n").trim().to_owned())
    }
}

/// The result of one check for one subject.
#[derive(Debug, Clone)]
pub struct Judgement {
    /// The subject: `tier pro`, or empty for the deployment as a whole.
    pub subject: String,
    /// The result.
    pub outcome: Outcome,
}

/// Runs a check for all subjects at once.
pub async fn judge<S: Subject, F: Future<Output = Outcome>>(subjects: Vec<S>, run: impl Fn(S) -> F) -> Vec<Judgement> {
    futures::future::join_all(subjects.into_iter().map(|subject| {
        let label = subject.label();
        let outcome = run(subject);
        async move { Judgement { subject: label, outcome: outcome.await } }
    }))
    .await
}

/// `preflight::checks::stripe::price_mode` as `stripe/price-mode`, at compile time.
#[doc(hidden)]
#[must_use]
pub const fn id_of<const LENGTH: usize>(module: &str) -> [u8; LENGTH] {
    let path = module.as_bytes();
    let mut id = [0; LENGTH];
    let (mut from, mut to) = (path.len() - id_length(module) - 1, 0);
    while to < LENGTH {
        id[to] = match path[from] {
            b':' => {
                from += 1;
                b'/'
            }
            b'_' => b'-',
            other => other,
        };
        from += 1;
        to += 1;
    }
    id
}

/// The length of [`id_of`] for `module`: its last two names and a slash.
#[doc(hidden)]
#[must_use]
pub const fn id_length(module: &str) -> usize {
    let path = module.as_bytes();
    let (mut at, mut separators) = (path.len(), 0);
    while at > 1 {
        if path[at - 1] == b':' && path[at - 2] == b':' {
            separators += 1;
            if separators == 2 {
                return path.len() - at - 1;
            }
            at -= 1;
        }
        at -= 1;
    }
    panic!("a check is at checks::<group>::<name>");
}

/// The name of a code from its constant: `OTHER_MODE` as `other-mode`, at compile time.
#[doc(hidden)]
#[must_use]
pub const fn code_of<const LENGTH: usize>(constant: &str) -> [u8; LENGTH] {
    let constant = constant.as_bytes();
    let mut name = [0; LENGTH];
    let mut at = 0;
    while at < LENGTH {
        name[at] = if constant[at] == b'_' { b'-' } else { constant[at].to_ascii_lowercase() };
        at += 1;
    }
    name
}

/// Declares the codes of a check: a doc comment with the meaning, the name, the default severity, and the harm if it is not the
/// usual one of that severity: `UNSIGNED: Failure(Exposure)`.
#[macro_export]
macro_rules! codes {
    ($($(#[doc = $documentation:literal])+ $code:ident: $severity:ident $(($harm:ident))?),* $(,)?) => {
        $(
            $(#[doc = $documentation])+
            const $code: $crate::finding::Code = $crate::finding::Code::declared(
                {
                    const NAME: &[u8] = &$crate::check::code_of::<{ stringify!($code).len() }>(stringify!($code));
                    match str::from_utf8(NAME) {
                        Ok(name) => name,
                        Err(_) => panic!("the name of a constant is UTF-8"),
                    }
                },
                $crate::finding::Severity::$severity,
                concat!($($documentation),+),
            )$(.harming($crate::finding::Harm::$harm))?;
        )*

        /// The codes of this check's findings.
        const CODES: &[$crate::finding::Code] = &[$($code),*];
    };
}

/// Declares the check in a file: the doc comment is its documentation, and the path is its ID. Or declares the kind of the
/// checks that come from the configuration.
#[macro_export]
macro_rules! check {
    (
        $(#[doc = $documentation:literal])*
        pub const CHECK = Check {
            need: $need:expr,
            sends: $sends:literal,
            $(owns: [$($cause:ident),+ $(,)?],)?
            subjects: $subjects:path,
            run $(,)?
        };
    ) => {
        $(#[doc = $documentation])*
        pub const CHECK: $crate::check::Check = $crate::check::Check {
            id: $crate::check::CheckId::new({
                const ID: &[u8] = &$crate::check::id_of::<{ $crate::check::id_length(module_path!()) }>(module_path!());
                match str::from_utf8(ID) {
                    Ok(id) => id,
                    Err(_) => panic!("a module path is UTF-8"),
                }
            }),
            documentation: ::std::borrow::Cow::Borrowed(concat!($($documentation, "\n"),*)),
            need: $need,
            sends: ::std::borrow::Cow::Borrowed($sends),
            owns: &[$($($crate::finding::Cause::$cause),+)?],
            codes: CODES,
            judge: |world, _| Box::pin($crate::check::judge($subjects(world), move |subject| async move {
                let mut outcome = $crate::check::Outcome::new();
                let ended = run(world, subject, &mut outcome).await;
                outcome.ask(ended);
                outcome
            })),
        };
    };
    (
        $(#[doc = $documentation:literal])*
        pub const KIND = Check { id: $id:literal, need: $need:expr, sends: $sends:literal, subjects: $subjects:path, run };
    ) => {
        $(#[doc = $documentation])*
        pub const KIND: $crate::check::Check = $crate::check::Check {
            id: $crate::check::CheckId::new($id),
            documentation: ::std::borrow::Cow::Borrowed(concat!($($documentation, "\n"),*)),
            need: $need,
            sends: ::std::borrow::Cow::Borrowed($sends),
            owns: &[],
            codes: CODES,
            judge: |world, id| Box::pin($crate::check::judge($subjects(world, id), move |subject| async move {
                let mut outcome = $crate::check::Outcome::new();
                let ended = run(world, subject, &mut outcome).await;
                outcome.ask(ended);
                outcome
            })),
        };
    };
}

/// What checks import.
pub mod prelude {
    pub use super::{Check, CheckId, Need, Outcome};
    pub use crate::change::{ClerkMetadata, Fix, NewValue, StripeChange, StripeResource, quoted};
    pub use crate::finding::{Answered, Cause, Code, Evidence, Finding, NoAnswer};
    pub use crate::holder::HolderKind;
    pub use crate::world::subjects::*;
    pub use crate::world::{World, clerk_dashboard, holder_page, optional};
    pub use crate::{check, codes};
}
