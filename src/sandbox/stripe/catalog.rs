//! Products and prices.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::error::StripeError;
use super::parameters::Parameters;
use super::request::{Call, Route, StripeResult};
use super::state::{Price, Product, State};
use super::store::{Kind, Store, StoredObject, page};
use super::{Error, decimal, named};

pub(super) const ROUTES: &[Route] = &[
    Route::list("/v1/prices", "rak_plan_read", list_prices)
        .takes(&["active", "created", "currency", "lookup_keys", "product", "recurring", "type"])
        .expands(&["data.product", "data.tiers", "data.currency_options"]),
    Route::get("/v1/prices/{id}", "rak_plan_read", one_price).expands(&["product", "tiers", "currency_options"]),
    Route::list("/v1/products", "rak_product_read", list_products)
        .takes(&["active", "created", "ids", "shippable", "type", "url"])
        .expands(&["data.default_price"]),
    Route::get("/v1/products/{id}", "rak_product_read", one_product).expands(&["default_price"]),
];

/// Puts the document's products and prices on their store.
pub(super) fn load(state: &State, now: Timestamp, store: &mut Store) -> Result<(), Error> {
    for product in state.products.values() {
        let default_price = product.default_price.as_ref();
        let default_price = default_price.map(|name| named(&state.prices, "price", name)).transpose()?;
        let created = product.age.before(now);
        let body = product_body(product, default_price.map(|price| price.id.as_str()), created);
        put(store, Kind::Product, &product.account, product.livemode, body);
    }
    for price in state.prices.values() {
        let body = price_body(state, price, now)?;
        put(store, Kind::Price, &price.account, price.livemode, body);
    }
    for number in 0..state.extra_products {
        // Newer than all that matters, which therefore stands on a later page.
        let created = now.as_second() - i64::from(number);
        put(store, Kind::Product, "acme", true, extra_product(number, created));
        put(store, Kind::Price, "acme", true, extra_price(number, created));
    }
    Ok(())
}

/// Puts a body that says its own ID and age on a shelf.
pub(super) fn put(store: &mut Store, kind: Kind, account: &str, livemode: bool, body: Value) {
    let id = body["id"].as_str().unwrap_or_default().to_owned();
    let created = body["created"].as_i64().unwrap_or_default();
    store.put(kind, StoredObject { account: account.to_owned(), livemode, created, id, body });
}

fn product_body(product: &Product, default_price: Option<&str>, created: i64) -> Value {
    json!({
        "id": product.id,
        "object": "product",
        "active": product.active,
        "created": created,
        "default_price": default_price,
        "description": product.description,
        "images": [],
        "livemode": product.livemode,
        "marketing_features": [],
        "metadata": product.metadata,
        "name": product.name,
        "package_dimensions": null,
        "shippable": null,
        "statement_descriptor": null,
        "tax_code": null,
        "type": "service",
        "unit_label": null,
        "updated": created,
        "url": null,
    })
}

/// A price as it stands alone and inside a subscription: its product is an ID.
pub(super) fn price_body(state: &State, price: &Price, now: Timestamp) -> Result<Value, Error> {
    let recurring = (price.kind == "recurring").then(|| {
        json!({
            "interval": price.interval,
            "interval_count": price.interval_count,
            "meter": if price.usage_type == "metered" { json!("mtr_61SandboxMeter") } else { Value::Null },
            "trial_period_days": null,
            "usage_type": price.usage_type,
        })
    });
    Ok(json!({
        "id": price.id,
        "object": "price",
        "active": price.active,
        "billing_scheme": "per_unit",
        "created": price.age.before(now),
        "currency": price.currency,
        "custom_unit_amount": null,
        "livemode": price.livemode,
        "lookup_key": price.lookup_key,
        "metadata": price.metadata,
        "nickname": price.nickname,
        "product": named(&state.products, "product", &price.product)?.id,
        "recurring": recurring,
        "tax_behavior": "unspecified",
        "tiers_mode": null,
        "transform_quantity": null,
        "type": price.kind,
        "unit_amount": price.unit_amount,
        "unit_amount_decimal": decimal(price.unit_amount),
    }))
}

fn extra_product(number: u32, created: i64) -> Value {
    let product = Product {
        id: format!("prod_QpanExtra{number:05}"),
        name: format!("Sticker {number}"),
        livemode: true,
        account: String::new(),
        age: super::super::age::Age::default(),
        active: true,
        description: None,
        default_price: None,
        metadata: std::collections::BTreeMap::new(),
    };
    product_body(&product, None, created)
}

