//! The sandbox as a client sees it.

mod deliveries;

use std::error::Error as _;
use std::time::Instant;

use reqwest::StatusCode;
use serde_json::Value;

use super::*;
use crate::finding::Severity;

/// A client that knows the sandbox's names and trusts its authority, and nothing else.
fn client(sandbox: &Sandbox) -> reqwest::Client {
    let authority = reqwest::Certificate::from_pem(sandbox.certificate_authority().as_bytes()).unwrap();
    let mut builder = reqwest::Client::builder().no_proxy().tls_certs_only([authority]);
    for (name, address) in sandbox.names() {
        builder = builder.resolve(name, *address);
    }
    builder.build().unwrap()
}

async fn start(scenarios: &[&str]) -> Sandbox {
    Sandbox::start(scenarios, Options::default()).await.unwrap()
}

/// Requests the account from Stripe, by host name.
async fn ask_stripe(sandbox: &Sandbox) -> Result<reqwest::Response, reqwest::Error> {
    let key = &sandbox.environment()["STRIPE_SECRET_KEY"];
    client(sandbox).get("https://api.stripe.com/v1/account").bearer_auth(key).send().await
}

/// Requests the Worker's health, by host name.
async fn ask_worker(sandbox: &Sandbox) -> Result<reqwest::Response, reqwest::Error> {
    client(sandbox).get("https://pan-api.acme.workers.dev/health").send().await
}

/// An error with all its causes.
fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

#[tokio::test]
async fn a_provider_answers_under_its_name_over_http_2() {
    let answer = ask_stripe(&start(&["healthy"]).await).await.unwrap();
    assert_eq!((answer.version(), answer.status()), (reqwest::Version::HTTP_2, StatusCode::OK));
}

#[tokio::test]
async fn every_server_responds_without_tls_too() {
    let sandbox = start(&[]).await;
    let plain = sandbox.plain();
    let mut statuses = Vec::new();
    for url in [
        plain.stripe.join("/v1/account").unwrap(),
        plain.clerk.join("/v1/users").unwrap(),
        plain.clerk_frontend.join("/v1/environment").unwrap(),
        format!("{}/user/tokens/verify", plain.cloudflare).parse().unwrap(),
        plain.worker.join("/health").unwrap(),
        plain.frontend.clone(),
    ] {
        statuses.push(client(&sandbox).get(url).send().await.unwrap().status().as_u16());
    }
    assert_eq!(statuses, [401, 401, 200, 400, 200, 200]);
}

#[tokio::test]
async fn every_scenario_can_be_started() {
    for scenario in scenarios() {
        let started = Sandbox::start(&[&scenario.name], Options::default()).await;
        assert!(started.is_ok(), "{}: {}", scenario.name, started.err().unwrap());
    }
}

#[test]
fn every_fault_is_expected_to_be_found_and_no_healthy_world_to_fail() {
    for scenario in scenarios() {
        let is_healthy = scenario.name.starts_with("healthy");
        assert_eq!(is_healthy, scenario.group == "healthy", "{}", scenario.name);
        let fails = scenario.finds.iter().any(|expected| expected.severity == Severity::Failure)
            || !scenario.unknown.is_empty();
        let is_seen = fails || !scenario.finds.is_empty();
        assert!(if is_healthy { !fails } else { is_seen }, "{}", scenario.name);
    }
}

#[tokio::test]
async fn requests_are_logged_in_order() {
    let sandbox = start(&[]).await;
    ask_stripe(&sandbox).await.unwrap();
    ask_worker(&sandbox).await.unwrap();
    let line = |provider: &str, line: &str| (provider.to_owned(), line.to_owned());
    assert_eq!(sandbox.requests(), [line("stripe", "GET /v1/account"), line("worker", "GET /health")]);
}

#[tokio::test]
async fn changes_are_counted() {
    let sandbox = start(&[]).await;
    let (url, key) =
        (sandbox.plain().stripe.join("/v1/customers").unwrap(), &sandbox.environment()["STRIPE_SECRET_KEY"]);
    client(&sandbox).post(url).bearer_auth(key).send().await.unwrap();
    assert_eq!(sandbox.effects(), BTreeMap::from([("stripe.customer.created".to_owned(), 1)]));
}

#[tokio::test]
async fn the_configuration_keeps_its_order() {
    let sandbox = start(&[]).await;
    let tiers: Vec<&str> = sandbox.configuration().lines().filter_map(|line| line.strip_prefix("[tiers.")).collect();
    assert_eq!(tiers, ["free]", "pro]", "enterprise]"]);
}

#[tokio::test]
async fn the_wrangler_file_can_be_read() {
    let sandbox = start(&[]).await;
    assert!(sandbox.read(Path::new("api/wrangler.toml")).unwrap().contains("name = \"pan-api\""));
    assert!(sandbox.read(Path::new("api/wrangler.json")).is_err());
}

#[tokio::test]
async fn scenarios_can_be_combined() {
    let sandbox = start(&["stripe-key-test", "dns-missing"]).await;
    assert!(sandbox.environment()["STRIPE_SECRET_KEY"].starts_with("sk_test_"));
    assert!(!sandbox.names().contains_key("pan-api.acme.workers.dev"));
}

