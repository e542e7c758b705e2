//! Clerk's tokens, verified as the Worker verifies them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::id::ApiPath;
use super::super::transport::{Answer, optional};
use super::{Clerk, NoAnswer, Seen};
use crate::config::{Secret, frontend_api_of};
use crate::finding::{Answered, Cause};
use crate::world::field::{Field, Items};

/// A token. It signs its holder in as the canary for a minute, so it is a secret.
#[derive(Debug, Clone)]
pub struct Token(Secret);

/// The claims of a token with a valid signature, issuer and times.
pub type Claims = Map<String, Value>;

/// Why a token does not verify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidToken {
    /// It is not signed with a key that the frontend API publishes.
    Signature(String),
    /// It has another issuer.
    Issuer(String),
    /// It has expired, or is not valid yet.
    Times(String),
}

/// A token that expires within so many seconds is not sent anymore.
const SPARE: i64 = 15;

impl Token {
    pub(super) const fn new(token: Secret) -> Self {
        Self(token)
    }

    /// When it expires, in Unix seconds.
    pub(in crate::world) fn expires(&self) -> Option<i64> {
        self.unverified().get("exp").and_then(Value::as_i64)
    }

    /// Whether it is still valid when it arrives.
    pub(super) fn lasts(&self) -> bool {
        self.expires().is_some_and(|ends| ends > jiff::Timestamp::now().as_second() + SPARE)
    }

    /// The origin that it was issued to, `azp`. A Worker may require one.
    #[must_use]
    pub fn party(&self) -> Option<String> {
        self.unverified().get("azp").and_then(Value::as_str).map(str::to_owned)
    }

    /// The credential for requests to `base`.
    pub(in crate::world) const fn secret(&self) -> &Secret {
        &self.0
    }

    /// The claims without verification; empty if it is not a token.
    pub(in crate::world) fn unverified(&self) -> Claims {
        let read = |token: &str| {
            let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
            serde_json::from_slice(&claims).ok()
        };
        self.0.lend(read).unwrap_or_default()
    }
}

/// A set of public keys, as JSON Web Key Sets have it.
#[derive(Debug, Deserialize)]
struct KeySet {
    #[serde(default)]
    keys: Field<Items<Jwk>>,
}

/// The public keys of an instance that could be read.
#[derive(Debug, Clone)]
pub struct PublicKeys {
    keys: Vec<Jwk>,
    /// Why others could not be read, if any.
    unread: Option<NoAnswer>,
}

impl PublicKeys {
    fn read(answer: &Answer) -> Answered<Self> {
        let set: KeySet = answer.json()?;
        let name = format!("keys of {}", answer.request);
        let items = set.keys.known(&name)?.clone();
        let is_empty = items.is_empty();
        let (keys, unread) = items.split(|place| format!("keys[{place}] of {}", answer.request));
        let nameless = keys.iter().find(|key| key.common.key_id.is_none());
        let nameless = nameless.map(|_| NoAnswer::unknown(format!("a key in {name} has no kid")));
        let unread = unread.into_iter().next().or(nameless);
        if is_empty {
            return Err(NoAnswer::unknown(format!("{name} is empty")));
        }
        Ok(Self { keys, unread })
    }

    /// The keys' IDs.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().filter_map(|key| key.common.key_id.as_deref())
    }

    /// The key with that ID. Unknown if it is not among the keys that could be read, and others could not.
    pub(crate) fn find(&self, name: &str) -> Answered<Option<&Jwk>> {
        let found = self.keys.iter().find(|key| key.common.key_id.as_deref() == Some(name));
        match (found, &self.unread) {
            (None, Some(unread)) => Err(unread.clone()),
            (found, _) => Ok(found),
        }
    }

    /// The ID, modulus and exponent of the first RSA key that has an ID.
    #[must_use]
    pub fn first_rsa(&self) -> Option<(&str, Vec<u8>, Vec<u8>)> {
        let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
        self.keys.iter().find_map(|key| {
            let AlgorithmParameters::RSA(rsa) = &key.algorithm else { return None };
            Some((key.common.key_id.as_deref()?, decoded(&rsa.n)?, decoded(&rsa.e)?))
        })
    }
}

/// Whether the secret key and the publishable key belong to one instance.
#[derive(Debug, Clone)]
pub struct SharedKeys {
    /// Whether a published key belongs to the secret key's instance.
    pub are_shared: bool,
    /// The IDs of the published keys.
    pub published: Vec<String>,
}

