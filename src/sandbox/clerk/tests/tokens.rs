//! Tests of tokens.

use axum::http::StatusCode;
use jsonwebtoken::{Algorithm, decode_header};
use serde_json::{Value, json};

use super::super::settings::KeyName;
use super::{APP, CANARY, acme, changed, code};

#[tokio::test]
async fn the_instance_is_the_kid_of_its_key() {
    let acme = acme();
    let (_, instance) = acme.get("/v1/instance").await;
    assert_eq!(instance["environment_type"], "production");
    assert_eq!(acme.keys().await.keys[0].common.key_id.as_deref(), instance["id"].as_str());
    assert_eq!(acme.get("/v1/jwks").await.1["keys"][0]["kid"], instance["id"]);
}

#[tokio::test]
async fn two_instances_have_different_keys() {
    let acme = changed(|settings| settings.frontend_api.instance = Some("ins_2elsewhere".to_owned()));
    assert_eq!(acme.keys().await.keys[0].common.key_id.as_deref(), Some("ins_2elsewhere"));
    let (_, backend) = acme.get("/v1/jwks").await;
    assert_eq!(backend["keys"][0]["kid"], "ins_2acmeProduction00000000000");
    let (status, _, answer) = acme.sign_in("/v1/client/sign_ins", &[("origin", APP)]).await;
    assert_eq!((status, code(&answer)), (StatusCode::BAD_REQUEST, "ticket_invalid_code"));
}

#[tokio::test]
async fn the_session_token_is_of_version_2() {
    let acme = acme();
    let claims = acme.claims(&acme.token("").await).await;
    assert_eq!((&claims["v"], &claims["sts"], &claims["sub"]), (&json!(2), &json!("active"), &json!(CANARY)));
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 60);
    assert!(claims.get("plan").is_none());
}

#[tokio::test]
async fn a_template_token_carries_the_claim_and_no_session() {
    let acme = acme();
    let claims = acme.claims(&acme.token("/pan-api").await).await;
    assert_eq!(claims["plan"], "pro");
    assert!(claims.get("sid").is_none() && claims.get("v").is_none());
}

#[tokio::test]
async fn the_error_for_an_unknown_template_names_it() {
    let acme = acme();
    let (_, _, answer) = acme.sign_in("/v1/client/sign_ins", &[("origin", APP)]).await;
    let session = answer["response"]["created_session_id"].as_str().unwrap();
    let (status, answer) = acme.post(&format!("/v1/sessions/{session}/tokens/Pan-API"), Value::Null).await;
    assert_eq!((status, code(&answer)), (StatusCode::NOT_FOUND, "resource_not_found"));
    assert_eq!(answer["errors"][0]["long_message"], "No JWT template exists with name: Pan-API");
}

#[tokio::test]
async fn shortcodes_default_interpolate_and_become_null() {
    let acme = changed(|settings| {
        let claims = &mut settings.jwt_templates.get_mut("pan-api").unwrap()["claims"];
        claims["fallback"] = json!("{{user.public_metadata.nothing || 'free'}}");
        claims["nested"] = json!({ "text": ["is {{user.public_metadata.plan}}, {{user.missing}}"] });
        claims["nothing"] = json!("{{user.public_metadata.nothing}}");
        claims["sub"] = json!("another user");
    });
    let claims = acme.claims(&acme.token("/pan-api").await).await;
    assert_eq!(claims["fallback"], "free");
    assert_eq!(claims["nested"], json!({ "text": ["is pro, null"] }));
    assert_eq!(claims["nothing"], Value::Null);
    assert_eq!(claims["sub"], CANARY);
}

#[tokio::test]
async fn after_a_rotation_both_keys_are_published_and_the_new_one_signs() {
    let acme = changed(|settings| {
        settings.signing.key = KeyName::Other;
        settings.signing.published.push(KeyName::Other);
    });
    assert_eq!(acme.keys().await.keys.len(), 2);
    assert_eq!(acme.claims(&acme.token("/pan-api").await).await["plan"], "pro");
}

#[tokio::test]
async fn a_custom_key_signs_with_hs256() {
    let acme =
        changed(|settings| settings.jwt_templates.get_mut("pan-api").unwrap()["custom_signing_key"] = true.into());
    assert_eq!(decode_header(acme.token("/pan-api").await).unwrap().alg, Algorithm::HS256);
}
