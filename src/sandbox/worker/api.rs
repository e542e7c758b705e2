//! The routes for users: tiers, usage, checkout and the customer portal.

use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::Worker;
use super::auth::SignedInUser;
use super::entitlement::holder_path;
use super::settings::{CheckoutRoute, Defect, Limit, Named, Tier};

/// `GET /api/tiers`: the tiers, cheapest first.
pub(super) fn tiers(worker: &Worker) -> Response {
    let mut tiers: Vec<_> = worker.settings.tiers.iter().filter(|(_, tier)| tier.announced).collect();
    tiers.sort_by(|(_, one), (_, other)| one.price.total_cmp(&other.price));
    let shown = tiers.into_iter().map(|(id, tier)| {
        // JavaScript writes 29, not 29.0.
        let price = serde_json::from_str(&tier.price.to_string()).unwrap_or(Value::Null);
        let limit = tier.announced_limit.unwrap_or(tier.limit);
        json!({ "id": id, "name": tier.name, "price": price, "limit": limit, "hasPriceId": tier.price_id.is_some() })
    });
    worker.json(StatusCode::OK, &json!({ "tiers": shown.collect::<Vec<Value>>() }))
}

/// The routes that need a token.
pub(super) async fn serve(
    worker: &Worker,
    route: (&str, &str),
    account: &SignedInUser,
    Parts { headers, uri, .. }: &Parts,
    body: &[u8],
) -> Response {
    let CheckoutRoute { method, path, .. } = &worker.settings.checkout_route;
    match route {
        ("GET", "/api/usage") => usage(worker, account),
        ("POST", "/api/data") => data(worker, account),
        route if route == (method, path) => match chosen(worker, uri.query().unwrap_or_default(), body) {
            Ok(tier) => opened(worker, checkout(worker, account, headers, &tier).await),
            Err(refused) => respond(worker, Err(refused)),
        },
        ("POST", "/api/customer-portal") => respond(worker, portal(worker, account, headers).await),
        _ => worker.json(StatusCode::NOT_FOUND, &json!({ "error": "Not found" })),
    }
}

fn respond(worker: &Worker, answer: Result<Value, (StatusCode, String)>) -> Response {
    match answer {
        Ok(body) => worker.json(StatusCode::OK, &body),
        Err((status, reason)) => worker.json(status, &json!({ "error": reason })),
    }
}

/// The answer to a customer, as the frontend reads it.
fn opened(worker: &Worker, session: Result<Value, (StatusCode, String)>) -> Response {
    match (session, &worker.settings.checkout_route.answer) {
        (Err(refused), _) => respond(worker, Err(refused)),
        (Ok(session), Some(field)) => worker.json(StatusCode::OK, &json!({ field: session })),
        (Ok(session), None) => Redirect::to(session.as_str().unwrap_or_default()).into_response(),
    }
}

/// The tier that a customer asks for, known or not.
fn chosen(worker: &Worker, query: &str, body: &[u8]) -> Result<String, (StatusCode, String)> {
    let settings = &worker.settings;
    let CheckoutRoute { method, field, names, .. } = &settings.checkout_route;
    let wish = if method == "GET" {
        let pair = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == field);
        pair.map(|(_, wish)| wish.into_owned())
    } else {
        match serde_json::from_slice::<Value>(body) {
            Ok(asked) => asked[field].as_str().map(str::to_owned),
            Err(_) if settings.has(Defect::BreaksOnBadJson) => {
                return Err(failed("Unexpected end of JSON input".to_owned()));
            }
            Err(_) => None,
        }
    };
    let has_price = |wish: &str, tier: &Tier| tier.price_id.as_deref().is_some_and(|name| worker.binding(name) == wish);
    let tier = wish.filter(|wish| !wish.is_empty()).and_then(|wish| match names {
        Named::Tier => Some(wish),
        Named::Price => settings.tiers.iter().find(|(_, tier)| has_price(&wish, tier)).map(|(name, _)| name.clone()),
    });
    tier.ok_or_else(|| (StatusCode::BAD_REQUEST, "Invalid tier".to_owned()))
}