#[tokio::test]
async fn a_certificate_can_be_wrong_in_four_ways() {
    for (scenario, reason) in [
        ("tls-expired", "certificate expired"),
        ("tls-not-yet-valid", "certificate not valid yet"),
        ("tls-self-signed", "UnknownIssuer"),
        ("tls-wrong-host", "certificate not valid for name"),
    ] {
        let error = ask_worker(&start(&[scenario]).await).await.unwrap_err();
        assert!(chain(&error).contains(reason), "{scenario}: {}", chain(&error));
    }
}

#[tokio::test]
async fn a_certificate_that_expires_soon_is_valid() {
    assert_eq!(ask_worker(&start(&["tls-expiring"]).await).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_connection_can_be_refused() {
    let error = ask_worker(&start(&["connection-refused"]).await).await.unwrap_err();
    assert!(chain(&error).to_lowercase().contains("refused"), "{}", chain(&error));
}

#[tokio::test]
async fn a_connection_can_be_reset() {
    let error = ask_stripe(&start(&["stripe-reset"]).await).await.unwrap_err();
    assert!(chain(&error).to_lowercase().contains("reset"), "{}", chain(&error));
}

#[tokio::test]
async fn each_provider_has_its_own_429() {
    let stripe = ask_stripe(&start(&["stripe-429"]).await).await.unwrap();
    assert_eq!(stripe.headers()["stripe-rate-limited-reason"], "global-rate");
    assert_eq!(stripe.json::<Value>().await.unwrap()["error"]["code"], "rate_limit");
    let sandbox = start(&["clerk-429", "cloudflare-429"]).await;
    let clerk = client(&sandbox).get("https://api.clerk.com/v1/jwks").send().await.unwrap();
    assert_eq!(
        (clerk.status(), &clerk.headers()["retry-after"]),
        (StatusCode::TOO_MANY_REQUESTS, &"1".parse().unwrap())
    );
    let cloudflare =
        client(&sandbox).get("https://api.cloudflare.com/client/v4/user/tokens/verify").send().await.unwrap();
    assert_eq!(cloudflare.json::<Value>().await.unwrap()["success"], false);
}

#[tokio::test]
async fn a_truncated_response_is_not_json() {
    let answer = ask_stripe(&start(&["stripe-truncated"]).await).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(serde_json::from_str::<Value>(&answer.text().await.unwrap()).is_err());
}

#[tokio::test]
async fn a_hanging_server_does_not_respond() {
    let sandbox = start(&["stripe-hangs"]).await;
    let answer = tokio::time::timeout(Duration::from_millis(50), ask_stripe(&sandbox)).await;
    assert!(answer.is_err());
}

#[tokio::test]
async fn a_flaky_provider_fails_once_on_each_path() {
    let sandbox = start(&["healthy-flaky"]).await;
    let mut statuses = Vec::new();
    for path in ["/v1/account", "/v1/account", "/v1/balance", "/v1/balance"] {
        let key = &sandbox.environment()["STRIPE_SECRET_KEY"];
        let request = client(&sandbox).get(sandbox.plain().stripe.join(path).unwrap()).bearer_auth(key);
        statuses.push(request.send().await.unwrap().status().as_u16());
    }
    assert_eq!(statuses, [500, 200, 500, 200]);
}

#[tokio::test]
async fn a_link_can_be_slow() {
    let options = Options { latency: Duration::from_millis(40), ..Options::default() };
    let sandbox = Sandbox::start(&[], options).await.unwrap();
    let begun = Instant::now();
    ask_stripe(&sandbox).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(40));
}

#[tokio::test]
async fn without_a_network_no_server_responds() {
    let sandbox = start(&["provider-dark"]).await;
    for name in sandbox.names().keys() {
        assert!(client(&sandbox).get(format!("https://{name}/")).send().await.is_err(), "{name}");
    }
}

#[tokio::test]
async fn a_dropped_sandbox_stops_responding() {
    let sandbox = start(&[]).await;
    let (client, url) = (client(&sandbox), sandbox.plain().worker.clone());
    assert!(client.get(url.clone()).send().await.is_ok());
    drop(sandbox);
    // The server's task ends once the runtime has run.
    tokio::task::yield_now().await;
    assert!(client.get(url).send().await.is_err());
}

#[tokio::test]
async fn an_external_worker_can_replace_the_embedded_one() {
    let external = start(&[]).await;
    let options = Options { worker: Some(external.plain().worker.clone()), ..Options::default() };
    let sandbox = Sandbox::start(&[], options).await.unwrap();
    assert_eq!(ask_worker(&sandbox).await.unwrap().status(), StatusCode::OK);
    assert_eq!(external.requests(), [("worker".to_owned(), "GET /health".to_owned())]);
}

/// A sandbox that tampers with the response about the account, and that response.
async fn tampered(with: Tampered) -> (Sandbox, Result<reqwest::Response, reqwest::Error>) {
    let sandbox = start(&[]).await;
    ask_stripe(&sandbox).await.unwrap();
    let key = sandbox.keys().remove(0);
    sandbox.tamper(Some(Tampering { key, with }));
    sandbox.renew().unwrap();
    let answer = ask_stripe(&sandbox).await;
    (sandbox, answer)
}

#[tokio::test]
async fn one_request_can_be_reset_without_affecting_the_others() {
    let (sandbox, refused) = tampered(Tampered::Unanswerable(Unanswerable::Refused)).await;
    assert!(refused.is_err());
    assert!(ask_stripe(&sandbox).await.is_err(), "a retry is refused as well");
    assert_eq!(ask_worker(&sandbox).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_tampered_response_is_marked_by_its_request_id() {
    let statuses = [(Unanswerable::Defect, 500), (Unanswerable::TooMany, 429), (Unanswerable::Empty, 200)];
    for (settings, status) in statuses {
        let answer = tampered(Tampered::Unanswerable(settings)).await.1.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers()["request-id"].to_str().unwrap()), (status, TAMPERED));
    }
}

#[tokio::test]
async fn one_field_can_be_removed_from_a_response() {
    let field = FieldDamage { pointer: "/country".to_owned(), damage: Damage::Delete };
    let answer: Value = tampered(Tampered::Fields(vec![field])).await.1.unwrap().json().await.unwrap();
    assert_eq!((&answer["object"], answer.get("country")), (&Value::from("account"), None));
}

#[tokio::test]
async fn a_renewed_sandbox_forgets_the_previous_run() {
    let sandbox = start(&[]).await;
    ask_stripe(&sandbox).await.unwrap();
    sandbox.renew().unwrap();
    assert!(sandbox.keys().is_empty() && sandbox.requests().is_empty());
    ask_stripe(&sandbox).await.unwrap();
    assert_eq!(sandbox.exchanges().len(), 1);
}

#[tokio::test]
async fn two_sandboxes_of_one_scenario_have_the_same_state() {
    assert_eq!(start(&["endpoint-disabled"]).await.state(), start(&["endpoint-disabled"]).await.state());
    assert_ne!(start(&["endpoint-disabled"]).await.state(), start(&[]).await.state());
}

#[tokio::test]
async fn a_world_whose_fault_is_fixed_has_the_state_of_a_healthy_one() {
    let sandbox = start(&["endpoint-disabled"]).await;
    let url = sandbox.plain().stripe.join("/v1/webhook_endpoints/we_1Rlivecme7LaunchWorker00").unwrap();
    let key = &sandbox.environment()["STRIPE_SECRET_KEY"];
    let form = [("disabled", "false")];
    client(&sandbox).post(url).bearer_auth(key).form(&form).send().await.unwrap();
    assert_eq!(sandbox.state(), start(&[]).await.state());
}

/// Sets a secret on the Worker's script.
async fn set_secret(sandbox: &Sandbox, name: &str, text: &str) {
    let environment = sandbox.environment();
    let account = &environment["CLOUDFLARE_ACCOUNT_ID"];
    let url = format!("{}/accounts/{account}/workers/scripts/pan-api/secrets", sandbox.plain().cloudflare);
    let body = serde_json::json!({ "name": name, "text": text, "type": "secret_text" });
    let request = client(sandbox).put(url).bearer_auth(&environment["CLOUDFLARE_API_TOKEN"]).json(&body);
    assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn the_worker_uses_a_secret_from_the_next_request_on() {
    let sandbox = start(&["secret-not-set"]).await;
    let deliver = async || {
        let url = sandbox.plain().worker.join("/webhook/stripe").unwrap();
        let request = client(&sandbox).post(url).header("stripe-signature", "t=1,v1=00").body("{}");
        request.send().await.unwrap().status()
    };
    assert_eq!(deliver().await, StatusCode::INTERNAL_SERVER_ERROR, "there is no secret to verify with");
    let secret = sandbox.environment()["STRIPE_WEBHOOK_SECRET"].clone();
    set_secret(&sandbox, "STRIPE_WEBHOOK_SECRET", &secret).await;
    assert_eq!(deliver().await, StatusCode::BAD_REQUEST, "the signature is wrong");
    assert_eq!(sandbox.state(), start(&[]).await.state());
}

#[tokio::test]
async fn the_worker_calls_stripe_with_its_new_key() {
    let sandbox = start(&[]).await;
    set_secret(&sandbox, "STRIPE_SECRET_KEY", &sandbox.environment()["STRIPE_TEST_SECRET_KEY"]).await;
    assert_eq!(sandbox.bindings()["STRIPE_SECRET_KEY"], sandbox.environment()["STRIPE_TEST_SECRET_KEY"]);
    sandbox.renew().unwrap();
    assert_eq!(sandbox.bindings()["STRIPE_SECRET_KEY"], sandbox.environment()["STRIPE_SECRET_KEY"]);
}

#[tokio::test]
async fn the_healthy_worker_has_the_secret_of_its_endpoint() {
    let state = start(&[]).await.state();
    let secret = &state["stripe"]["signing_secrets"]["we_1Rlivecme7LaunchWorker00"];
    assert_eq!(secret, &state["worker"]["STRIPE_WEBHOOK_SECRET"]);
}
