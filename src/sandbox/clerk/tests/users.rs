//! Tests of users that come and go.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{CANARY, KEY, acme, changed, code};

fn form() -> Value {
    json!({ "email_address": ["new@example.com"], "skip_password_requirement": true, "private_metadata": { "mark": "1" } })
}

#[tokio::test]
async fn a_new_user_is_the_newest_and_can_be_found() {
    let acme = changed(|settings| settings.extra_users = 3);
    let (_, before) = acme.get("/v1/users/count").await;
    let (status, user) = acme.post("/v1/users", form()).await;
    assert_eq!(status, StatusCode::OK, "{user}");
    assert_eq!((&user["private_metadata"]["mark"], &user["password_enabled"]), (&"1".into(), &false.into()));
    assert_eq!(user["primary_email_address_id"], user["email_addresses"][0]["id"]);
    assert_eq!(acme.get(&format!("/v1/users/{}", user["id"].as_str().unwrap())).await.1, user);
    assert_eq!(acme.get("/v1/users?limit=2").await.1[0], user);
    assert_eq!(acme.get("/v1/users?email_address=new@example.com").await.1, json!([user]));
    let (_, after) = acme.get("/v1/users/count").await;
    assert_eq!(after["total_count"].as_u64().unwrap(), before["total_count"].as_u64().unwrap() + 1);
    assert_eq!(acme.effects.counts()["clerk.user.created"], 1);
}

#[tokio::test]
async fn the_older_users_stay_in_their_places() {
    let acme = changed(|settings| settings.extra_users = 3);
    let (_, before) = acme.get("/v1/users?limit=20").await;
    let (_, user) = acme.post("/v1/users", form()).await;
    let (_, page) = acme.get("/v1/users?limit=20&offset=1").await;
    assert_eq!(page, before);
    let (_, next) = acme.get(&format!("/v1/users?limit=20&starting_after={}", user["id"].as_str().unwrap())).await;
    assert_eq!(next, before);
}

#[tokio::test]
async fn an_email_address_belongs_to_one_user() {
    let (status, answer) = acme().post("/v1/users", json!({ "email_address": ["Canary@acme.com"] })).await;
    assert_eq!((status, code(&answer)), (StatusCode::UNPROCESSABLE_ENTITY, "form_identifier_exists"));
}

#[tokio::test]
async fn a_user_needs_an_email_address_and_a_password_unless_that_is_skipped() {
    let acme = acme();
    for body in [json!({}), json!({ "email_address": ["new@example.com"] })] {
        assert_eq!(code(&acme.post("/v1/users", body).await.1), "form_data_missing");
    }
    let (_, answer) = acme.post("/v1/users", json!({ "email_address": "new@example.com" })).await;
    assert_eq!(code(&answer), "form_param_format_invalid");
    assert_eq!(code(&acme.post("/v1/users", json!({ "colour": 1 })).await.1), "form_param_unknown");
}

#[tokio::test]
async fn a_deleted_user_is_gone_and_signed_out() {
    let acme = acme();
    let ticket = acme.ticket().await;
    let (_, _, signed_in) = acme.sign_in("/v1/client/sign_ins?_is_native=1", &[("origin", super::APP)]).await;
    let session = signed_in["response"]["created_session_id"].as_str().unwrap().to_owned();
    let path = format!("/v1/users/{CANARY}");
    let (status, answer) = acme.ask(KEY, "DELETE", &path, Value::Null).await;
    assert_eq!((status, answer), (StatusCode::OK, json!({ "object": "user", "id": CANARY, "deleted": true })));
    assert_eq!(acme.get(&path).await.0, StatusCode::NOT_FOUND);
    assert_eq!(acme.ask(KEY, "DELETE", &path, Value::Null).await.0, StatusCode::NOT_FOUND);
    let (status, _) = acme.post(&format!("/v1/sessions/{session}/tokens"), Value::Null).await;
    assert!(status.is_client_error());
    let form = format!("strategy=ticket&ticket={ticket}");
    let (status, _, _) =
        acme.browse("POST", "/v1/client/sign_ins?_is_native=1", &[("origin", super::APP)], &form).await;
    assert!(status.is_client_error());
}
