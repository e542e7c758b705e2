//! Objects as earlier API versions show them (docs/providers.md, "Stripe event payloads").

use serde_json::Value;

/// Since basil, the period is on a subscription's items, and an invoice's subscription under `parent`.
const BASIL: &str = "2025-03-31";
/// Since dahlia, the modes of a Checkout page have other names.
const DAHLIA: &str = "2026-03-25";

/// An object as an API version shows it.
pub(super) fn rendered(object: &Value, version: &str) -> Value {
    let mut object = object.clone();
    match object["object"].as_str() {
        Some("subscription") if version < BASIL => {
            for field in ["current_period_start", "current_period_end"] {
                object[field] = object["items"]["data"][0][field].clone();
                for item in object["items"]["data"].as_array_mut().into_iter().flatten() {
                    item.as_object_mut().and_then(|item| item.remove(field));
                }
            }
        }
        Some("invoice") if version < BASIL => {
            object["subscription"] = object["parent"]["subscription_details"]["subscription"].clone();
            object["paid"] = (object["status"] == "paid").into();
            object.as_object_mut().and_then(|invoice| invoice.remove("parent"));
        }
        Some("checkout.session") if version < DAHLIA && object["ui_mode"] == "hosted_page" => {
            object["ui_mode"] = "hosted".into();
        }
        _ => {}
    }
    object
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn before_basil_the_period_is_on_the_subscription() {
        let item = json!({ "id": "si_1", "current_period_start": 1, "current_period_end": 2 });
        let subscription = json!({ "object": "subscription", "items": { "data": [item] } });
        let old = rendered(&subscription, "2024-06-20");
        assert_eq!((&old["current_period_end"], &old["items"]["data"][0]), (&2.into(), &json!({ "id": "si_1" })));
        assert_eq!(rendered(&subscription, "2025-10-29.clover"), subscription);
    }
}
