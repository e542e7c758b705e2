//! Tests of the JWT templates.

use super::*;

const TEMPLATE: &str = "/v1/jwt_templates/jtmp_2acmePanApi00000000000000";

#[tokio::test]
async fn a_token_follows_the_changed_template() {
    let acme = acme();
    let claims = json!({ "plan": "{{user.public_metadata.plan || 'free'}}", "role": "{{user.id}}" });
    let change = json!({ "name": "pan-api", "claims": claims, "lifetime": 120 });
    let (status, answer) = acme.ask(KEY, "PATCH", TEMPLATE, change).await;
    assert_eq!((status, &answer["lifetime"]), (StatusCode::OK, &120.into()));
    let claims = acme.claims(&acme.token("/pan-api").await).await;
    assert_eq!((&claims["plan"], &claims["role"]), (&"pro".into(), &CANARY.into()));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 120);
    assert_eq!(acme.effects.counts()["clerk.jwt_template.updated"], 1);
}

#[tokio::test]
async fn a_new_template_makes_tokens() {
    let acme = acme();
    let template = json!({ "name": "other", "claims": { "plan": "{{user.public_metadata.plan}}" } });
    let (_, made) = acme.post("/v1/jwt_templates", template).await;
    assert_eq!(acme.get(&format!("/v1/jwt_templates/{}", made["id"].as_str().unwrap())).await.1, made);
    assert_eq!(acme.claims(&acme.token("/other").await).await["plan"], "pro");
}

#[tokio::test]
async fn a_change_needs_the_name_and_the_claims() {
    let (status, answer) = acme().ask(KEY, "PATCH", TEMPLATE, json!({ "lifetime": 120 })).await;
    assert_eq!((status, code(&answer)), (StatusCode::UNPROCESSABLE_ENTITY, "form_param_missing"));
}

#[tokio::test]
async fn bad_values_are_rejected() {
    for (field, value) in [
        ("claims", json!("plan")),
        ("claims", json!({ "sub": "x" })),
        ("lifetime", json!(29)),
        ("allowed_clock_skew", json!(301)),
        ("custom_signing_key", json!(true)),
        ("colour", json!("blue")),
    ] {
        let mut change = json!({ "name": "pan-api", "claims": {} });
        change[field] = value;
        let (status, answer) = acme().ask(KEY, "PATCH", TEMPLATE, change).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{field}: {answer}");
    }
}

#[tokio::test]
async fn two_templates_cannot_have_one_name() {
    let template = json!({ "name": "pan-api", "claims": {} });
    assert_eq!(acme().post("/v1/jwt_templates", template).await.0, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn another_instances_key_cannot_change_this_instance() {
    let change = json!({ "name": "pan-api", "claims": {} });
    let (status, _) = acme().ask("sk_live_ElsewhereClerk", "POST", "/v1/jwt_templates", change).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}