/// A plan that is not a tier has a limit of 0.
fn limit(worker: &Worker, plan: &str) -> Limit {
    worker.settings.tiers.get(plan).map_or(Limit::Of(0), |tier| tier.limit)
}

fn usage(worker: &Worker, account: &SignedInUser) -> Response {
    let cached;
    let plan = if worker.settings.has(Defect::CachesPlans) {
        cached = worker.storage().plans.entry(account.holder.clone()).or_insert_with(|| account.plan.clone()).clone();
        &cached
    } else {
        worker.settings.usage_plan.as_deref().unwrap_or(&account.plan)
    };
    let limit = limit(worker, plan);
    let used = worker.storage().uses.get(&account.holder).copied().unwrap_or_default();
    let (start, end) = this_month();
    let body = json!({
        "userId": account.user, "plan": plan, "usageCount": used, "limit": limit, "remaining": limit.remaining(used),
        "periodStart": start, "periodEnd": end,
    });
    worker.json(StatusCode::OK, &body)
}

fn this_month() -> (String, String) {
    let today = TimeZone::UTC.to_datetime(Timestamp::now()).date();
    let written = |date: Date| date.to_string();
    (written(today.first_of_month()), written(today.last_of_month()))
}

/// `POST /api/data`: one call is one use.
fn data(worker: &Worker, account: &SignedInUser) -> Response {
    let limit = limit(worker, &account.plan);
    let mut storage = worker.storage();
    let used = storage.uses.entry(account.holder.clone()).or_default();
    if !limit.admits(*used) {
        let body = json!({ "error": "Tier limit reached", "usageCount": *used, "limit": limit });
        return worker.json(StatusCode::FORBIDDEN, &body);
    }
    *used += match () {
        () if worker.settings.has(Defect::CountsNoUses) => 0,
        () if worker.settings.has(Defect::CountsTwice) => 2,
        () => 1,
    };
    let body = json!({
        "success": true, "data": { "message": "Request processed successfully" },
        "usage": { "count": *used, "limit": limit, "plan": account.plan },
    });
    worker.json(StatusCode::OK, &body)
}

/// Where checkout returns to: the caller's origin if it is an allowed one, otherwise the default.
fn return_to<'a>(worker: &'a Worker, headers: &'a HeaderMap) -> &'a str {
    let state = &worker.settings;
    let trusted = |origin: &&str| {
        let ours = state.allowed_origins.iter().skip(1).any(|allowed| allowed == origin);
        ours || state.has(Defect::TrustsOrigin)
    };
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    origin.filter(trusted).unwrap_or(&state.return_to)
}

