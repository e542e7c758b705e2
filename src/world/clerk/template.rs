//! JWT templates: what their claims read from a user or an organization.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::claim_path::claim_at;
use super::{Clerk, Holder, NoAnswer, Seen};
use crate::config::Config;
use crate::finding::{Answered, Cause};
use crate::world::field::{Field, Items};
use crate::world::id::ApiPath;
use crate::world::plan_value::plan_text;
use crate::world::seen::List;
use crate::world::transport::optional;

/// A JWT template (docs/providers.md, "Clerk API objects and sign-in").
#[derive(Debug, Clone, Deserialize)]
pub struct JwtTemplate {
    /// The name that the frontend asks for, case-sensitive.
    pub name: String,
    #[serde(default)]
    id: Field<String>,
    #[serde(default)]
    claims: Field<Map<String, Value>>,
    #[serde(default)]
    lifetime: Field<i64>,
    #[serde(default)]
    allowed_clock_skew: Field<i64>,
    #[serde(default)]
    custom_signing_key: Field<bool>,
    #[serde(default)]
    signing_algorithm: Field<String>,
}

/// The value of a claim as the template defines it: text with `{{…}}`, or JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimTemplate(String);

impl JwtTemplate {
    fn field(&self, field: &str) -> String {
        format!("{field} of the JWT template \"{}\"", self.name)
    }

    /// How long a token is valid, in seconds.
    pub(crate) fn lifetime(&self) -> Answered<i64> {
        self.lifetime.known(self.field("lifetime")).copied()
    }

    /// `RS256`, `HS256`, …
    pub(crate) fn signing_algorithm(&self) -> Answered<&str> {
        self.signing_algorithm.known(self.field("signing_algorithm")).map(String::as_str)
    }

    /// Whether tokens are signed with the instance's own RS256 key, which the JWKS publishes.
    pub(crate) fn is_signed_by_instance(&self) -> Answered<bool> {
        let is_custom = *self.custom_signing_key.known(self.field("custom_signing_key"))?;
        Ok(!is_custom && self.signing_algorithm()? == "RS256")
    }

    /// Its ID, if Clerk shows it: to change it.
    pub(crate) fn id(&self) -> Option<&str> {
        self.id.text()
    }

