//! Forged tokens, which no Worker should accept.

use std::sync::OnceLock;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaPublicKeyComponents};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::super::PublicKeys;
use super::NoAnswer;
use crate::config::Secret;

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

    /// A token in which everything is right except the key that signed it, which is made for this process.
    pub(super) async fn signed_with_another_key(self) -> Result<Secret, NoAnswer> {
        let none = || NoAnswer::unknown("this machine could not generate a key to sign a foreign token with");
        let body = self.body("RS256");
        // Generating a key takes a while and would block the other checks.
        let signed = tokio::task::spawn_blocking(move || {
            static KEY: OnceLock<Option<KeyPair>> = OnceLock::new();
            let key = KEY.get_or_init(|| KeyPair::generate(KeySize::Rsa2048).ok()).as_ref()?;
            let mut signature = vec![0; key.public_modulus_len()];
            key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), body.as_bytes(), &mut signature).ok()?;
            Some(Secret::new(format!("{body}.{}", URL_SAFE_NO_PAD.encode(signature))))
        });
        signed.await.ok().flatten().ok_or_else(none)
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
