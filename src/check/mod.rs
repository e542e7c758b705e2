//! What a check is, and everything that it can say.

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "CHECK is a constant, and every test would have to borrow it")]
pub(crate) mod testing;

use std::borrow::Cow;
use std::fmt;
use std::future::Future;

use futures::future::BoxFuture;

use crate::world::World;

/// The name of a check, `<group>/<name>`: its path below `checks/`. Stable once released.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct CheckId(Cow<'static, str>);

impl CheckId {
    /// The id of a check that is compiled in.
    #[must_use]
    pub const fn new(id: &'static str) -> Self {
        Self(Cow::Borrowed(id))
    }

    /// The id of a check that the configuration makes.
    #[must_use]
    pub fn made(group: &str, name: &str) -> Self {
        Self(Cow::Owned(format!("{group}/{name}")))
    }

    /// The whole id, `stripe/price-mode`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the slash, `stripe`.
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

/// One line of the launch checklist: data, plus one function of a read-only world.
#[derive(Debug, Clone)]
pub struct Check {
    /// Its name, made from the path of its file or from the configuration.
    pub id: CheckId,
    /// Its documentation: the first line is the title, then the four sections that `explain` prints.
    pub documentation: Cow<'static, str>,
    /// Whether the verdict needs it.
    pub need: Need,
    /// What leaves the machine beyond reads; empty where nothing does.
    pub sends: Cow<'static, str>,
    /// Judges every subject of the check. It is told the check's id, which says what a check that the configuration makes
    /// is about.
    pub judge: for<'w> fn(&'w World, &'w CheckId) -> BoxFuture<'w, Vec<Judgement>>,
}

/// When a check counts towards the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Unknown, skipped or left out, the verdict is NOT PROVEN.
    Required,
    /// Applies where the configuration has what is named here, else it is `na`.
    Configured(&'static str),
}

impl Check {
    /// This kind of check, made for one item of the configuration.
    #[must_use]
    pub fn made(&self, name: &str, title: &str) -> Self {
        let id = CheckId::made(self.id.group(), name);
        let body = self.documentation.trim_start().split_once('\n').map_or("", |(_, body)| body);
        Self { id, documentation: Cow::Owned(format!(" {}.\n{body}", title.trim_end_matches('.'))), ..self.clone() }
    }

    /// Whether it is what `name` asks for: its id, or one of the ids that the configuration can make of this kind,
    /// `probe/<name>`.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        let kind = self.id.as_str().split_once('<').and_then(|(before, _)| name.strip_prefix(before));
        self.id.as_str() == name || kind.is_some_and(|rest| !rest.is_empty())
    }

    /// The first line of the documentation, without its full stop.
    #[must_use]
    pub fn title(&self) -> &str {
        self.documentation.trim_start().lines().next().unwrap_or_default().trim().trim_end_matches('.')
    }

    /// The text below a `## heading` of the documentation.
    #[must_use]
    pub fn section(&self, heading: &str) -> Option<String> {
        let mut lines = self.documentation.lines().map(|line| line.strip_prefix(' ').unwrap_or(line));
        lines.by_ref().find(|line| line.strip_prefix("## ").is_some_and(|found| found.trim() == heading))?;
        let text: Vec<&str> = lines.take_while(|line| !line.starts_with("## ")).collect();
        Some(text.join("\n").trim().to_owned())
    }

    /// The finding codes that the documentation lists, in its order.
    #[must_use]
    pub fn codes(&self) -> Vec<String> {
        let findings = self.section("Findings").unwrap_or_default();
        let listed = findings.lines().filter_map(|line| line.strip_prefix("- `"));
        listed.filter_map(|line| line.split_once('`').map(|(code, _)| code.to_owned())).collect()
    }
}

/// What one check says of one subject.
#[derive(Debug, Clone)]
pub struct Judgement {
    /// The subject in the user's words: `tier pro`, or empty for the deployment as a whole.
    pub subject: String,
    /// What was found.
    pub outcome: Outcome,
}

/// What a check answers for one subject. An error means *could not tell*, and can never become a pass.
pub type Outcome = Result<Verdict, NoAnswer>;

/// An answered question.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// As it should be; says what was seen.
    Pass(String),
    /// Not as it should be. Never empty.
    Findings(Vec<Finding>),
    /// The check has nothing to judge here; says why.
    NotApplicable(String),
}