    /// What a change has to repeat, because Clerk replaces it as a whole (docs/providers.md, "Clerk API objects and
    /// sign-in"). `None` if not all of it can be read.
    pub(crate) fn settings(&self) -> Option<Map<String, Value>> {
        let fields = [
            ("claims", Value::Object(self.claims.value()?.clone())),
            ("lifetime", (*self.lifetime.value()?).into()),
            ("allowed_clock_skew", (*self.allowed_clock_skew.value()?).into()),
        ];
        Some(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// Every claim and its path, also those within other claims.
    pub(crate) fn claims(&self) -> Answered<Vec<(String, ClaimTemplate)>> {
        fn within(path: &str, claims: &Map<String, Value>, found: &mut Vec<(String, ClaimTemplate)>) {
            for (name, value) in claims {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                match value {
                    Value::Object(claims) => within(&path, claims, found),
                    value => found.push((path, ClaimTemplate::of(value))),
                }
            }
        }
        let mut found = Vec::new();
        within("", self.claims.known(self.field("claims"))?, &mut found);
        Ok(found)
    }

    /// The claim at that path, if there is one. Within a claim that is public metadata as a whole, it is that metadata's.
    pub(crate) fn claim(&self, path: &str) -> Answered<Option<ClaimTemplate>> {
        let claims = self.claims.known(self.field("claims"))?;
        if let Some(value) = claim_at(claims, path) {
            return Ok(Some(ClaimTemplate::of(value)));
        }
        let Some((around, rest)) = path.split_once('.') else { return Ok(None) };
        let around = claims.get(around).map(ClaimTemplate::of);
        Ok(around.filter(ClaimTemplate::is_one_place).map(|around| around.within(rest)))
    }

    /// Whether the claim of that name is text, not an object.
    pub(crate) fn has_text(&self, name: &str) -> bool {
        self.claims.value().and_then(|claims| claims.get(name)).is_some_and(Value::is_string)
    }

    /// Whether the plan claim is the plan in the holder's public metadata and nothing else, with no paid tier as its
    /// fallback.
    fn carries_plan(&self, config: &Config) -> Answered<bool> {
        let Some(claim) = self.claim(&config.clerk.plan_claim)? else { return Ok(false) };
        let is_plan = claim.sources().first() == Some(&plan_source(config).as_str());
        Ok(is_plan
            && !claim.is_user_writable()
            && !claim.is_private()
            && claim.is_one_expression()
            && claim.paid_fallback(config).is_none())
    }
}

/// Where a template finds the plan: `user.public_metadata.plan`.
#[must_use]
pub fn plan_source(config: &Config) -> String {
    format!("{}.{}", config.entitlement.holder.public_metadata(), config.clerk.metadata_key)
}

/// The plan claim as a template defines it: `{{user.public_metadata.plan}}`.
#[must_use]
pub fn plan_shortcode(config: &Config) -> String {
    format!("{{{{{}}}}}", plan_source(config))
}

impl ClaimTemplate {
    fn of(value: &Value) -> Self {
        Self(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    }

    /// Whether it is one `{{…}}` that reads one place.
    fn is_one_place(&self) -> bool {
        self.is_one_expression() && !self.0.contains("||")
    }

    /// What it is at a path within its place.
    fn within(&self, path: &str) -> Self {
        Self(format!("{{{{{}.{path}}}}}", self.0.trim_matches(['{', '}']).trim()))
    }

    /// The text of the template: `{{user.public_metadata.plan || 'free'}}`.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// What its `{{…}}` read, in order, without quoted fallbacks. Empty if the claim is a constant.
    #[must_use]
    pub fn sources(&self) -> Vec<&str> {
        let expressions = self.0.split("{{").skip(1).filter_map(|rest| rest.split_once("}}"));
        expressions
            .flat_map(|(expression, _)| expression.split("||"))
            .map(str::trim)
            .filter(|part| !part.starts_with(['\'', '"']) && !part.is_empty())
            .collect()
    }

    /// Whether it reads something under `place`.
    #[must_use]
    pub fn reads(&self, place: &str) -> bool {
        self.sources().iter().any(|source| source.starts_with(place))
    }

    /// Whether it reads metadata that users can write themselves. Organizations have none.
    #[must_use]
    pub fn is_user_writable(&self) -> bool {
        self.reads("user.unsafe_metadata")
    }

    /// Whether it reads metadata that only the backend sees.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.reads("user.private_metadata") || self.reads("org.private_metadata")
    }

    /// Whether it reads the public metadata of the other kind of holder.
    #[must_use]
    pub fn is_of_other_kind(&self, config: &Config) -> bool {
        self.reads(config.entitlement.holder.other().public_metadata())
    }

    /// Whether it is one `{{…}}` with no text around it.
    #[must_use]
    pub fn is_one_expression(&self) -> bool {
        self.0.starts_with("{{") && self.0.ends_with("}}") && self.0.matches("{{").count() == 1
    }

    /// The claim in a token of this user, or of a member of this organization. `None` if its metadata does not show it.
    pub(crate) fn value_for(&self, holder: &Holder) -> Option<String> {
        if !self.is_one_expression() {
            return None;
        }
        let metadata = holder.public_metadata().ok()?;
        let source = holder.kind().public_metadata();
        for part in self.0.trim_matches(['{', '}']).split("||").map(str::trim) {
            if part.starts_with(['\'', '"']) {
                return Some(part.trim_matches(['\'', '"']).to_owned());
            }
            let mut steps = part.strip_prefix(source)?.strip_prefix('.')?.split('.');
            let first = metadata.get(steps.next()?);
            let found = first.and_then(|first| steps.try_fold(first, |value, step| value.get(step)));
            if let Some(value) = found.and_then(plan_text) {
                return Some(value);
            }
        }
        None
    }

    /// What it falls back to, with its quotes.
    fn fallbacks(&self) -> impl Iterator<Item = &str> {
        self.0.trim_matches(['{', '}']).split("||").skip(1).map(str::trim)
    }

    /// The paid tier that holders without a plan get, if it falls back to one.
    #[must_use]
    pub fn paid_fallback(&self, config: &Config) -> Option<&str> {
        let mut values = self.fallbacks().map(|value| value.trim_matches(['\'', '"']));
        values.find(|value| config.paid_tiers().any(|tier| tier.metadata == *value))
    }

    /// What holders without a plan get, if it is not the value of any tier.
    #[must_use]
    pub fn unknown_fallback(&self, config: &Config) -> Option<&str> {
        let texts = self.fallbacks().filter(|value| value.starts_with(['\'', '"']));
        let mut texts = texts.map(|value| value.trim_matches(['\'', '"'])).filter(|text| !text.is_empty());
        texts.find(|text| !config.tiers.iter().any(|tier| tier.metadata == *text))
    }
}

impl Clerk<'_> {
    /// The JWT template of that name, or the names of the others if there is none.
    /// Unknown if Clerk does not say, or if a template that could not be read may be this one.
    pub(crate) async fn jwt_template(self, name: &str) -> Answered<Seen<Result<JwtTemplate, Vec<String>>>> {
        let List { items: mut templates, unread, answer } = self.jwt_templates().await?;
        let value = match (templates.iter().position(|template| template.name == name), unread.into_iter().next()) {
            (Some(place), _) => Ok(templates.swap_remove(place)),
            (None, Some(unread)) => return Err(unread),
            (None, None) => Err(templates.into_iter().map(|template| template.name).collect()),
        };
        Ok(Seen { value, answer })
    }

    /// Every JWT template.
    pub(crate) async fn jwt_templates(self) -> Answered<List<JwtTemplate>> {
        let Seen { value, answer } = self.ask::<Items<JwtTemplate>>(&ApiPath::new("/v1/jwt_templates")).await?;
        let (items, unread) = value.split(|place| format!("template {} of {}", place + 1, answer.request));
        Ok(List { items, unread, answer })
    }

    /// Checks that the JWT template does not carry the plan of the other kind of holder. Blocked if it does: then
    /// `entitlement.holder` may be what is wrong, and what the configured kind lacks proves nothing.
    pub(crate) async fn holder_fits(self) -> Answered {
        let config = &self.world.config;
        let Some(name) = &config.clerk.jwt_template else { return Ok(()) };
        let template = optional(self.jwt_template(name)).await;
        let template = template.and_then(|seen| seen.value.ok());
        let claim = template.map(|template| template.claim(&config.clerk.plan_claim));
        match claim {
            Some(Ok(Some(claim))) if claim.is_of_other_kind(config) => {
                Err(NoAnswer::Because(Cause::JwtTemplateUnusable))
            }
            _ => Ok(()),
        }
    }

    /// Checks that tokens can be requested: nothing is known to be wrong with the template. The token itself shows the
    /// rest. Blocked if the template is missing, or its tokens cannot be trusted with the plan.
    pub(crate) async fn usable_template(self) -> Answered {
        let config = &self.world.config;
        let Some(name) = &config.clerk.jwt_template else { return Ok(()) };
        let is_usable = self.jwt_template(name).await?.value.is_ok_and(|template| {
            let properties = [template.is_signed_by_instance(), template.carries_plan(config)];
            !properties.contains(&Ok(false))
        });
        if is_usable { Ok(()) } else { Err(NoAnswer::Because(Cause::JwtTemplateUnusable)) }
    }
}