/// Bought once: no tier's, and no fault either.
fn extra_price(number: u32, created: i64) -> Value {
    json!({
        "id": format!("price_1Rlivecme7Launch{number:08}"),
        "object": "price",
        "active": true,
        "billing_scheme": "per_unit",
        "created": created,
        "currency": "usd",
        "custom_unit_amount": null,
        "livemode": true,
        "lookup_key": null,
        "metadata": {},
        "nickname": null,
        "product": format!("prod_QpanExtra{number:05}"),
        "recurring": null,
        "tax_behavior": "unspecified",
        "tiers_mode": null,
        "transform_quantity": null,
        "type": "one_time",
        "unit_amount": 300,
        "unit_amount_decimal": "300",
    })
}

/// Whether a object was created when `created`, `created[gte]` and so on say.
pub(super) fn created_in(parameters: &Parameters) -> Result<impl Fn(&StoredObject) -> bool + use<>, StripeError> {
    let at = parameters.integer("created")?;
    let (from, after) = (parameters.integer("created[gte]")?, parameters.integer("created[gt]")?);
    let (until, before) = (parameters.integer("created[lte]")?, parameters.integer("created[lt]")?);
    Ok(move |object: &StoredObject| {
        at.is_none_or(|at| object.created == at)
            && from.is_none_or(|from| object.created >= from)
            && after.is_none_or(|after| object.created > after)
            && until.is_none_or(|until| object.created <= until)
            && before.is_none_or(|before| object.created < before)
    })
}

fn list_prices(call: &Call) -> StripeResult {
    let parameters = &call.parameters;
    let active = parameters.boolean("active")?;
    let created = created_in(parameters)?;
    let lookup_keys = parameters.all("lookup_keys");
    if lookup_keys.len() > 10 {
        return Err(
            StripeError::bad("You may only specify up to 10 of these parameters: lookup_keys.").about("lookup_keys")
        );
    }
    let is = |value: &Value, wanted: Option<&str>| wanted.is_none_or(|wanted| value.as_str() == Some(wanted));
    let store = call.stripe.store();
    let wanted = store.of(Kind::Price, &call.caller).filter(|price| {
        let body = &price.body;
        active.is_none_or(|active| body["active"] == active)
            && created(price)
            && is(&body["currency"], parameters.get("currency"))
            && is(&body["product"], parameters.get("product"))
            && is(&body["type"], parameters.get("type"))
            && is(&body["recurring"]["interval"], parameters.get("recurring[interval]"))
            && is(&body["recurring"]["usage_type"], parameters.get("recurring[usage_type]"))
            && is(&body["recurring"]["meter"], parameters.get("recurring[meter]"))
            && (lookup_keys.is_empty() || body["lookup_key"].as_str().is_some_and(|key| lookup_keys.contains(&key)))
    });
    let mut list = page(wanted, "/v1/prices", "price", parameters)?;
    if parameters.all("expand").contains(&"data.product") {
        for price in list["data"].as_array_mut().into_iter().flatten() {
            expand_product(&store, call, price);
        }
    }
    Ok(list)
}

fn one_price(call: &Call) -> StripeResult {
    let store = call.stripe.store();
    let mut price = store.find(Kind::Price, call.id, &call.caller)?.body.clone();
    if call.parameters.all("expand").contains(&"product") {
        expand_product(&store, call, &mut price);
    }
    Ok(price)
}

/// Puts the product in the place of its ID; what is left of a deleted one says so.
pub(super) fn expand_product(store: &Store, call: &Call, price: &mut Value) {
    let id = price["product"].as_str().unwrap_or_default();
    price["product"] = match store.find(Kind::Product, id, &call.caller) {
        Ok(product) => product.body.clone(),
        Err(_) => json!({ "id": id, "object": "product", "deleted": true }),
    };
}

