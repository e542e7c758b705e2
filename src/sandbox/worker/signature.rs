//! Verifies Stripe's webhook signature like Stripe's library for Workers, with that library's errors.

use aws_lc_rs::hmac;

/// The maximum age of a signature, in seconds.
pub(super) const TOLERANCE: u64 = 300;

/// Verifies a `Stripe-Signature` header for a body with any of the secrets.
///
/// # Errors
///
/// The library's error message.
pub(super) fn verify(
    payload: &[u8],
    header: &str,
    secrets: &[&str],
    now: u64,
    tolerance: Option<u64>,
) -> Result<(), &'static str> {
    let (timestamp, signatures) = read(header)?;
    let signed = [timestamp.to_string().as_bytes(), b".", payload].concat();
    let fits = |signature: &Vec<u8>| {
        let keys = secrets.iter().map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()));
        keys.into_iter().any(|key| hmac::verify(&key, &signed, signature).is_ok())
    };
    if !signatures.iter().any(fits) {
        return Err(
            "No signatures found matching the expected signature for payload. Are you passing the raw request \
                    body you received from Stripe?",
        );
    }
    match tolerance {
        Some(tolerance) if now.saturating_sub(timestamp) > tolerance => Err("Timestamp upstream the tolerance zone"),
        _ => Ok(()),
    }
}

/// Whether a header is well-formed and not too old, without verifying its signatures.
pub(super) fn is_well_formed(header: &str, now: u64) -> Result<(), &'static str> {
    let (timestamp, _) = read(header)?;
    if now.saturating_sub(timestamp) > TOLERANCE { Err("Timestamp upstream the tolerance zone") } else { Ok(()) }
}

/// The timestamp and the signatures of the scheme `v1`. Other schemes are ignored.
fn read(header: &str) -> Result<(u64, Vec<Vec<u8>>), &'static str> {
    let mut timestamp = None;
    let mut signatures = Vec::new();
    for (key, value) in header.split(',').filter_map(|item| item.trim().split_once('=')) {
        match key {
            "t" => timestamp = value.parse().ok(),
            "v1" => signatures.push(bytes(value).unwrap_or_default()),
            _ => {}
        }
    }
    let timestamp = timestamp.ok_or("Unable to extract timestamp and signatures from header")?;
    if signatures.is_empty() { Err("No signatures found with expected scheme") } else { Ok((timestamp, signatures)) }
}

fn bytes(hexadecimal: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = hexadecimal.chars().map(|digit| digit.to_digit(16)).map(nibble).collect::<Option<_>>()?;
    digits.len().is_multiple_of(2).then(|| digits.chunks_exact(2).map(|pair| pair[0] * 16 + pair[1]).collect())
}

fn nibble(digit: Option<u32>) -> Option<u8> {
    digit.and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
pub(super) fn sign(payload: &str, secret: &str, at: u64) -> String {
    use std::fmt::Write;

    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{at}.{payload}").as_bytes());
    let mut signature = String::new();
    for byte in tag.as_ref() {
        write!(signature, "{byte:02x}").unwrap();
    }
    format!("t={at},v1={signature}")
}