impl Verdict {
    /// `findings` if there are any, else a pass with what was seen.
    #[must_use]
    pub fn of(findings: Vec<Finding>, seen: impl Into<String>) -> Self {
        if findings.is_empty() { Self::Pass(seen.into()) } else { Self::Findings(findings) }
    }
}

impl From<Finding> for Verdict {
    fn from(finding: Finding) -> Self {
        Self::Findings(vec![finding])
    }
}

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAnswer {
    /// Could not look, and why: a provider's trouble, a permission, an answer that makes no sense.
    Unknown(String),
    /// What would have to be asked with is another check's finding.
    Blocked(CheckId),
    /// Left out by hand, and by which flag.
    LeftOut(String),
}

impl NoAnswer {
    /// Could not look, and why.
    pub fn unknown(reason: impl Into<String>) -> Self {
        Self::Unknown(reason.into())
    }

    /// The question's failure is the finding of the check `id`.
    #[must_use]
    pub const fn blocked(id: &'static str) -> Self {
        Self::Blocked(CheckId::new(id))
    }
}

/// Something that is wrong, with what was seen and how to mend it. Every field is mandatory.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Stable within its check: `other-mode`.
    pub code: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// One sentence: what is wrong, where.
    pub message: String,
    /// What should have been there.
    pub expected: String,
    /// What was there.
    pub actual: String,
    /// Where it was seen.
    pub evidence: Vec<Evidence>,
    /// How to mend it.
    pub fix: Fix,
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; the verdict stays.
    Warning,
    /// A paying customer would not get what was paid for, or somebody gets it without paying.
    Failure,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The request, `GET /v1/prices/price_1…`, or the place in a file.
    pub request: String,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// The provider's name for the request, to quote to its support.
    pub request_id: Option<String>,
    /// The field that was looked at.
    pub field: String,
    /// What stood there.
    pub seen: String,
}

/// How to mend a finding: exact commands, exact pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// One sentence that says what to do.
    pub summary: String,
    /// Commands to type, in order.
    pub commands: Vec<String>,
    /// Pages to open, in order.
    pub links: Vec<String>,
}

impl Fix {
    /// A mend that is said in one sentence.
    pub fn new(summary: impl Into<String>) -> Self {
        Self { summary: summary.into(), commands: Vec::new(), links: Vec::new() }
    }

    /// Adds a command to type.
    #[must_use]
    pub fn command(mut self, command: impl Into<String>) -> Self {
        self.commands.push(command.into());
        self
    }

    /// Adds a page to open.
    #[must_use]
    pub fn link(mut self, link: impl Into<String>) -> Self {
        self.links.push(link.into());
        self
    }
}

/// Something that a check judges by itself: a tier, an endpoint, the deployment.
pub trait Subject {
    /// What the report calls it; empty where there is just one.
    fn label(&self) -> String;
}

/// The one subject of a check that judges the deployment as a whole.
#[derive(Debug, Clone, Copy)]
pub struct Deployment;

impl Subject for Deployment {
    fn label(&self) -> String {
        String::new()
    }
}

/// The deployment as a whole, as the list of subjects that [`check!`](crate::check!) wants.
#[must_use]
pub fn deployment(_: &World) -> Vec<Deployment> {
    vec![Deployment]
}

/// Asks `run` about every subject at once.
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

/// How many bytes [`id_of`] makes of `module`: its last two names and a slash.
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
    panic!("a check stands at checks::<group>::<name>");
}

/// Declares the check of a file: its doc comment is its documentation, its path is its id. Or the kind of the checks that the
/// configuration makes, which have no file of their own.
#[macro_export]
macro_rules! check {
    (
        $(#[doc = $documentation:literal])*
        pub const CHECK = Check { need: $need:expr, sends: $sends:literal, subjects: $subjects:path, run };
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
            judge: |world, _| Box::pin($crate::check::judge($subjects(world), move |subject| run(world, subject))),
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
            judge: |world, id| Box::pin($crate::check::judge($subjects(world, id), move |subject| run(world, subject))),
        };
    };
}

/// All that a check imports.
pub mod prelude {
    pub use super::{
        Check, CheckId, Deployment, Evidence, Finding, Fix, Need, NoAnswer, Outcome, Severity, Subject, Verdict,
        deployment,
    };
    pub use crate::check;
    pub use crate::world::World;
    pub use crate::world::subjects::*;
}
