//! Products, prices and promotion codes.

use super::error::StripeError;
use super::object_kind::ObjectKind;
use super::request::{Call, Route, StripeResult};
use super::resources::{list, retrieve};

pub(super) const ROUTES: &[Route] = &[
    Route::list("/v1/prices", "rak_plan_read", ObjectKind::Price, list_prices)
        .filters(&["active", "currency", "product", "recurring", "type"])
        .takes(&["created", "lookup_keys"])
        .expands(&["data.product", "data.tiers", "data.currency_options"]),
    Route::retrieve("/v1/prices/{id}", "rak_plan_read", ObjectKind::Price, retrieve).expands(&[
        "product",
        "tiers",
        "currency_options",
    ]),
    Route::list("/v1/products", "rak_product_read", ObjectKind::Product, list_products)
        .filters(&["active", "shippable", "type", "url"])
        .takes(&["created", "ids"])
        .expands(&["data.default_price"]),
    Route::retrieve("/v1/products/{id}", "rak_product_read", ObjectKind::Product, retrieve).expands(&["default_price"]),
    Route::list("/v1/promotion_codes", "rak_promotion_code_read", ObjectKind::PromotionCode, list_promotion_codes)
        .filters(&["active", "code", "customer", "customer_account"])
        .takes(&["coupon", "created"])
        .expands(&["data.customer", "data.promotion.coupon", "data.promotion.coupon.applies_to"]),
];

fn list_prices(call: &Call) -> StripeResult {
    let keys = call.parameters.all("lookup_keys");
    if keys.len() > 10 {
        let message = "You may only specify up to 10 of these parameters: lookup_keys.";
        return Err(StripeError::bad(message).about("lookup_keys"));
    }
    call.list(|price| keys.is_empty() || price.body["lookup_key"].as_str().is_some_and(|key| keys.contains(&key)))
}

fn list_products(call: &Call) -> StripeResult {
    let ids = call.parameters.all("ids");
    let paginates = call.parameters.get("starting_after").or(call.parameters.get("ending_before")).is_some();
    if !ids.is_empty() && paginates {
        return Err(StripeError::bad("You cannot paginate while filtering by ids.").about("ids"));
    }
    if ids.is_empty() { list(call) } else { call.list(|product| ids.contains(&product.id())) }
}

fn list_promotion_codes(call: &Call) -> StripeResult {
    let coupon = call.parameters.get("coupon");
    call.list(|code| coupon.is_none_or(|coupon| code.body["promotion"]["coupon"] == coupon))
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
    async fn a_one_time_price_does_not_recur() {
        let price = TestClient::of(&["price-one-time"]).get(&format!("/v1/prices/{PRO}")).await.body;
        assert!(price["recurring"].is_null());
    }

    #[tokio::test]
    async fn the_error_for_a_live_price_in_test_mode_says_that_a_similar_object_exists() {
        let answer = TestClient::of(&[]).get_in_test_mode(&format!("/v1/prices/{PRO}")).await;
        let message = "No such price: 'price_1Rlivecme7LaunchProMonth'; a similar object exists in live mode, but a test mode \
                       key was used to make this request.";
        assert_eq!((answer.status, answer.message()), (404, message));
    }

    #[tokio::test]
    async fn a_price_of_another_account_does_not_exist() {
        let answer = TestClient::of(&[]).get("/v1/prices/price_1Rlivether0Shop0ProMonth").await;
        assert_eq!(answer.message(), "No such price: 'price_1Rlivether0Shop0ProMonth'");
    }

    #[tokio::test]
    async fn prices_can_be_filtered() {
        let client = TestClient::of(&["price-archived"]);
        let of_pro = client.get("/v1/prices?product=prod_QpanAcmePro001").await;
        assert_eq!(of_pro.ids(), [PRO]);
        let active = client.get("/v1/prices?active=true&type=recurring&recurring%5Binterval%5D=month").await;
        assert_eq!(active.ids(), ["price_1Rlivecme7LaunchEntMonth"]);
    }

    #[tokio::test]
    async fn a_promotion_code_shows_its_coupon_and_products_only_if_they_are_expanded() {
        let client = TestClient::of(&["healthy-promotion-code-for-another-product"]);
        let coupon = async |expand: &str| {
            let codes = client.get(&format!("/v1/promotion_codes?active=true{expand}")).await;
            codes.body["data"][0]["promotion"]["coupon"].clone()
        };
        assert_eq!(coupon("").await, "Friends0");
        assert!(coupon("&expand%5B%5D=data.promotion.coupon").await.get("applies_to").is_none());
        let whole = coupon("&expand%5B%5D=data.promotion.coupon.applies_to").await;
        assert_eq!(whole["applies_to"]["products"][0], "prod_QpanAcmeBook01");
    }

    #[tokio::test]
    async fn test_mode_has_its_own_products() {
        let products = TestClient::of(&[]).get_in_test_mode("/v1/products").await;
        assert_eq!(products.ids().len(), 2);
        assert!(products.ids().iter().all(|id| id.starts_with("prod_QpanTest")));
    }

    #[tokio::test]
    async fn with_many_products_the_relevant_ones_are_on_a_later_page() {
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
