//! A token of Clerk's, verified as the Worker verifies it.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};

use super::{Clerk, NoAnswer, Seen};
use crate::config::Secret;

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

impl Token {
    pub(super) const fn new(token: Secret) -> Self {
        Self(token)
    }
}

impl Clerk<'_> {
    /// The keys that the frontend API publishes.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn published_keys(self) -> Result<Seen<JwkSet>, NoAnswer> {
        self.ask_frontend("/.well-known/jwks.json").await
    }

    /// The keys of the secret key's instance.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn instance_keys(self) -> Result<Seen<JwkSet>, NoAnswer> {
        self.ask("/v1/jwks").await
    }

    /// Whether the secret key and the frontend API are of one instance: whether they have a key in common, or one that is
    /// named after the instance.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn is_one_instance(self) -> Result<bool, NoAnswer> {
        let (instance, published, own) = futures::join!(self.instance(), self.published_keys(), self.instance_keys());
        let names =
            |keys: JwkSet| -> Vec<String> { keys.keys.into_iter().filter_map(|key| key.common.key_id).collect() };
        let (instance, published, own) = (instance?.value.id, names(published?.value), names(own?.value));
        Ok(published.iter().any(|name| *name == instance || own.contains(name)))
    }

    /// Verifies a token against the published keys.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn verify(self, token: &Token) -> Result<Result<Claims, TokenSlip>, NoAnswer> {
        let keys = self.published_keys().await?.value;
        let issuer = self.frontend_api()?.origin().ascii_serialization();
        Ok(token.0.lend(|token| verified(token, &keys, &issuer)))
    }
}

fn verified(token: &str, keys: &JwkSet, issuer: &str) -> Result<Claims, TokenSlip> {
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
    validation.set_issuer(&[issuer]);
    validation.set_required_spec_claims(&["exp", "iss", "nbf"]);
    match decode::<Claims>(token, &key, &validation) {
        Ok(decoded) => Ok(decoded.claims),
        Err(error) => Err(match error.kind() {
            ErrorKind::InvalidIssuer => TokenSlip::Issuer(format!("the issuer is not {issuer}")),
            ErrorKind::ExpiredSignature => TokenSlip::Time("it has expired".to_owned()),
            ErrorKind::ImmatureSignature => TokenSlip::Time("it is not valid yet".to_owned()),
            ErrorKind::MissingRequiredClaim(claim) => TokenSlip::Time(format!("it has no claim \"{claim}\"")),
            _ => signature(&error),
        }),
    }
}