fn list_products(call: &Call) -> StripeResult {
    let parameters = &call.parameters;
    let active = parameters.boolean("active")?;
    let created = created_in(parameters)?;
    let ids = parameters.all("ids");
    if !ids.is_empty() && (parameters.get("starting_after").is_some() || parameters.get("ending_before").is_some()) {
        return Err(StripeError::bad("You cannot paginate while filtering by ids.").about("ids"));
    }
    let store = call.stripe.store();
    let wanted = store.of(Kind::Product, &call.caller).filter(|product| {
        active.is_none_or(|active| product.body["active"] == active)
            && created(product)
            && (ids.is_empty() || ids.contains(&product.id.as_str()))
    });
    let mut list = page(wanted, "/v1/products", "product", parameters)?;
    if parameters.all("expand").contains(&"data.default_price") {
        for product in list["data"].as_array_mut().into_iter().flatten() {
            expand_default_price(&store, call, product);
        }
    }
    Ok(list)
}

fn one_product(call: &Call) -> StripeResult {
    let store = call.stripe.store();
    let mut product = store.find(Kind::Product, call.id, &call.caller)?.body.clone();
    if call.parameters.all("expand").contains(&"default_price") {
        expand_default_price(&store, call, &mut product);
    }
    Ok(product)
}

fn expand_default_price(store: &Store, call: &Call, product: &mut Value) {
    if let Some(price) = product["default_price"].as_str().and_then(|id| store.find(Kind::Price, id, &call.caller).ok())
    {
        product["default_price"] = price.body.clone();
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_client::TestClient;

    const PRO: &str = "price_1Rlivecme7LaunchProMonth";

    #[tokio::test]
    async fn a_price_holds_the_id_of_its_product() {
        let price = TestClient::of(&[]).get(&format!("/v1/prices/{PRO}")).await.body;
        assert_eq!((&price["unit_amount"], &price["product"]), (&2900.into(), &"prod_QpanAcmePro001".into()));
    }

    #[tokio::test]
    async fn a_product_can_be_expanded_in_it() {
        let price = TestClient::of(&[]).get(&format!("/v1/prices/{PRO}?expand%5B%5D=product")).await.body;
        assert_eq!(price["product"]["metadata"]["plan"], "pro");
    }

    #[tokio::test]
    async fn a_price_that_is_paid_once_does_not_recur() {
        let price = TestClient::of(&["price-one-time"]).get(&format!("/v1/prices/{PRO}")).await.body;
        assert!(price["recurring"].is_null());
    }

    #[tokio::test]
    async fn a_live_price_is_not_there_in_test_mode_but_something_similar_is() {
        let answer = TestClient::of(&[]).get_in_test_mode(&format!("/v1/prices/{PRO}")).await;
        let message = "No such price: 'price_1Rlivecme7LaunchProMonth'; a similar object exists in live mode, but a test mode \
                       key was used to make this request.";
        assert_eq!((answer.status, answer.message()), (404, message));
    }

    #[tokio::test]
    async fn a_price_of_another_account_is_just_not_there() {
        let answer = TestClient::of(&[]).get("/v1/prices/price_1Rlivether0Shop0ProMonth").await;
        assert_eq!(answer.message(), "No such price: 'price_1Rlivether0Shop0ProMonth'");
    }

    #[tokio::test]
    async fn prices_are_found_by_what_they_are() {
        let client = TestClient::of(&["price-archived"]);
        let of_pro = client.get("/v1/prices?product=prod_QpanAcmePro001").await;
        assert_eq!(of_pro.ids(), [PRO]);
        let active = client.get("/v1/prices?active=true&type=recurring&recurring%5Binterval%5D=month").await;
        assert_eq!(active.ids(), ["price_1Rlivecme7LaunchEntMonth"]);
    }

    #[tokio::test]
    async fn test_mode_has_a_catalogue_of_its_own() {
        let products = TestClient::of(&[]).get_in_test_mode("/v1/products").await;
        assert_eq!(products.ids().len(), 2);
        assert!(products.ids().iter().all(|id| id.starts_with("prod_QpanTest")));
    }

    #[tokio::test]
    async fn what_matters_is_on_a_later_page_where_there_are_many() {
        let client = TestClient::of(&["healthy-many-pages"]);
        let mut path = "/v1/products?limit=100&active=true".to_owned();
        let mut pages = Vec::new();
        loop {
            let page = client.get(&path).await;
            pages.push(page.ids().contains(&"prod_QpanAcmePro001"));
            if page.body["has_more"] == false {
                break;
            }
            path = format!("/v1/products?limit=100&active=true&starting_after={}", page.ids().last().unwrap());
        }
        assert_eq!(pages, [false, false, true]);
    }
}
