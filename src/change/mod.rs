//! What would fix a finding, as data: a change knows how it reads in a sentence, as a command, as a link and as a request.
//! This module imports nothing from the rest of the crate.

mod clerk;
mod file;
mod shell;
mod stripe;
mod value;
mod worker;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use clerk::{ClerkMetadata, ClerkTemplate};
pub use file::EnvLine;
pub use shell::quoted;
pub use stripe::{FieldChange, StripeChange, StripeResource};
pub use value::{Created, NewValue};
pub use worker::{Deployment, SecretSource, WorkerSecret};

/// How to fix a finding: one sentence, and the changes in the order in which they are safe.
#[derive(Debug, Clone, PartialEq)]
pub struct Fix {
    /// One sentence that says what to do.
    pub summary: String,
    /// The changes, in order.
    pub steps: Vec<Change>,
    /// Whether a person has to decide first which of them is right.
    pub is_choice: bool,
    /// Who can make all of it, if a saved report says so. It has the changes only as commands and pages.
    pub saved_actor: Option<Actor>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Updates or creates an object at Stripe.
    Stripe(StripeChange),
    /// Sets one key in a user's public metadata at Clerk.
    ClerkMetadata(ClerkMetadata),
    /// Updates or creates a JWT template at Clerk.
    ClerkTemplate(ClerkTemplate),
    /// Sets a secret on the Worker.
    WorkerSecret(WorkerSecret),
    /// Sets a variable in an env file.
    EnvLine(EnvLine),
    /// Deploys the Worker, after its code or its Wrangler file was changed.
    Deploy(Deployment),
    /// Lines of code, as an example: TypeScript for the Worker, or a part of a file.
    Code(String),
    /// Another command to type. Text from outside must be [`quoted`] in it.
    Command(String),
    /// A page to open, for what only a person can do.
    Page(String),
}

/// Who makes a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Actor {
    /// `preflight fix`.
    Machine,
    /// You, with a command or in a dashboard.
    Person,
    /// Someone who changes the code.
    Developer,
}

impl Fix {
    /// A fix in one sentence.
    pub fn new(summary: impl Into<String>) -> Self {
        Self { summary: summary.into(), steps: Vec::new(), is_choice: false, saved_actor: None }
    }

    /// Adds a change.
    #[must_use]
    pub fn then(mut self, change: impl Into<Change>) -> Self {
        self.steps.push(change.into());
        self
    }

    /// Adds lines of code.
    #[must_use]
    pub fn code(self, lines: impl Into<String>) -> Self {
        self.then(Change::Code(lines.into()))
    }

    /// Adds a command to type.
    #[must_use]
    pub fn command(self, command: impl Into<String>) -> Self {
        self.then(Change::Command(command.into()))
    }

    /// Adds a change that is right only if a person decides so: its command and its page.
    #[must_use]
    pub fn suggest(self, change: impl Into<Change>) -> Self {
        Self { is_choice: true, ..self.by_hand(change) }
    }

    /// Adds a change that alone does not fix the problem, so a person makes it: its command and its page.
    #[must_use]
    pub fn by_hand(self, change: impl Into<Change>) -> Self {
        let change = change.into();
        let fix = change.command().into_iter().fold(self, Self::command);
        change.link().into_iter().fold(fix, Self::link)
    }

    /// Adds a page to open.
    #[must_use]
    pub fn link(self, link: impl Into<String>) -> Self {
        self.then(Change::Page(link.into()))
    }

    /// The commands to type, in order.
    #[must_use]
    pub fn commands(&self) -> Vec<String> {
        self.steps.iter().filter_map(Change::command).collect()
    }

    /// The lines of code.
    #[must_use]
    pub fn code_lines(&self) -> Vec<String> {
        let code = self.steps.iter().filter_map(|step| if let Change::Code(code) = step { Some(code) } else { None });
        code.flat_map(|code| code.lines()).map(str::to_owned).collect()
    }

    /// The pages to open, in order, each once.
    #[must_use]
    pub fn links(&self) -> Vec<String> {
        let mut links = Vec::new();
        for link in self.steps.iter().filter_map(Change::link) {
            if !links.contains(&link) {
                links.push(link);
            }
        }
        links
    }

