//! A token of Clerk's, verified as the Worker verifies it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};
use url::Url;

use super::super::id::ApiPath;
use super::super::transport::Credential;
use super::{Clerk, NoAnswer, Seen};
use crate::config::{Secret, frontend_api_of};

/// A token: whoever holds it is the canary for a minute, so it is a secret.
#[derive(Debug, Clone)]
pub struct Token(Secret);

/// The claims of a token whose signature, issuer and times are good.
pub type Claims = Map<String, Value>;

/// Why a token is not to be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenSlip {
    /// No key that the frontend API publishes has signed it.
    Signature(String),
    /// It is from somebody else; who.
    Issuer(String),
    /// Its time is over, or has not begun; in words.
    Time(String),
}

/// A token that ends sooner than in so many seconds is not sent to anybody any more.
const SPARE: i64 = 15;

impl Token {
    pub(super) const fn new(token: Secret) -> Self {
        Self(token)
    }

    /// Whether it is still in force when somebody gets it.
    pub(super) fn lasts(&self) -> bool {
        let ends = self.unverified().get("exp").and_then(Value::as_i64);
        ends.is_some_and(|ends| ends > jiff::Timestamp::now().as_second() + SPARE)
    }

    /// The origin that it was made for, `azp`; a Worker may insist on one.
    #[must_use]
    pub fn party(&self) -> Option<String> {
        self.unverified().get("azp").and_then(Value::as_str).map(str::to_owned)
    }

    /// It authorises at `base`.
    pub(in crate::world) fn credential(&self, base: &Url) -> Credential {
        Credential::new(&self.0, base)
    }

    /// The claims as anybody can read them; none where it is no token.
    fn unverified(&self) -> Claims {
        let read = |token: &str| {
            let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
            serde_json::from_slice(&claims).ok()
        };
        self.0.lend(read).unwrap_or_default()
    }
}

impl Clerk<'_> {
    /// The keys that the frontend API publishes.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn published_keys(self) -> Result<Seen<JwkSet>, NoAnswer> {
        self.ask_frontend(&ApiPath::new("/.well-known/jwks.json")).await
    }

    /// The keys of the secret key's instance.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn instance_keys(self) -> Result<Seen<JwkSet>, NoAnswer> {
        self.ask(&ApiPath::new("/v1/jwks")).await
    }

    /// The names of the published keys, and whether the secret key is of the same instance: a key's name is its instance's
    /// ID, and during a rotation another key may stand beside it (facts.md, B1). Asked by `clerk/instance`.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn one_instance(self) -> Result<Seen<(bool, Vec<String>)>, NoAnswer> {
        let (published, own, instance) = futures::join!(self.published_keys(), self.instance_keys(), self.instance());
        let Seen { value: published, answer } = published?;
        let (published, own, instance) = (names(&published), names(&own?.value), instance?.value.id);
        let is_one = published.iter().any(|name| *name == instance || own.contains(name));
        Ok(Seen { value: (is_one, published), answer })
    }

    /// Verifies a token against the published keys.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn verify(self, token: &Token) -> Result<Result<Claims, TokenSlip>, NoAnswer> {
        let keys = self.published_keys().await?.value;
        let clerk = &self.world.config.clerk;
        // An instance calls itself by the host of its publishable key, and behind a proxy by the proxy's address.
        let named = clerk.publishable_key.value.as_deref().and_then(frontend_api_of);
        let origins = named.iter().chain(&clerk.frontend_api).map(|url| url.origin().ascii_serialization());
        let proxy = clerk.frontend_api.iter().map(|url| url.as_str().trim_end_matches('/').to_owned());
        let issuers: Vec<String> = origins.chain(proxy).collect();
        Ok(token.0.lend(|token| verified(token, &keys, &issuers)))
    }
}

fn names(keys: &JwkSet) -> Vec<String> {
    keys.keys.iter().filter_map(|key| key.common.key_id.clone()).collect()
}

fn verified(token: &str, keys: &JwkSet, issuers: &[String]) -> Result<Claims, TokenSlip> {
    use jsonwebtoken::errors::ErrorKind;
    let signature = |error: &dyn std::fmt::Display| TokenSlip::Signature(error.to_string());
    let header = decode_header(token).map_err(|error| signature(&error))?;
    let named = header.kid.unwrap_or_default();
    let key =
        keys.find(&named).ok_or_else(|| TokenSlip::Signature(format!("no published key is called \"{named}\"")))?;
    let key = DecodingKey::from_jwk(key).map_err(|error| signature(&error))?;
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_nbf = true;
    validation.validate_aud = false;
    validation.set_issuer(issuers);
    validation.set_required_spec_claims(&["exp", "iss", "nbf"]);
    match decode::<Claims>(token, &key, &validation) {
        Ok(decoded) => Ok(decoded.claims),
        Err(error) => Err(match error.kind() {
            ErrorKind::InvalidIssuer => TokenSlip::Issuer(format!("the issuer is not {}", issuers.join(" or "))),
            ErrorKind::ExpiredSignature => TokenSlip::Time("it has expired".to_owned()),
            ErrorKind::ImmatureSignature => TokenSlip::Time("it is not valid yet".to_owned()),
            ErrorKind::MissingRequiredClaim(claim) => TokenSlip::Time(format!("it has no claim \"{claim}\"")),
            _ => signature(&error),
        }),
    }
}
