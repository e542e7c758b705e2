//! The JWT template that carries the plan to the Worker.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Clerk, NoAnswer, Seen};
use crate::config::Config;
use crate::finding::{Answered, Cause};
use crate::world::field::{Field, Items};
use crate::world::id::ApiPath;

/// A JWT template (facts.md, B2): the claims are the raw text with its `{{…}}`.
#[derive(Debug, Clone, Deserialize)]
struct Template {
    /// The name that the frontend asks for; case matters.
    name: String,
    /// The claims, unresolved.
    #[serde(default)]
    claims: Field<Map<String, Value>>,
    /// How long a token lives. Seconds.
    #[serde(default)]
    lifetime: Field<i64>,
    /// Whether it is signed with a key that the JWKS does not hold.
    #[serde(default)]
    custom_signing_key: Field<bool>,
    /// `RS256`, …
    #[serde(default)]
    signing_algorithm: Field<String>,
}

/// What is wrong with the template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateSlip {
    /// None has the name, and these are there.
    Missing(Vec<String>),
    /// One differs in case or white space alone.
    Name(String),
    /// It is not signed with the instance's RS256 key; the algorithm that it names.
    Algorithm(String),
    /// No claim carries the plan.
    ClaimMissing,
    /// Another claim carries it.
    ClaimKey(String),
    /// The claim is the same for every user.
    Constant(String),
    /// Users can write what the claim reads.
    UserWritable(String),
    /// The claim reads metadata that the Worker does not write.
    NotPublic(String),
    /// The claim reads something else.
    OtherSource(String),
    /// There is text around what the claim reads.
    Interpolated(String),
    /// Users without a plan get this paid one.
    PaidDefault(String),
    /// A token outlives a downgrade by this long. Seconds.
    Lifetime(i64),
}

/// The template, part by part: what is wrong, and what could not be told.
#[derive(Debug, Clone)]
pub struct JudgedTemplate {
    /// Each part: the algorithm, the claim, the lifetime; `None` where it is as it should be.
    pub parts: Vec<Answered<Option<TemplateSlip>>>,
}

impl JudgedTemplate {
    /// Whether the claim reads metadata that users can write.
    #[must_use]
    pub fn reads_unsafe_metadata(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Ok(Some(TemplateSlip::UserWritable(_)))))
    }
}

impl TemplateSlip {
    /// Whether tokens can still be used.
    #[must_use]
    pub const fn is_warning(&self) -> bool {
        matches!(self, Self::Lifetime(_))
    }
}

/// A claim that is older than this many seconds lets a downgraded customer go on (facts.md, B3).
const LONGEST_LIFETIME: i64 = 300;

impl Clerk<'_> {
    /// The template that the configuration names, part by part. `None` where the session token itself carries the claim.
    ///
    /// # Errors
    /// Where it cannot be told.
    pub async fn judged_template(self) -> Answered<Option<Seen<JudgedTemplate>>> {
        let config = &self.world.config;
        let Some(name) = &config.clerk.jwt_template else { return Ok(None) };
        let Seen { value: items, answer } = self.ask::<Items<Template>>(&ApiPath::new("/v1/jwt_templates")).await?;
        let (templates, unread) = items.split(|place| format!("template {} of {}", place + 1, answer.request));
        let parts = match templates.iter().find(|template| template.name == *name) {
            Some(template) => parts(template, config),
            // A template that could not be read may be this one.
            None => match unread.into_iter().next() {
                Some(unread) => return Err(unread),
                None => vec![Ok(Some(missing(name, &templates)))],
            },
        };
        Ok(Some(Seen { value: JudgedTemplate { parts }, answer }))
    }

    /// That tokens can be asked for: nothing is known to be wrong with the template. What is not known about it is shown by
    /// the token itself.
    ///
    /// # Errors
    /// Blocked where something is.
    pub async fn sound_template(self) -> Answered {
        let Some(judged) = self.judged_template().await? else { return Ok(()) };
        let is_wrong = |part: &Answered<Option<TemplateSlip>>| matches!(part, Ok(Some(slip)) if !slip.is_warning());
        if judged.value.parts.iter().any(is_wrong) {
            Err(NoAnswer::Because(Cause::JwtTemplateUnusable))
        } else {
            Ok(())
        }
    }
}

fn missing(name: &str, templates: &[Template]) -> TemplateSlip {
    let alike = |template: &&Template| template.name.trim().eq_ignore_ascii_case(name.trim());
    match templates.iter().find(alike) {
        Some(template) => TemplateSlip::Name(template.name.clone()),
        None => TemplateSlip::Missing(templates.iter().map(|template| template.name.clone()).collect()),
    }
}

fn parts(template: &Template, config: &Config) -> Vec<Answered<Option<TemplateSlip>>> {
    let field = |field: &str| format!("{field} of the JWT template \"{}\"", template.name);
    let algorithm = || {
        let is_custom = *template.custom_signing_key.known(field("custom_signing_key"))?;
        let algorithm = template.signing_algorithm.known(field("signing_algorithm"))?;
        Ok((is_custom || algorithm != "RS256").then(|| TemplateSlip::Algorithm(algorithm.clone())))
    };
    let lifetime = || {
        let lifetime = *template.lifetime.known(field("lifetime"))?;
        Ok((lifetime > LONGEST_LIFETIME).then_some(TemplateSlip::Lifetime(lifetime)))
    };
    let claim = template.claims.known(field("claims")).map(|claims| claim_slip(claims, config));
    vec![algorithm(), claim, lifetime()]
}

fn claim_slip(claims: &Map<String, Value>, config: &Config) -> Option<TemplateSlip> {
    let wanted = format!("user.public_metadata.{}", config.clerk.metadata_key);
    let Some(claim) = claims.get(&config.clerk.plan_claim) else {
        let carrier = claims
            .iter()
            .find(|(_, value)| value.as_str().is_some_and(|text| sources(text).contains(&wanted.as_str())));
        return Some(carrier.map_or(TemplateSlip::ClaimMissing, |(key, _)| TemplateSlip::ClaimKey(key.clone())));
    };
    let shown = claim.as_str().map_or_else(|| claim.to_string(), str::to_owned);
    let sources = sources(&shown);
    let reads = |place: &str| sources.iter().any(|source| source.starts_with(place));
    if sources.is_empty() {
        return Some(TemplateSlip::Constant(shown));
    }
    if reads("user.unsafe_metadata") {
        return Some(TemplateSlip::UserWritable(shown));
    }
    if reads("user.private_metadata") {
        return Some(TemplateSlip::NotPublic(shown));
    }
    if sources[0] != wanted {
        return Some(TemplateSlip::OtherSource(shown));
    }
    if !(shown.starts_with("{{") && shown.ends_with("}}") && shown.matches("{{").count() == 1) {
        return Some(TemplateSlip::Interpolated(shown));
    }
    let fallback =
        shown.trim_matches(['{', '}']).split("||").skip(1).map(|part| part.trim().trim_matches(['\'', '"']).to_owned());
    let is_paid = |value: &String| config.tiers.iter().any(|tier| tier.metadata == *value && !tier.prices.is_empty());
    fallback.into_iter().find(is_paid).map(TemplateSlip::PaidDefault)
}

/// What the `{{…}}` of a claim read, in their order; quoted fallbacks are none.
fn sources(claim: &str) -> Vec<&str> {
    let codes = claim.split("{{").skip(1).filter_map(|rest| rest.split_once("}}").map(|(code, _)| code));
    codes
        .flat_map(|code| code.split("||"))
        .map(str::trim)
        .filter(|part| !part.starts_with(['\'', '"']) && !part.is_empty())
        .collect()
}
