//! Changes to subscriptions.

use serde_json::{Value, json};

use super::billing::{Terms, set_cancellation};
use super::customers::has_ended;
use super::derived;
use super::error::StripeError;
use super::object_kind::ObjectKind;
use super::periods::period_end;
use super::request::{Call, Route, StripeResult};
use super::transaction::Transaction;
use super::writes::{CANCELLATION_REASONS, Field, Shape, set_fields, set_metadata};

pub(super) const ROUTES: &[Route] = &[
    Route::write("/v1/subscriptions", "rak_subscription_write", ObjectKind::Subscription, create)
        .takes(PARAMETERS)
        .takes_also(&["customer", "trial_end", "trial_period_days"])
        .expands(EXPANDS),
    Route::write("/v1/subscriptions/{id}", "rak_subscription_write", ObjectKind::Subscription, update)
        .takes(PARAMETERS)
        .takes_also(&["cancellation_details"])
        .expands(EXPANDS),
    Route::delete("/v1/subscriptions/{id}", "rak_subscription_write", ObjectKind::Subscription, delete)
        .takes(&["cancellation_details", "invoice_now", "prorate"])
        .expands(EXPANDS),
];

const EXPANDS: &[&str] = &["customer", "default_payment_method", "discounts", "latest_invoice"];

/// What both requests take. Some of it changes nothing here.
const PARAMETERS: &[&str] = &[
    "automatic_tax",
    "billing_mode",
    "cancel_at_period_end",
    "collection_method",
    "days_until_due",
    "default_payment_method",
    "description",
    "discounts",
    "items",
    "metadata",
    "off_session",
    "payment_behavior",
    "payment_settings",
    "proration_behavior",
    "trial_settings",
];

/// What can be changed of an existing subscription.
const FIELDS: &[Field] = &[
    ("cancel_at_period_end", Shape::Boolean),
    ("cancellation_details[comment]", Shape::OptionalText),
    ("cancellation_details[feedback]", Shape::OneOf(CANCELLATION_REASONS)),
    ("collection_method", Shape::OneOf(&["charge_automatically", "send_invoice"])),
    ("days_until_due", Shape::AtLeast(1)),
    ("default_payment_method", Shape::OptionalText),
    ("description", Shape::OptionalText),
    ("trial_settings[end_behavior][missing_payment_method]", Shape::OneOf(&["cancel", "create_invoice", "pause"])),
];

const BEHAVIORS: [&str; 4] = ["allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete"];
/// How many items a subscription can have.
const MOST_ITEMS: usize = 20;

/// A parameter `items[0][…]`, for each index.
struct WantedItem {
    id: Option<String>,
    price: Option<Value>,
    quantity: Option<i64>,
    is_deleted: bool,
}

fn create(call: &Call) -> StripeResult {
    let parameters = &call.parameters;
    let behavior = payment_behavior(call)?;
    if behavior == "pending_if_incomplete" {
        let message = "payment_behavior can be pending_if_incomplete only when a subscription is changed.";
        return Err(StripeError::bad(message).about("payment_behavior"));
    }
    let mut transaction = call.begin();
    let customer = parameters.required("customer")?;
    transaction.customer(customer, "customer")?;
    let wanted = wanted_items(call, &transaction)?;
    let items = wanted.into_iter().map(|item| {
        let price = item.price.ok_or_else(|| StripeError::missing_parameter("items[0][price]"))?;
        Ok((price, item.quantity.unwrap_or(1)))
    });
    let items = items.collect::<Result<Vec<_>, StripeError>>()?;
    if items.is_empty() {
        return Err(StripeError::missing_parameter("items"));
    }
    if parameters.get("collection_method") == Some("send_invoice") {
        parameters.required("days_until_due")?;
    }
    let redemption = transaction.wanted_discount(parameters, Some(customer))?;
    let terms = Terms {
        customer,
        items,
        redemption: redemption.as_ref(),
        parameters,
        payment_method: None,
        payment_behavior: behavior,
    };
    let subscription = transaction.subscribe(&terms)?;
    Ok(call.shown(&transaction.store, ObjectKind::Subscription, subscription))
}

fn payment_behavior<'a>(call: &'a Call) -> Result<&'a str, StripeError> {
    let behavior = call.parameters.get("payment_behavior").unwrap_or("allow_incomplete");
    let unknown = || {
        let message = format!("Invalid payment_behavior: must be one of {}, and not {behavior}", BEHAVIORS.join(", "));
        StripeError::bad(message).about("payment_behavior")
    };
    if BEHAVIORS.contains(&behavior) { Ok(behavior) } else { Err(unknown()) }
}

/// The items that the parameters name, each checked as Stripe checks it.
fn wanted_items(call: &Call, transaction: &Transaction) -> Result<Vec<WantedItem>, StripeError> {
    let parameters = &call.parameters;
    let mut items = Vec::new();
    for index in 0..=MOST_ITEMS {
        let name = |field: &str| format!("items[{index}][{field}]");
        if !parameters.any_under(&format!("items[{index}]")) {
            break;
        }
        let price = parameters.get(&name("price")).map(|id| {
            let price = transaction.named(ObjectKind::Price, id, &name("price"))?;
            let refused = |message: &str| Err(StripeError::bad(message).about(name("price")));
            match (&price["active"], price["type"].as_str()) {
                (_, Some("one_time")) => refused(
                    "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`.",
                ),
                (Value::Bool(false), _) => {
                    refused("The price specified is inactive. This field only accepts active prices.")
                }
                _ => Ok(price),
            }
        });
        items.push(WantedItem {
            id: parameters.get(&name("id")).map(str::to_owned),
            price: price.transpose()?,
            quantity: parameters.integer(&name("quantity"))?,
            is_deleted: parameters.boolean(&name("deleted"))? == Some(true),
        });
    }
    let known = ["id", "price", "quantity", "deleted"];
    let is_known = |name: &str| {
        let mut steps = name.split('[').skip(1).map(|step| step.trim_end_matches(']'));
        let (index, field) = (steps.next().unwrap_or_default(), steps.next().unwrap_or_default());
        index.parse::<usize>().is_ok_and(|index| index < items.len())
            && known.contains(&field)
            && steps.next().is_none()
    };
    if let Some((name, _)) = parameters.iter().find(|(name, _)| name.starts_with("items") && !is_known(name)) {
        return Err(StripeError::unknown_parameter(name));
    }
    if items.len() > MOST_ITEMS {
        return Err(StripeError::bad(format!("A subscription can have up to {MOST_ITEMS} items.")).about("items"));
    }
    Ok(items)
}

