//! Whole projects, as people lay them out.

use std::path::Path;

use super::testing::values;
use super::{Reading, Role, read};
use crate::config::{Limit, Source};

fn project(name: &str) -> Reading {
    let reading = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/init").join(name));
    assert_eq!(reading.skipped, []);
    reading
}

fn roles(reading: &Reading) -> Vec<(Role, String)> {
    let routes = reading.facts.routes.iter().map(|route| &route.value);
    let mut roles: Vec<_> = routes.filter_map(|route| Some((route.role?, route.path.clone()))).collect();
    roles.sort();
    roles
}

fn expected(paths: [&str; 6]) -> Vec<(Role, String)> {
    let roles = [Role::Checkout, Role::Portal, Role::Webhook, Role::Health, Role::Tiers, Role::Usage];
    roles.into_iter().zip(paths.map(str::to_owned)).collect()
}

/// The body and the answer of the checkout.
fn checkout(reading: &Reading) -> (Vec<String>, Option<String>) {
    let checkout = reading.facts.routes.iter().find(|route| route.value.role == Some(Role::Checkout)).unwrap();
    (checkout.value.body.clone(), checkout.value.session.clone())
}

fn limits(reading: &Reading) -> Vec<(String, Limit)> {
    values(&reading.facts.limits).into_iter().map(|found| (found.tier, found.limit)).collect()
}

fn sources(reading: &Reading) -> Vec<(Source, Option<String>)> {
    values(&reading.facts.tier_source).into_iter().map(|found| (found.source, found.key)).collect()
}

#[test]
fn the_routes_of_a_worker_without_a_router_are_found() {
    let paths =
        ["/api/create-checkout", "/api/customer-portal", "/webhook/stripe", "/health", "/api/tiers", "/api/usage"];
    assert_eq!(roles(&project("guide")), expected(paths));
    assert_eq!(checkout(&project("guide")), (vec!["tier".to_owned()], Some("url".to_owned())));
}

#[test]
fn a_worker_with_a_frontend_names_its_template_and_its_claim() {
    let facts = project("guide").facts;
    assert_eq!(facts.jwt_template.unwrap().value, "pan-api");
    assert_eq!(values(&facts.claim), ["plan"]);
    assert_eq!(facts.cookie_auth, None);
}

#[test]
fn a_worker_that_reads_the_product_shows_the_source_of_the_tier() {
    let reading = project("guide");
    assert_eq!(sources(&reading), [(Source::ProductMetadata, Some("plan".to_owned()))]);
    assert_eq!(reading.facts.api_version.unwrap().value, "2026-09-30.endive");
    assert_eq!(values(&reading.facts.handled_events).len(), 4);
}

#[test]
fn the_routes_of_a_monorepo_have_the_paths_that_they_are_mounted_at() {
    let paths = ["/v1/billing/checkout", "/v1/billing/portal", "/stripe/events", "/healthz", "/v1/plans", "/v1/usage"];
    assert_eq!(roles(&project("monorepo")), expected(paths));
    assert_eq!(checkout(&project("monorepo")), (vec!["priceId".to_owned()], Some("checkoutUrl".to_owned())));
}

#[test]
fn the_facts_of_a_monorepo_come_from_all_of_its_packages() {
    let reading = project("monorepo");
    let tiers = [("free", Limit::Uses(10)), ("pro", Limit::Uses(50)), ("enterprise", Limit::Unlimited)];
    assert_eq!(limits(&reading), tiers.map(|(tier, limit)| (tier.to_owned(), limit)));
    assert_eq!(reading.facts.stripe_sdk.unwrap().file, Path::new("apps/api/package.json"));
    assert_eq!(reading.facts.jwt_template.unwrap().value, "lumen-api");
}

#[test]
fn a_worker_that_knows_the_prices_shows_the_source_of_the_tier() {
    let reading = project("monorepo");
    assert_eq!(sources(&reading), [(Source::PriceId, None)]);
    assert_eq!(values(&reading.facts.user_key), ["clerkUserId"]);
    assert_eq!(values(&reading.facts.claim), ["metadata.tier"]);
}

#[test]
fn the_routes_of_next_are_found_by_their_files() {
    let paths = ["/api/checkout", "/api/portal", "/api/webhooks/stripe", "/api/health", "/api/tiers", "/api/usage"];
    assert_eq!(roles(&project("next")), expected(paths));
    assert_eq!(checkout(&project("next")), (vec!["plan".to_owned()], Some("sessionUrl".to_owned())));
}

#[test]
fn next_reads_the_session_from_a_cookie() {
    let facts = project("next").facts;
    assert!(facts.cookie_auth.is_some());
    assert_eq!((facts.jwt_template, facts.api_version), (None, None));
    assert_eq!(facts.stripe_sdk.unwrap().value, "17.7.0");
    assert_eq!(values(&facts.user_key), ["user_id"]);
}
