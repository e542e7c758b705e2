//! The JWT template that carries the plan to the Worker.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::id::ApiPath;
use super::{Clerk, NoAnswer, Seen};
use crate::config::Config;

/// A JWT template (facts.md, B2): the claims are the raw text with its `{{…}}`.
#[derive(Debug, Clone, Deserialize)]
pub struct Template {
    /// The name that the frontend asks for; case matters.
    pub name: String,
    /// The claims, unresolved.
    pub claims: Map<String, Value>,
    /// How long a token lives. Seconds.
    pub lifetime: i64,
    /// Whether it is signed with a key that the JWKS does not hold.
    pub custom_signing_key: bool,
    /// `RS256`, …
    pub signing_algorithm: String,
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
    /// The claim is the same for everybody.
    Constant(String),
    /// Users can write what the claim reads.
    UserWritable(String),
    /// The claim reads metadata that the Worker does not write.
    NotPublic(String),
    /// The claim reads something else.
    OtherSource(String),
    /// Text stands around what the claim reads.
    Interpolated(String),
    /// Whoever has no plan gets this paid one.
    PaidDefault(String),
    /// A token outlives a downgrade by this long. Seconds.
    Lifetime(i64),
}

impl TemplateSlip {
    /// Whether tokens are still of use.
    #[must_use]
    pub const fn is_warning(&self) -> bool {
        matches!(self, Self::Lifetime(_))
    }
}

/// A claim that is older than this many seconds lets a downgraded customer go on (facts.md, B3).
const LONGEST_LIFETIME: i64 = 300;

impl Clerk<'_> {
    /// The template that the configuration names and what is wrong with it; asked by `clerk/jwt-template`. `None` where
    /// the session token itself carries the claim.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn judged_template(self) -> Result<Option<Seen<Vec<TemplateSlip>>>, NoAnswer> {
        let config = &self.world.config;
        let Some(name) = &config.clerk.jwt_template else { return Ok(None) };
        let Seen { value: templates, answer } = self.ask::<Vec<Template>>(&ApiPath::new("/v1/jwt_templates")).await?;
        let slips = match templates.iter().find(|template| template.name == *name) {
            Some(template) => slips(template, config),
            None => vec![missing(name, &templates)],
        };
        Ok(Some(Seen { value: slips, answer }))
    }

    /// That tokens can be asked for.
    ///
    /// # Errors
    /// Blocked by `clerk/jwt-template` where the template is its finding.
    pub async fn sound_template(self) -> Result<(), NoAnswer> {
        match self.judged_template().await? {
            Some(judged) if !judged.value.iter().all(TemplateSlip::is_warning) => {
                Err(NoAnswer::blocked("clerk/jwt-template"))
            }
            _ => Ok(()),
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

fn slips(template: &Template, config: &Config) -> Vec<TemplateSlip> {
    let mut slips = Vec::new();
    if template.custom_signing_key || template.signing_algorithm != "RS256" {
        slips.push(TemplateSlip::Algorithm(template.signing_algorithm.clone()));
    }
    slips.extend(claim_slip(&template.claims, config));
    if template.lifetime > LONGEST_LIFETIME {
        slips.push(TemplateSlip::Lifetime(template.lifetime));
    }
    slips
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
