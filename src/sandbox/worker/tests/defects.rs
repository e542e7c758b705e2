//! Each defect, without side effects.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::RsaPublicKeyComponents;
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
use serde_json::{Value, json};

use super::super::settings::Defect;
use super::super::signature::sign;
use super::{Acme, CANARY, CLERK_KEY, SECRET, WorkerResponse, acme, event, send, with};

fn probe() -> String {
    event("evt_probe", "preflight.probe", &json!({}))
}

async fn deliver_signed(acme: &Acme, body: &str, secret: &str, at: u64) -> WorkerResponse {
    let signature = sign(body, secret, at);
    acme.post_event(&[("stripe-signature", &signature)], body).await
}

async fn unsigned(acme: &Acme) -> StatusCode {
    acme.post_event(&[], &probe()).await.status
}

async fn forged(acme: &Acme) -> StatusCode {
    deliver_signed(acme, &probe(), "whsec_other", get_current_timestamp()).await.status
}

async fn stale(acme: &Acme) -> StatusCode {
    deliver_signed(acme, &probe(), SECRET, get_current_timestamp() - 3600).await.status
}

/// The signature of an accepted event on another body.
async fn tampered(acme: &Acme) -> StatusCode {
    let body = event("evt_first", "preflight.probe", &json!({}));
    let signature = sign(&body, SECRET, get_current_timestamp());
    acme.post_event(&[("stripe-signature", &signature)], &body).await;
    let body = event("evt_second", "preflight.probe", &json!({}));
    acme.post_event(&[("stripe-signature", &signature)], &body).await.status
}

