//! A price in live mode like the one in test mode, for `stripe/price-mode`.

use serde_json::Value;

use crate::check::prelude::*;
use crate::world::{Found, Price, Product, Stripe};

/// What a new price or product gets from the one in test mode. The tier says the amount, the currency and the interval.
const OF_PRODUCT: [&str; 4] = ["description", "statement_descriptor", "tax_code", "unit_label"];

/// What makes a price more than an amount per interval. A person copies such a price in the dashboard.
const MORE_THAN_AN_AMOUNT: [&str; 6] = [
    "/custom_unit_amount",
    "/lookup_key",
    "/recurring/meter",
    "/recurring/trial_period_days",
    "/tiers_mode",
    "/transform_quantity",
];

/// Creates the price of `offer` in live mode as it is in test mode, with its product if that is missing too. The configured ID
/// is the test-mode price's. `None` if it is not certain what the live one should be, or whether it is there already.
pub(super) async fn live_copy(world: &World, offer: &Offer<'_>) -> Option<StripeChange> {
    let (live, test) = (world.stripe(), world.stripe_test()?);
    let prices = optional(test.recurring_prices()).await?;
    let is_right =
        |price: &&Price| price.id == offer.id() && price.surely_matches(offer) && price.is_on_sale() == Ok(true);
    let Found::Here(price) = optional(test.whole_price(prices.items.iter().find(is_right)?)).await? else {
        return None;
    };
    let price = price.value;
    if !is_plain(&price) {
        return None;
    }
    let products = optional(live.products()).await.filter(|products| products.unread.is_empty())?;
    let name = price["product"]["name"].as_str()?;
    let mut same = products.items.iter().filter(|product| is_same(world, offer, product, name));
    match (same.next(), same.next()) {
        (Some(product), None) => {
            let prices = optional(live.recurring_prices()).await.filter(|prices| prices.unread.is_empty())?;
            let is_there = |price: &Price| price.product_id() == Some(&product.id) && price.matches(offer) != Ok(false);
            (!prices.items.iter().any(is_there)).then(|| new_price(live, offer, &price, product))
        }
        // The first price creates the product, and then the others are added to it.
        (None, _) => {
            std::ptr::eq(offer.tier.prices.first()?, offer.price).then(|| new_product(world, offer, &price, name))
        }
        (Some(_), Some(_)) => None,
    }
}

fn is_plain(price: &Value) -> bool {
    let has_one_currency = price["currency_options"].as_object().is_none_or(|options| options.len() <= 1);
    has_one_currency && MORE_THAN_AN_AMOUNT.iter().all(|field| price.pointer(field).is_none_or(Value::is_null))
}

/// Whether a live product is the tier's: by its metadata or its name.
fn is_same(world: &World, offer: &Offer<'_>, product: &Product, name: &str) -> bool {
    let value = product.metadata.get(&world.config().entitlement.key, &product.id);
    value == Ok(Some(offer.tier.metadata.as_str())) || product.name() == name
}

fn new_product(world: &World, offer: &Offer<'_>, price: &Value, name: &str) -> StripeChange {
    let product = world.stripe().create(StripeResource::Product, name).with("name", name);
    let found = &price["product"];
    let fields =
        OF_PRODUCT.iter().map(|field| ((*field).to_owned(), &found[*field])).filter(|(_, value)| value.is_string());
    let product = fields.fold(product, |product, (field, value)| product.with(field, value.clone()));
    let product = with_metadata(product, "metadata", &found["metadata"]);
    with_terms(product, "default_price_data.", offer, price)
}

fn new_price(live: Stripe<'_>, offer: &Offer<'_>, price: &Value, product: &Product) -> StripeChange {
    let name = format!("{} of {}", offer.terms(), product.name());
    let new = live.create(StripeResource::Price, &name).with("product", product.id.as_str());
    with_terms(new, "", offer, price)
}

fn with_terms(change: StripeChange, below: &str, offer: &Offer<'_>, price: &Value) -> StripeChange {
    let wanted = offer.price;
    let named = |field: &str| format!("{below}{field}");
    let change = change
        .with(named("currency"), wanted.money.currency.as_str())
        .with(named("unit_amount"), wanted.money.minor)
        .with(named("recurring.interval"), price["recurring"]["interval"].clone())
        .with(named("recurring.interval_count"), price["recurring"]["interval_count"].clone());
    let change = match price["tax_behavior"].as_str() {
        Some(behavior) if behavior != "unspecified" => change.with(named("tax_behavior"), behavior),
        _ => change,
    };
    with_metadata(change, &named("metadata"), &price["metadata"])
}

fn with_metadata(change: StripeChange, field: &str, metadata: &Value) -> StripeChange {
    let entries = metadata.as_object().into_iter().flatten();
    entries.fold(change, |change, (key, value)| change.with(format!("{field}.{key}"), value.clone()))
}