/// The URL of a new session, or of the page that shows a changed subscription.
async fn checkout(
    worker: &Worker,
    account: &SignedInUser,
    headers: &HeaderMap,
    named: &str,
) -> Result<Value, (StatusCode, String)> {
    let settings = &worker.settings;
    let invalid = || (StatusCode::BAD_REQUEST, "Invalid tier".to_owned());
    let is_sold = |tier: &str| settings.tiers.get(tier).is_some_and(|tier| tier.price_id.is_some());
    let tier = if settings.has(Defect::SellsProByDefault) && !is_sold(named) { "pro" } else { named };
    let price = match settings.tiers.get(tier).and_then(|tier| tier.price_id.as_deref()) {
        Some(variable) => worker.binding(variable),
        None if settings.has(Defect::SellsUnknownTiers) => tier,
        None => return Err(invalid()),
    };
    if let Some(status) = worker.settings.tiers.get(tier).and_then(|tier| tier.order_status) {
        return Err((StatusCode::from_u16(status).unwrap_or_default(), "Too many requests".to_owned()));
    }
    if price.is_empty() {
        return Err(failed(format!("No price ID configured for tier: {tier}")));
    }
    let metadata = metadata(worker, account).await?;
    let base = return_to(worker, headers);
    let keys = &settings.keys;
    let named = metadata[&keys.subscription].as_str().filter(|_| metadata[&keys.customer].is_string());
    if let Some(subscription) = named.or_else(|| worker.settings.subscriptions.get(&account.holder).map(String::as_str))
    {
        change(worker, subscription, price, tier).await.map_err(failed)?;
        return Ok(format!("{base}/dashboard?success=true").into());
    }
    let (success, cancel) = (format!("{base}/dashboard?success=true"), format!("{base}/dashboard?canceled=true"));
    let (of_session, of_subscription) =
        (|key: &str| format!("metadata[{key}]"), |key: &str| format!("subscription_data[metadata][{key}]"));
    let (user_key, tier_key) = (of_session(&keys.user), of_session(&keys.tier));
    let (user_of_subscription, tier_of_subscription) = (of_subscription(&keys.user), of_subscription(&keys.tier));
    let mut form = vec![
        ("mode", "subscription"),
        ("line_items[0][price]", price),
        ("line_items[0][quantity]", "1"),
        ("success_url", success.as_str()),
        ("cancel_url", cancel.as_str()),
    ];
    if !worker.settings.has(Defect::CheckoutWithoutUser) {
        let holder = account.holder.as_str();
        // A member buys for the organization.
        form.extend([("client_reference_id", account.user.as_str()), (user_key.as_str(), holder)]);
        if !worker.settings.has(Defect::CheckoutWithoutSubscriptionMetadata) {
            form.push((user_of_subscription.as_str(), holder));
        }
        form.extend(metadata[&worker.settings.keys.customer].as_str().map(|customer| ("customer", customer)));
    }
    if !worker.settings.has(Defect::CheckoutWithoutTier) {
        form.extend([(tier_key.as_str(), tier), (tier_of_subscription.as_str(), tier)]);
    }
    form.retain(|(name, _)| !worker.settings.checkout.contains_key(*name));
    form.extend(worker.settings.checkout.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let customer;
    if worker.settings.has(Defect::MakesCustomers) && metadata[&worker.settings.keys.customer].is_null() {
        customer = worker
            .stripe("POST", "/v1/customers", &[(user_key.as_str(), account.holder.as_str())])
            .await
            .map_err(failed)?;
        form.push(("customer", customer["id"].as_str().unwrap_or_default()));
    }
    let session = worker.stripe("POST", "/v1/checkout/sessions", &form).await.map_err(failed)?;
    Ok(session["url"].clone())
}

/// Changes the existing subscription immediately.
async fn change(worker: &Worker, subscription: &str, price: &str, tier: &str) -> Result<Value, String> {
    let path = format!("/v1/subscriptions/{subscription}");
    let current = worker.stripe("GET", &path, &[]).await?;
    let item = current["items"]["data"][0]["id"].as_str().unwrap_or_default();
    let key = format!("metadata[{}]", worker.settings.keys.tier);
    let form = [("items[0][id]", item), ("items[0][price]", price), (key.as_str(), tier)];
    worker.stripe("POST", &path, &form).await
}

async fn portal(worker: &Worker, account: &SignedInUser, headers: &HeaderMap) -> Result<Value, (StatusCode, String)> {
    let metadata = metadata(worker, account).await?;
    let none = || (StatusCode::BAD_REQUEST, "No active subscription found".to_owned());
    let customer = metadata[&worker.settings.keys.customer].as_str().ok_or_else(none)?;
    let back = format!("{}/dashboard", return_to(worker, headers));
    let mut form = vec![("customer", customer), ("return_url", back.as_str())];
    let configuration = worker.binding("STRIPE_PORTAL_CONFIG_ID");
    if !configuration.is_empty() {
        form.push(("configuration", configuration));
    }
    let session = worker.stripe("POST", "/v1/billing_portal/sessions", &form).await.map_err(failed)?;
    Ok(json!({ "url": session["url"] }))
}

/// The holder's current public metadata at Clerk, which may be newer than the token.
async fn metadata(worker: &Worker, account: &SignedInUser) -> Result<Value, (StatusCode, String)> {
    let found = worker.clerk("GET", &holder_path(&account.holder), None).await.map_err(failed)?;
    Ok(found["public_metadata"].clone())
}

fn failed(reason: String) -> (StatusCode, String) {
    (StatusCode::INTERNAL_SERVER_ERROR, reason)
}
