//! Forged tokens, which no Worker should accept.

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::RsaPublicKeyComponents;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::super::PublicKeys;
use super::NoAnswer;
use crate::config::Secret;

/// The length of an RSA signature with a 2048-bit key, in bytes.
const RSA_2048: usize = 256;

/// The claims of a token, and the public key of the instance that should have signed it.
#[derive(Debug, Clone)]
pub(super) struct PlausibleToken {
    claims: Map<String, Value>,
    kid: String,
    /// Modulus and exponent.
    key: Option<(Vec<u8>, Vec<u8>)>,
}

/// The claims of a Clerk token that is valid for a minute.
pub(super) fn claims(issuer: &str, user: &str) -> Map<String, Value> {
    let now = jiff::Timestamp::now().as_second();
    let claims = [
        ("iss", issuer.into()),
        ("sub", user.into()),
        ("iat", now.into()),
        ("nbf", (now - 10).into()),
        ("exp", (now + 60).into()),
        ("jti", "preflight".into()),
    ];
    claims.into_iter().map(|(name, value): (&str, Value)| (name.to_owned(), value)).collect()
}

impl PlausibleToken {
    pub(super) fn new(claims: Map<String, Value>, published: &PublicKeys) -> Self {
        let (kid, key) = published.first_rsa().map(|(kid, n, e)| (kid.to_owned(), (n, e))).unzip();
        Self { claims, kid: kid.unwrap_or_default(), key }
    }

    /// A token that claims to need no signature.
    pub(super) fn unsigned(&self) -> Secret {
        Secret::new(format!("{}.", self.body("none")))
    }

    /// A token that is signed with the text of the public key. A Worker that lets the token choose the algorithm accepts it.
    pub(super) fn signed_with_public_key(&self) -> Result<Secret, NoAnswer> {
        let pem = self
            .pem()
            .ok_or_else(|| NoAnswer::unknown("Clerk's frontend API publishes no RSA key to forge a signature with"))?;
        let body = self.body("HS256");
        let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, pem.as_bytes()), body.as_bytes());
        Ok(Secret::new(format!("{body}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))))
    }

    /// A token in which everything is right except the signature. To a Worker that verifies it with the instance's key, the signature of
    /// another key is a number like any other below the modulus, so none is generated here: that takes longer than a request.
    pub(super) fn signed_with_another_key(&self) -> Secret {
        let body = self.body("RS256");
        let length = self.key.as_ref().map_or(RSA_2048, |(modulus, _)| modulus.len());
        let parts =
            (0..length.div_ceil(SHA256_OUTPUT_LEN)).map(|part| digest(&SHA256, format!("{part}.{body}").as_bytes()));
        let mut signature: Vec<u8> = parts.flat_map(|part| part.as_ref().to_vec()).take(length).collect();
        // The first bit of a modulus is set.
        signature.iter_mut().take(1).for_each(|first| *first &= 0x7f);
        Secret::new(format!("{body}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The header and claims, which the signature covers.
    fn body(&self, algorithm: &str) -> String {
        let header = json!({ "alg": algorithm, "kid": self.kid, "typ": "JWT" });
        let encoded = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        format!("{}.{}", encoded(&header), encoded(&Value::Object(self.claims.clone())))
    }

    /// The public key in PEM, as dashboards and `openssl` write it: lines of 64 characters and a line end after the last.
    fn pem(&self) -> Option<String> {
        let (n, e) = self.key.clone()?;
        let der: PublicKeyX509Der<'_> = RsaPublicKeyComponents { n, e }.as_der().ok()?;
        let encoded = STANDARD.encode(der.as_ref());
        let lines = encoded.as_bytes().chunks(64).map(String::from_utf8_lossy).collect::<Vec<_>>().join("\n");
        Some(format!("-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n"))
    }
}