    /// Who can make all of it: `preflight fix`, you, or someone who changes the code.
    #[must_use]
    pub fn actor(&self) -> Actor {
        if let Some(actor) = self.saved_actor {
            return actor;
        }
        let is_changed_in_place = |step: &Change| !matches!(step, Change::Page(_));
        match self.steps.iter().filter(|step| is_changed_in_place(step)).collect::<Vec<_>>().as_slice() {
            [] if self.steps.is_empty() => Actor::Developer,
            [] => Actor::Person,
            changes if changes.iter().all(|change| change.is_for_machine()) => Actor::Machine,
            changes if changes.iter().any(|change| matches!(change, Change::Code(_) | Change::Deploy(_))) => {
                Actor::Developer
            }
            _ => Actor::Person,
        }
    }

    /// Changes every text in it, such as to redact it.
    pub fn for_each_text(&mut self, change: &impl Fn(&mut String)) {
        change(&mut self.summary);
        for step in &mut self.steps {
            step.for_each_text(change);
        }
    }
}

impl Change {
    /// The command that makes it, with every value quoted for the shell. `None` for a page.
    #[must_use]
    pub fn command(&self) -> Option<String> {
        match self {
            Self::Stripe(change) => Some(change.command()),
            Self::ClerkMetadata(change) => Some(change.command()),
            Self::ClerkTemplate(change) => Some(change.command()),
            Self::WorkerSecret(change) => Some(change.command()),
            Self::Deploy(deployment) => Some(deployment.command()),
            Self::Command(command) => Some(command.clone()),
            Self::EnvLine(_) | Self::Code(_) | Self::Page(_) => None,
        }
    }

    /// The page that shows what it changes.
    #[must_use]
    pub fn link(&self) -> Option<String> {
        match self {
            Self::Stripe(change) => Some(change.link()),
            Self::ClerkMetadata(change) => Some(change.link()),
            Self::ClerkTemplate(_) => Some(clerk::TEMPLATES.to_owned()),
            Self::Page(link) => Some(link.clone()),
            Self::WorkerSecret(_) | Self::EnvLine(_) | Self::Deploy(_) | Self::Code(_) | Self::Command(_) => None,
        }
    }

    /// Whether `preflight fix` can make it.
    #[must_use]
    pub const fn is_for_machine(&self) -> bool {
        match self {
            Self::Stripe(_) | Self::ClerkMetadata(_) | Self::ClerkTemplate(_) | Self::EnvLine(_) => true,
            Self::WorkerSecret(change) => change.is_for_machine(),
            Self::Deploy(_) | Self::Code(_) | Self::Command(_) | Self::Page(_) => false,
        }
    }

    /// Whether it makes something that was not there.
    #[must_use]
    pub const fn creates(&self) -> bool {
        match self {
            Self::Stripe(change) => change.id.is_none(),
            Self::ClerkTemplate(change) => change.id.is_none(),
            _ => false,
        }
    }

    /// The earlier change that it needs a value from.
    #[must_use]
    pub const fn needs(&self) -> Option<&Created> {
        match self {
            Self::WorkerSecret(WorkerSecret { source: SecretSource::New(NewValue::Created(created)), .. })
            | Self::EnvLine(EnvLine { after: NewValue::Created(created), .. }) => Some(created),
            _ => None,
        }
    }

    /// Whether it needs a value that `creation` makes.
    #[must_use]
    pub fn follows(&self, creation: &Self) -> bool {
        self.needs().is_some_and(|needed| needed.object == creation.object())
    }

    /// What can lack a right for it, and the rights in the provider's words. A Clerk secret key has all of them.
    #[must_use]
    pub fn permissions(&self) -> Option<(&'static str, Vec<&'static str>)> {
        match self {
            Self::Stripe(change) => Some(("a restricted Stripe key", change.permissions())),
            Self::WorkerSecret(_) => Some(("the Cloudflare API token", vec!["\"Workers Scripts Write\""])),
            _ => None,
        }
    }

    /// What it changes: `product prod_1 ("Pro")`.
    #[must_use]
    pub fn object(&self) -> String {
        match self {
            Self::Stripe(change) => change.object(),
            Self::ClerkMetadata(change) => format!("{} {}", change.kind().word(), change.holder),
            Self::ClerkTemplate(change) => format!("JWT template \"{}\"", change.name),
            Self::WorkerSecret(change) => change.object(),
            Self::EnvLine(line) => line.object(),
            Self::Deploy(_) | Self::Code(_) => "the Worker".to_owned(),
            Self::Command(command) => command.clone(),
            Self::Page(link) => link.clone(),
        }
    }

