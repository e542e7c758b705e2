//! The two RSA keys that tokens are signed with, made once per process because making one is slow.

use std::sync::OnceLock;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::settings::KeyName;

/// The length of the PKCS #8 header in front of a 2048-bit RSA key.
const PKCS8_HEADER: usize = 26;

/// The private key with that name.
pub(super) fn signing_key(name: KeyName) -> Option<&'static EncodingKey> {
    static INSTANCE: OnceLock<Option<EncodingKey>> = OnceLock::new();
    static OTHER: OnceLock<Option<EncodingKey>> = OnceLock::new();
    let cell = match name {
        KeyName::Instance => &INSTANCE,
        KeyName::Other => &OTHER,
    };
    cell.get_or_init(generate).as_ref()
}

/// Its public half as an entry of a JSON Web Key Set.
pub(super) fn public_key(name: KeyName, kid: &str) -> Option<Value> {
    let key = Jwk::from_encoding_key(signing_key(name)?, Algorithm::RS256).ok()?;
    let AlgorithmParameters::RSA(parameters) = key.algorithm else { return None };
    Some(json!({ "use": "sig", "kty": "RSA", "kid": kid, "alg": "RS256", "n": parameters.n, "e": parameters.e }))
}

/// Creates the first key in the background, so that the first request does not wait for it.
pub(super) fn prepare() {
    std::thread::spawn(|| signing_key(KeyName::Instance).is_some());
}

fn generate() -> Option<EncodingKey> {
    let pair = KeyPair::generate(KeySize::Rsa2048).ok()?;
    let wrapped: Pkcs8V1Der = pair.as_der().ok()?;
    Some(EncodingKey::from_rsa_der(wrapped.as_ref().get(PKCS8_HEADER..)?))
}
