//! Promotion codes, and the coupons behind them.

use serde::Deserialize;
use stripe_client_core::StripeRequest;
use stripe_product::promotion_code::ListPromotionCode;

use super::client::{Permission, Stripe};
use crate::finding::Answered;
use crate::world::field::Field;
use crate::world::seen::List;

pub(super) const PROMOTION_CODES: Permission =
    Permission { name: "rak_promotion_code_read", purpose: "read promotion codes", shown_by: |_| None };

/// A code that customers can enter (docs/providers.md, "Stripe API objects").
#[derive(Debug, Clone, Deserialize)]
pub struct PromotionCode {
    /// `promo_…`.
    pub id: String,
    /// What customers enter.
    pub code: String,
    /// The only customer who can use it; null for everyone.
    #[serde(default)]
    pub customer: Field<String>,
    /// What newer accounts use instead of a customer.
    #[serde(default)]
    pub customer_account: Field<String>,
    /// When it ends, in Unix seconds; null for never.
    #[serde(default)]
    pub expires_at: Field<i64>,
    /// How often it can be used, by all customers together; null for any number of times.
    #[serde(default)]
    pub max_redemptions: Field<u64>,
    #[serde(default)]
    promotion: Field<Promotion>,
}

#[derive(Debug, Clone, Deserialize)]
struct Promotion {
    #[serde(default)]
    coupon: Field<Coupon>,
}

/// The discount behind a code.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Coupon {
    /// The percentage off, above 0 and up to 100; null for an amount off.
    pub percent_off: Field<f64>,
    /// How long it applies to a subscription: `once`, `repeating` or `forever`.
    pub duration: Field<String>,
    /// For `repeating`: the number of months.
    pub duration_in_months: Field<u64>,
    /// How often it can be used, by all its codes and customers together; null for any number of times.
    pub max_redemptions: Field<u64>,
    /// When it ends, in Unix seconds; null for never.
    pub redeem_by: Field<i64>,
    /// Whether it can still be used.
    pub valid: Field<bool>,
    applies_to: Field<AppliesTo>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct AppliesTo {
    products: Vec<String>,
}

impl PromotionCode {
    /// Its coupon; `None` if it promotes something else.
    pub fn coupon(&self) -> Answered<Option<&Coupon>> {
        let promotion = self.promotion.known(format_args!("promotion of {}", self.id))?;
        promotion.coupon.nullable(format_args!("promotion.coupon of {}", self.id))
    }
}

impl Coupon {
    /// The IDs of the products that it is limited to; `None` if it applies to every product. Such a coupon has no `applies_to`.
    pub fn products(&self) -> Answered<Option<&[String]>> {
        if self.applies_to == Field::Absent {
            return Ok(None);
        }
        let limit = self.applies_to.nullable("applies_to of a coupon")?;
        Ok(limit.map(|limit| limit.products.as_slice()))
    }
}

impl Stripe<'_> {
    /// Every active promotion code, with its coupon and the products that the coupon is limited to.
    pub async fn promotion_codes(self) -> Answered<List<PromotionCode>> {
        let request = ListPromotionCode::new().active(true).limit(100);
        let request = request.expand(["data.promotion.coupon.applies_to".to_owned()]).build();
        self.list(request, |code: &PromotionCode| &code.id).await
    }
}