    /// Each field that it changes: its name, the value before and the value after.
    #[must_use]
    pub fn fields(&self) -> Vec<(String, String, String)> {
        match self {
            Self::Stripe(change) => change.fields.iter().map(FieldChange::row).collect(),
            Self::ClerkMetadata(change) => vec![change.row()],
            Self::ClerkTemplate(change) => change.rows(),
            Self::WorkerSecret(change) => vec![change.row()],
            Self::EnvLine(line) => vec![line.row()],
            Self::Deploy(_) | Self::Code(_) | Self::Command(_) | Self::Page(_) => Vec::new(),
        }
    }

    fn for_each_text(&mut self, change: &impl Fn(&mut String)) {
        match self {
            Self::Stripe(stripe) => stripe.for_each_text(change),
            Self::ClerkMetadata(metadata) => {
                [&mut metadata.holder, &mut metadata.key].into_iter().for_each(change);
                each_text(&mut metadata.before, change);
                each_text(&mut metadata.after, change);
            }
            Self::ClerkTemplate(template) => {
                change(&mut template.name);
                each_text(&mut template.before, change);
                each_text(&mut template.after, change);
            }
            Self::WorkerSecret(secret) => {
                change(&mut secret.name);
                if let SecretSource::New(value) = &mut secret.source {
                    value.for_each_text(change);
                }
            }
            Self::EnvLine(line) => {
                change(&mut line.path);
                line.before.iter_mut().for_each(change);
                line.after.for_each_text(change);
            }
            Self::Deploy(_) => {}
            Self::Code(text) | Self::Command(text) | Self::Page(text) => change(text),
        }
    }
}

impl From<StripeChange> for Change {
    fn from(change: StripeChange) -> Self {
        Self::Stripe(change)
    }
}

impl From<ClerkMetadata> for Change {
    fn from(change: ClerkMetadata) -> Self {
        Self::ClerkMetadata(change)
    }
}

impl From<ClerkTemplate> for Change {
    fn from(change: ClerkTemplate) -> Self {
        Self::ClerkTemplate(change)
    }
}

impl From<WorkerSecret> for Change {
    fn from(change: WorkerSecret) -> Self {
        Self::WorkerSecret(change)
    }
}

impl From<EnvLine> for Change {
    fn from(line: EnvLine) -> Self {
        Self::EnvLine(line)
    }
}

impl From<Deployment> for Change {
    fn from(change: Deployment) -> Self {
        Self::Deploy(change)
    }
}

/// A value for people: text in quotes, and nothing as `(not set)`.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "(not set)".to_owned(),
        Value::Array(items) => items.iter().map(bare).collect::<Vec<_>>().join(", "),
        Value::String(text) => format!("\"{text}\""),
        other => other.to_string(),
    }
}

/// A value without quotes: text as it is.
fn bare(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn each_text(value: &mut Value, change: &impl Fn(&mut String)) {
    match value {
        Value::String(text) => change(text),
        Value::Array(items) => items.iter_mut().for_each(|item| each_text(item, change)),
        Value::Object(fields) => fields.values_mut().for_each(|field| each_text(field, change)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn metadata(id: &str, plan: &str) -> StripeChange {
        StripeChange::update(StripeResource::Product, true, id, "Pro").set("metadata.plan", json!(null), json!(plan))
    }

    #[test]
    fn a_command_quotes_what_came_from_outside() {
        let fix = Fix::new("Set it.").then(metadata("prod_1;rm -rf ~", "pro plan"));
        assert_eq!(fix.commands(), ["stripe products update 'prod_1;rm -rf ~' -d 'metadata[plan]=pro plan' --live"]);
    }

    #[test]
    fn a_fix_that_an_api_can_make_needs_no_person() {
        let machine = Fix::new("Set it.").then(metadata("prod_1", "pro"));
        assert_eq!(machine.actor(), Actor::Machine);
        assert_eq!(machine.clone().then(Deployment { environment: None }).actor(), Actor::Developer);
        assert_eq!(Fix::new("Open it.").link("https://dashboard.stripe.com").actor(), Actor::Person);
        assert_eq!(Fix::new("Change the code.").actor(), Actor::Developer);
    }

    #[test]
    fn every_text_in_a_fix_can_be_redacted() {
        let mut fix = Fix::new("sk").then(metadata("sk", "sk")).command("sk").link("sk");
        fix.for_each_text(&|text| *text = text.replace("sk", "…"));
        assert!(!format!("{fix:?}").contains("sk"), "{fix:?}");
    }
}