#[tokio::test]
async fn a_healthy_worker_rejects_all_four() {
    let acme = acme();
    for status in [unsigned(&acme).await, forged(&acme).await, stale(&acme).await, tampered(&acme).await] {
        assert_eq!(status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn each_verification_defect_is_separate() {
    let taken = |status: StatusCode| status.is_success();
    let gaps = [
        (Defect::AcceptsUnsigned, [true, false, false, false]),
        // A Worker that accepts any signature accepts one of another body too.
        (Defect::AcceptsWrongSignature, [false, true, false, true]),
        (Defect::AcceptsStale, [false, false, true, false]),
        (Defect::AcceptsTampered, [false, false, false, true]),
    ];
    for (defect, expected) in gaps {
        let acme = with(defect);
        let seen = [unsigned(&acme).await, forged(&acme).await, stale(&acme).await, tampered(&acme).await];
        assert_eq!(seen.map(taken), expected, "{defect:?}");
    }
}

#[tokio::test]
async fn a_worker_that_swallows_says_200_and_means_no() {
    let acme = with(Defect::SwallowsBadSignatures);
    let answer = deliver_signed(&acme, &probe(), "whsec_other", get_current_timestamp()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.text.starts_with("Webhook Error"));
    assert_eq!(unsigned(&acme).await, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_worker_that_re_serializes_accepts_only_compact_json() {
    let acme = with(Defect::ReSerialises);
    assert_eq!(acme.deliver(&probe()).await.status, StatusCode::OK);
    let spaced = probe().replace(':', ": ");
    assert_eq!(acme.deliver(&spaced).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_synchronous_worker_returns_its_librarys_error() {
    let answer = with(Defect::SynchronousCrypto).deliver(&probe()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text.contains("SubtleCryptoProvider cannot be used in a synchronous context"));
}

#[tokio::test]
async fn something_else_can_respond_in_place_of_the_handler() {
    let instead = [
        (Defect::Redirects, 308, "location", "https://www.acme.com/webhook/stripe"),
        (Defect::LoginRefusal, 401, "x-clerk-auth-status", "signed-out"),
        (Defect::Challenge, 403, "cf-mitigated", "challenge"),
        (Defect::ServesWebSite, 200, "content-type", "text/html; charset=utf-8"),
        (Defect::RouteMissing, 404, "", ""),
        (Defect::WrongMethod, 405, "allow", "GET"),
        (Defect::Breaks, 500, "content-type", "application/json"),
    ];
    for (defect, status, name, value) in instead {
        let acme = with(defect);
        let answer = acme.deliver(&probe()).await;
        assert_eq!((answer.status.as_u16(), answer.header(name)), (status, value), "{defect:?}");
        assert_eq!(acme.ask("GET", "/health", &[], "").await.status, StatusCode::OK, "{defect:?}");
    }
}

#[tokio::test]
async fn what_blocks_the_webhook_blocks_every_unknown_path() {
    let blocked = [(Defect::Challenge, 403), (Defect::ServesWebSite, 200), (Defect::Breaks, 401)];
    for (defect, status) in blocked {
        assert_eq!(with(defect).ask("POST", "/nowhere", &[], "").await.status.as_u16(), status, "{defect:?}");
    }
}

#[tokio::test]
async fn a_login_wall_redirects_to_the_sign_in_page() {
    let answer = with(Defect::LoginRedirect).post_event(&[], "").await;
    assert_eq!(answer.status, StatusCode::TEMPORARY_REDIRECT);
    assert!(answer.header("location").contains("/sign-in"));
}

#[tokio::test]
async fn unhandled_types_can_be_rejected() {
    let answer = with(Defect::RefusesUnhandled).deliver(&probe()).await;
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (StatusCode::BAD_REQUEST, "Unhandled event type: preflight.probe")
    );
}

#[tokio::test]
async fn the_second_delivery_can_fail() {
    let acme = with(Defect::NotIdempotent);
    assert_eq!(acme.deliver(&probe()).await.status, StatusCode::OK);
    assert_eq!(acme.deliver(&probe()).await.status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn a_worker_that_hangs_still_rejects_forged_events() {
    let acme = with(Defect::Hangs);
    assert_eq!(forged(&acme).await, StatusCode::BAD_REQUEST);
    let body = probe();
    let mut answer = std::pin::pin!(acme.deliver(&body));
    assert!(futures::poll!(answer.as_mut()).is_pending());
}

#[tokio::test]
async fn a_slow_worker_responds_eventually() {
    let acme = super::changed(|state, _| {
        state.defects.insert(Defect::Slow, true);
        state.delay_ms = 1;
    });
    assert_eq!(acme.deliver(&probe()).await.status, StatusCode::OK);
}

async fn usage(acme: &Acme, token: &str) -> StatusCode {
    acme.ask("GET", "/api/usage", &[("authorization", &format!("Bearer {token}"))], "").await.status
}

fn claims() -> Value {
    json!({ "sub": CANARY, "plan": "enterprise", "exp": get_current_timestamp() + 60 })
}

fn unprotected() -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.", part(&json!({ "alg": "none", "typ": "JWT" })), part(&claims()))
}

/// Signed with the published key's PEM as a shared secret.
async fn confused(acme: &Acme) -> String {
    let bearer = format!("Bearer {CLERK_KEY}");
    let keys = send(&acme.clerk, "GET", "/v1/jwks", &[("authorization", &bearer)], "").await.json();
    let part = |name: &str| URL_SAFE_NO_PAD.decode(keys["keys"][0][name].as_str().unwrap()).unwrap();
    let der: PublicKeyX509Der<'_> = RsaPublicKeyComponents { n: part("n"), e: part("e") }.as_der().unwrap();
    let encoded = STANDARD.encode(der.as_ref());
    let lines: Vec<&str> = encoded.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"));
    encode(&Header::default(), &claims(), &EncodingKey::from_secret(pem.as_bytes())).unwrap()
}

/// A Clerk token with a changed claim and the old signature.
async fn foreign(acme: &Acme) -> String {
    let token = acme.token(CANARY).await;
    let mut parts: Vec<&str> = token.split('.').collect();
    let changed = URL_SAFE_NO_PAD.encode(claims().to_string());
    parts[1] = &changed;
    parts.join(".")
}

#[tokio::test]
async fn each_authentication_defect_is_separate() {
    let gaps = [
        (None, [false; 4]),
        (Some(Defect::AcceptsAlgorithmNone), [true, false, false, false]),
        (Some(Defect::AcceptsPublicKeyAsSecret), [false, true, false, false]),
        (Some(Defect::AcceptsForeignTokens), [false, false, true, false]),
        (Some(Defect::Open), [true; 4]),
    ];
    for (defect, expected) in gaps {
        let acme = defect.map_or_else(acme, with);
        let tokens = [unprotected(), confused(&acme).await, foreign(&acme).await, String::new()];
        for (token, expected) in tokens.iter().zip(expected) {
            assert_eq!(usage(&acme, token).await.is_success(), expected, "{defect:?} {token}");
        }
    }
}

#[tokio::test]
async fn a_checkout_can_omit_the_user_or_the_tier() {
    let ask = async |defect| {
        let acme = with(defect);
        acme.ask_as(CANARY, "POST", "/api/create-checkout", super::APP, r#"{"tier":"pro"}"#).await;
        acme.asked().1
    };
    let form = ask(Defect::CheckoutWithoutUser).await;
    assert!(!form.contains_key("client_reference_id") && !form.contains_key("metadata[userId]"));
    assert!(!ask(Defect::CheckoutWithoutTier).await.contains_key("metadata[tier]"));
}
