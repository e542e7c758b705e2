//! What coupons take off, and who may redeem them.

use serde_json::{Value, json};

use super::error::StripeError;
use super::object_kind::ObjectKind;
use super::parameters::Parameters;
use super::periods::months_later;
use super::transaction::Transaction;

/// A coupon to be redeemed, and the promotion code that leads to it.
#[derive(Debug, Clone)]
pub(super) struct Redemption {
    pub(super) coupon: Value,
    pub(super) promotion_code: Option<Value>,
}

impl Redemption {
    /// As a Checkout Session shows it.
    pub(super) fn shown(&self) -> Value {
        let code = self.promotion_code.as_ref();
        let coupon = code.is_none().then(|| self.coupon["id"].clone());
        json!({ "coupon": coupon, "promotion_code": code.map(|code| code["id"].clone()) })
    }
}

impl Transaction<'_> {
    /// The discount that `discounts[0]` asks for, if any.
    pub(super) fn wanted_discount(
        &self,
        parameters: &Parameters,
        customer: Option<&str>,
    ) -> Result<Option<Redemption>, StripeError> {
        let allowed = ["discounts", "discounts[0][coupon]", "discounts[0][promotion_code]"];
        if let Some((other, _)) =
            parameters.iter().find(|(name, _)| name.starts_with("discounts") && !allowed.contains(name))
        {
            return Err(StripeError::unknown_parameter(other));
        }
        let (coupon, code) = ("discounts[0][coupon]", "discounts[0][promotion_code]");
        match (parameters.get(coupon), parameters.get(code)) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => {
                let message = "You may only specify one of these parameters: coupon, promotion_code.";
                Err(StripeError::bad(message).about("discounts[0]"))
            }
            (Some(id), None) => {
                let coupon_object = self.named(ObjectKind::Coupon, id, coupon)?;
                let redemption = Redemption { coupon: coupon_object, promotion_code: None };
                self.check(&redemption, customer, coupon)?;
                Ok(Some(redemption))
            }
            (None, Some(id)) => {
                let found = self.named(ObjectKind::PromotionCode, id, code)?;
                self.of_code(found, customer, code).map(Some)
            }
        }
    }

    /// The discount of a promotion code.
    pub(super) fn of_code(
        &self,
        code: Value,
        customer: Option<&str>,
        parameter: &str,
    ) -> Result<Redemption, StripeError> {
        let coupon = code["promotion"]["coupon"].as_str().unwrap_or_default();
        // A code is useless without its coupon.
        let gone = |_| StripeError::bad("This promotion code is no longer valid.").about(parameter);
        let coupon = self.store.find(ObjectKind::Coupon, coupon, self.caller).map_err(gone)?.body.clone();
        let redemption = Redemption { coupon, promotion_code: Some(code) };
        self.check(&redemption, customer, parameter)?;
        Ok(redemption)
    }

    fn check(&self, redemption: &Redemption, customer: Option<&str>, parameter: &str) -> Result<(), StripeError> {
        let coupon = &redemption.coupon;
        let is_late = |until: &Value| until.as_i64().is_some_and(|until| until < self.now);
        if coupon["valid"] != true || is_late(&coupon["redeem_by"]) {
            let message = format!("Coupon expired: {}", coupon["id"].as_str().unwrap_or_default());
            return Err(StripeError::bad(message).coded("coupon_expired").about(parameter));
        }
        let Some(code) = &redemption.promotion_code else { return Ok(()) };
        if code["active"] != true || is_late(&code["expires_at"]) {
            return Err(StripeError::bad("This promotion code is no longer valid.").about(parameter));
        }
        if code["customer"].is_string() && code["customer"].as_str() != customer {
            return Err(StripeError::bad("This promotion code cannot be redeemed by this customer.").about(parameter));
        }
        let has_bought = || {
            let paid = |invoice: &Value| invoice["customer"].as_str() == customer && invoice["amount_paid"] != 0;
            customer.is_some() && !self.all(ObjectKind::Invoice, paid).is_empty()
        };
        if code["restrictions"]["first_time_transaction"] == true && has_bought() {
            let message =
                "This promotion code cannot be redeemed because the associated customer has prior transactions.";
            return Err(StripeError::bad(message).about(parameter));
        }
        Ok(())
    }

    /// Redeems a coupon for a subscription, and returns the discount.
    pub(super) fn redeem(
        &mut self,
        redemption: &Redemption,
        customer: &str,
        subscription: &str,
    ) -> Result<Value, StripeError> {
        let coupon = self.count_redemption(ObjectKind::Coupon, &redemption.coupon, "valid")?;
        if coupon["valid"] != true {
            self.end_codes_of(coupon["id"].as_str().unwrap_or_default())?;
        }
        let code = redemption.promotion_code.as_ref();
        if let Some(id) = code.and_then(|code| code["id"].as_str()) {
            let as_it_is_now = self.named(ObjectKind::PromotionCode, id, "promotion_code")?;
            self.count_redemption(ObjectKind::PromotionCode, &as_it_is_now, "active")?;
        }
        let end = coupon["duration_in_months"].as_i64().map(|months| months_later(self.now, months));
        let fields = json!({
            "id": self.stripe.new_id(self.caller, "di"), "customer": customer, "subscription": subscription,
            "promotion_code": code.map(|code| code["id"].clone()), "start": self.now, "end": end,
        });
        let mut discount = self.new_object(ObjectKind::Discount, &fields)?;
        // The whole of it, since the discount outlives its coupon.
        discount["source"]["coupon"] = coupon;
        self.keep(ObjectKind::Discount, &discount, None)?;
        Ok(discount)
    }

    /// Counts one more redemption, and ends what has reached its last.
    fn count_redemption(&mut self, kind: ObjectKind, object: &Value, usable: &str) -> Result<Value, StripeError> {
        let mut counted = object.clone();
        let times = counted["times_redeemed"].as_i64().unwrap_or_default() + 1;
        counted["times_redeemed"] = times.into();
        if counted["max_redemptions"].as_i64().is_some_and(|most| times >= most) {
            counted[usable] = false.into();
        }
        self.put(kind, &counted)?;
        Ok(counted)
    }

    /// Without a valid coupon, its codes are no longer active.
    pub(super) fn end_codes_of(&mut self, coupon: &str) -> Result<(), StripeError> {
        let is_of = |code: &Value| code["active"] == true && code["promotion"]["coupon"] == coupon;
        for mut code in self.all(ObjectKind::PromotionCode, is_of) {
            code["active"] = false.into();
            self.put(ObjectKind::PromotionCode, &code)?;
        }
        Ok(())
    }

    /// The coupons of a subscription's discounts that take something off a new invoice.
    pub(super) fn coupons_in_force(&self, subscription: &Value) -> Vec<Value> {
        let ids = subscription["discounts"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let discounts = ids.filter_map(|id| self.store.find(ObjectKind::Discount, id, self.caller).ok());
        let in_force = discounts.map(|discount| &discount.body).filter(|discount| {
            let is_over = discount["end"].as_i64().is_some_and(|end| end <= self.now);
            // One that holds once was used up by the first invoice.
            !is_over && discount["source"]["coupon"]["duration"] != "once"
        });
        in_force.map(|discount| discount["source"]["coupon"].clone()).collect()
    }
}