/// No proration is charged.
fn update(call: &Call) -> StripeResult {
    let parameters = &call.parameters;
    payment_behavior(call)?;
    call.change("customer.subscription.updated", |transaction, subscription| {
        let only_metadata = parameters
            .iter()
            .all(|(name, _)| ["metadata", "expand", "cancellation_details"].iter().any(|free| name.starts_with(free)));
        if has_ended(subscription) && !only_metadata {
            let message = "A canceled subscription can only update its cancellation_details and metadata.";
            return Err(StripeError::bad(message));
        }
        let customer = subscription["customer"].as_str().unwrap_or_default().to_owned();
        if !only_metadata {
            transaction.customer(&customer, "customer")?;
        }
        let wanted = wanted_items(call, transaction)?;
        set_metadata(parameters, subscription)?;
        set_fields(parameters, FIELDS, subscription)?;
        if let Some(method) = parameters.get("default_payment_method").filter(|method| !method.is_empty()) {
            transaction.is_attached(method, &customer)?;
        }
        change_items(transaction, subscription, wanted)?;
        set_cancellation(subscription, transaction.now);
        let id = subscription["id"].as_str().unwrap_or_default().to_owned();
        if let Some(redemption) = transaction.wanted_discount(parameters, Some(&customer))? {
            subscription["discounts"] = json!([transaction.redeem(&redemption, &customer, &id)?["id"]]);
        } else if parameters.get("discounts") == Some("") {
            subscription["discounts"] = json!([]);
        }
        Ok(())
    })
}

/// Changes the items with an ID, and adds those without one.
fn change_items(
    transaction: &Transaction,
    subscription: &mut Value,
    wanted: Vec<WantedItem>,
) -> Result<(), StripeError> {
    let id = subscription["id"].as_str().unwrap_or_default().to_owned();
    let mut items = subscription["items"]["data"].as_array().cloned().unwrap_or_default();
    let interval = |items: &[Value]| items.first().map(|item| item["price"]["recurring"].clone()).unwrap_or_default();
    let before = interval(&items);
    for change in wanted {
        let Some(item_id) = change.id else {
            let price = change.price.ok_or_else(|| StripeError::missing_parameter("items[0][price]"))?;
            if items.iter().any(|item| item["price"]["id"] == price["id"]) {
                let message = "Cannot add multiple subscription items with the same plan.";
                return Err(StripeError::bad(message).about("items"));
            }
            let mut item = transaction.item(&id, &price, change.quantity.unwrap_or(1), None)?;
            for field in ["current_period_start", "current_period_end"] {
                item[field] = items.first().map(|first| first[field].clone()).unwrap_or_default();
            }
            items.push(item);
            continue;
        };
        let place = items.iter().position(|item| item["id"] == item_id.as_str());
        let missing = || StripeError::missing("subscription item", &item_id, None).in_parameter("items[0][id]");
        let place = place.ok_or_else(missing)?;
        if change.is_deleted {
            items.remove(place);
            continue;
        }
        if let Some(price) = change.price {
            items[place]["plan"] = derived::plan(&price, &transaction.stripe.recorded)?;
            items[place]["price"] = price;
        }
        if let Some(quantity) = change.quantity {
            items[place]["quantity"] = quantity.into();
        }
    }
    if items.is_empty() {
        return Err(StripeError::bad("A subscription must have at least one active plan."));
    }
    let after = interval(&items);
    if ["interval", "interval_count"].iter().any(|field| before[field] != after[field]) {
        // A new interval begins at once.
        subscription["billing_cycle_anchor"] = transaction.now.into();
        for item in &mut items {
            item["current_period_start"] = transaction.now.into();
            item["current_period_end"] = period_end(transaction.now, transaction.now, &after).into();
        }
    }
    subscription["items"]["data"] = items.into();
    Ok(())
}

fn delete(call: &Call) -> StripeResult {
    for name in ["invoice_now", "prorate"] {
        call.parameters.boolean(name)?;
    }
    let mut transaction = call.begin();
    let subscription = transaction.store.find(call.kind, call.id, &call.caller)?.body.clone();
    if has_ended(&subscription) {
        return Err(StripeError::missing("subscription", call.id, None));
    }
    let mut details = json!({ "cancellation_details": { "comment": null, "feedback": null } });
    let allowed = FIELDS.iter().filter(|(name, _)| name.starts_with("cancellation_details")).copied();
    set_fields(&call.parameters, &allowed.collect::<Vec<_>>(), &mut details)?;
    if let Some(customer) = subscription["customer"].as_str() {
        transaction.customer(customer, "customer")?;
    }
    let ended = transaction.cancel(&subscription, &details["cancellation_details"])?;
    Ok(call.shown(&transaction.store, call.kind, ended))
}

#[cfg(test)]
mod tests;