impl Clerk<'_> {
    /// The keys that the frontend API publishes.
    pub(crate) async fn published_keys(self) -> Answered<Seen<PublicKeys>> {
        let answer = self.frontend_answer(&ApiPath::new("/.well-known/jwks.json")).await?;
        Ok(Seen { value: PublicKeys::read(&answer)?, answer })
    }

    /// The keys of the secret key's instance.
    pub(crate) async fn instance_keys(self) -> Answered<Seen<PublicKeys>> {
        let answer = self.answer(&ApiPath::new("/v1/jwks")).await?;
        Ok(Seen { value: PublicKeys::read(&answer)?, answer })
    }

    /// Whether both keys belong to one instance. The ID of a public key is the ID of its instance; during a rotation
    /// there is a second key (docs/providers.md, "Clerk keys and API conventions"). Unknown if Clerk does not answer, or
    /// if the shared key may be one that could not be read.
    pub(crate) async fn shared_keys(self) -> Answered<Seen<SharedKeys>> {
        let (published, instance) = futures::join!(self.published_keys(), self.instance());
        let Seen { value: published, answer } = published?;
        let names: Vec<String> = published.names().map(str::to_owned).collect();
        let shared = |are_shared| Ok(Seen { value: SharedKeys { are_shared, published: names.clone() }, answer });
        if let Ok(instance) = &instance
            && names.iter().any(|name| instance.value.id().is_ok_and(|id| id == name))
        {
            return shared(true);
        }
        // Only during a rotation may the keys show what the ID does not.
        let own = self.instance_keys().await?.value;
        if own.names().any(|name| names.iter().any(|published| published == name)) {
            return shared(true);
        }
        instance?.value.id()?;
        match published.unread.or(own.unread) {
            Some(unread) => Err(unread),
            None => shared(false),
        }
    }

    /// Nothing, if no answer shows that the keys belong to two instances. Blocked if one does: what is not at one of them, or
    /// differs from it, may be right at the other.
    pub(crate) async fn one_instance(self) -> Answered {
        match optional(self.shared_keys()).await {
            Some(keys) if !keys.value.are_shared => Err(NoAnswer::Because(Cause::ClerkInstancesDiffer)),
            _ => Ok(()),
        }
    }

    /// Verifies a token against the published keys.
    pub(crate) async fn verify(self, token: &Token) -> Answered<Result<Claims, InvalidToken>> {
        let keys = self.published_keys().await?.value;
        let named = token.0.lend(|token| decode_header(token).ok()).and_then(|header| header.kid);
        // Unknown if the key that signed it could not be read.
        keys.find(named.as_deref().unwrap_or_default())?;
        let clerk = &self.world.config.clerk;
        // The issuer is the host in the publishable key, or the URL of a proxy.
        let named = clerk.publishable_key.value.as_deref().and_then(frontend_api_of);
        let origins = named.iter().chain(&clerk.frontend_api).map(|url| url.origin().ascii_serialization());
        let proxy = clerk.frontend_api.iter().map(|url| url.as_str().trim_end_matches('/').to_owned());
        let issuers: Vec<String> = origins.chain(proxy).collect();
        Ok(token.0.lend(|token| verified(token, &keys, &issuers)))
    }
}

fn verified(token: &str, keys: &PublicKeys, issuers: &[String]) -> Result<Claims, InvalidToken> {
    use jsonwebtoken::errors::ErrorKind;
    let signature = |error: &dyn std::fmt::Display| InvalidToken::Signature(error.to_string());
    let header = decode_header(token).map_err(|error| signature(&error))?;
    let named = header.kid.unwrap_or_default();
    let found = keys.find(&named).ok().flatten();
    let key = found
        .ok_or_else(|| InvalidToken::Signature(format!("Clerk does not publish a key with the ID \"{named}\"")))?;
    let key = DecodingKey::from_jwk(key).map_err(|error| signature(&error))?;
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_nbf = true;
    validation.validate_aud = false;
    validation.set_issuer(issuers);
    validation.set_required_spec_claims(&["exp", "iss", "nbf"]);
    match decode::<Claims>(token, &key, &validation) {
        Ok(decoded) => Ok(decoded.claims),
        Err(error) => Err(match error.kind() {
            ErrorKind::InvalidIssuer => InvalidToken::Issuer(format!("the issuer is not {}", issuers.join(" or "))),
            ErrorKind::ExpiredSignature => InvalidToken::Times("it has expired".to_owned()),
            ErrorKind::ImmatureSignature => InvalidToken::Times("it is not valid yet".to_owned()),
            ErrorKind::MissingRequiredClaim(claim) => InvalidToken::Times(format!("it has no claim \"{claim}\"")),
            _ => signature(&error),
        }),
    }
}