/// What a coupon takes off these amounts, each with its product.
pub(super) fn amount_off(coupon: &Value, lines: &[(i64, &str)], currency: &Value) -> i64 {
    let products = coupon["applies_to"]["products"].as_array();
    let applies = |product: &str| products.is_none_or(|products| products.iter().any(|wanted| wanted == product));
    let amount: i64 = lines.iter().filter(|(_, product)| applies(product)).map(|(amount, _)| amount).sum();
    match coupon["amount_off"].as_i64() {
        Some(off) if coupon["currency"] == *currency => off.min(amount),
        Some(_) => 0,
        // Half a cent is rounded up.
        None => (amount * hundredths(&coupon["percent_off"]) + 5_000) / 10_000,
    }
}

/// A percentage in hundredths: 12.5 is 1250.
fn hundredths(percent: &Value) -> i64 {
    let text = percent.to_string();
    let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
    let rest: String = rest.chars().chain("00".chars()).take(2).collect();
    let number = |digits: &str| digits.parse::<i64>().unwrap_or_default();
    number(whole) * 100 + number(&rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_can_have_decimals() {
        let off = |percent: Value| amount_off(&json!({ "percent_off": percent }), &[(2900, "prod_1")], &json!("usd"));
        assert_eq!((off(json!(100.0)), off(json!(12.5)), off(json!(33.33))), (2900, 363, 967));
    }

    #[test]
    fn a_coupon_may_apply_to_some_products_only() {
        let coupon = json!({ "percent_off": 50.0, "applies_to": { "products": ["prod_1"] } });
        assert_eq!(amount_off(&coupon, &[(100, "prod_1"), (100, "prod_2")], &json!("usd")), 50);
    }

    #[test]
    fn an_amount_is_taken_off_in_its_currency_and_not_below_zero() {
        let coupon = json!({ "amount_off": 500, "currency": "usd" });
        assert_eq!(amount_off(&coupon, &[(300, "prod_1")], &json!("usd")), 300);
        assert_eq!(amount_off(&coupon, &[(900, "prod_1")], &json!("eur")), 0);
    }
}
