//! Removes what a rehearsal created at Stripe. It looks for the marker, so it needs no list of what was created, and it is the same
//! at the end of a rehearsal, after an interruption and in `preflight cleanup`.

use std::time::Instant;

use serde_json::Value;

use super::record::{BillingRecord, REMOVED};
use super::stripe::{ObjectId, StripeObjects, form};
use crate::config::Mode;
use crate::finding::{Answered, NoAnswer};
use crate::world::World;
use crate::world::id::{ApiPath, CheckoutSessionId};
use crate::world::rehearsal::MARKER;

/// Clocks differ by less, in seconds.
const SKEW: i64 = 60;

impl World {
    /// Removes what this world created at Stripe, and then puts the canary back: what Stripe sends about the removal changes it.
    pub(in crate::world) async fn put_back(&self) -> Result<(), String> {
        let removed = self.remove_created().await;
        // What could not be removed sends no events, so the canary can be put back anyway.
        let restored = self.restore_canary().await;
        removed.and(restored)
    }

    async fn remove_created(&self) -> Result<(), String> {
        let Some(record) = self.rehearsal.billing.record() else { return Ok(()) };
        let door = self.rehearsal_door().map_err(|why| why.to_string())?;
        let objects = StripeObjects { door, record: &record };
        objects.remove_all().await.map_err(|why| {
            format!("what the rehearsal created at Stripe could not be removed, so run `preflight cleanup`: {why}")
        })?;
        self.rehearsal.billing.close();
        Ok(())
    }

    /// Removes what killed rehearsals left at Stripe. Returns how many there were.
    ///
    /// # Errors
    /// If something could not be removed.
    pub async fn remove_left(&self) -> Answered<usize> {
        let door = self.rehearsal_door()?;
        let left = self.left_at_stripe().await?;
        for record in &left {
            StripeObjects { door, record }.remove_all().await?;
        }
        Ok(left.len())
    }

    /// The rehearsals that left something at Stripe: those of the journal, and those whose coupon or test clock is still there.
    async fn left_at_stripe(&self) -> Answered<Vec<BillingRecord>> {
        let door = self.rehearsal_door()?;
        let here = self.deployment_name();
        let recorded = BillingRecord::unfinished(self.journal.path(), &here);
        let mut left = recorded.map_err(|error| NoAnswer::unknown(format!("the journal cannot be read: {error}")))?;
        if self.config.stripe.secret_key.value.is_none() {
            return Ok(left);
        }
        let (canary, none) = (self.config.clerk.canary_holder().value.clone(), BillingRecord::none(&here));
        let objects = StripeObjects { door, record: &none };
        let coupons = ApiPath::new("/v1/coupons");
        // A key that may not see coupons has not created one.
        if matches!(objects.read(&coupons).await?, Err(error) if error.permission().is_some()) {
            return Ok(left);
        }
        let coupons = objects.list(&coupons, |coupon| coupon["metadata"][MARKER].is_string()).await?;
        let mut found: Vec<BillingRecord> =
            coupons.iter().filter_map(|coupon| BillingRecord::of_coupon(coupon, &here)).collect();
        if self.config.project.mode == Mode::Test {
            let clocks = objects.list(&ApiPath::new("/v1/test_helpers/test_clocks"), |_| true).await?;
            found.extend(clocks.iter().filter_map(|clock| BillingRecord::of_clock(clock, &here)));
        }
        // Another canary is another deployment's.
        found.retain(|record| canary.as_ref() == Some(&record.holder));
        for record in found {
            if !left.iter().any(|known| known.id == record.id) {
                left.push(record);
            }
        }
        Ok(left)
    }
}

impl StripeObjects<'_> {
    async fn remove_all(self) -> Answered {
        let mut customers = self.marked_customers().await?;
        for customer in self.close_checkouts().await? {
            if !customers.contains(&customer) {
                customers.push(customer);
            }
        }
        for customer in &customers {
            self.remove_customer(customer).await?;
        }
        // A key that may not create one may not look for one either.
        if self.may_exist() {
            self.remove_coupon().await?;
            if self.is_test() {
                self.remove_clock().await?;
            }
        }
        let noted = self.door.world.journal.note(REMOVED, &self.record.id);
        noted.map_err(|error| NoAnswer::unknown(format!("the journal cannot be written: {error}")))
    }

    fn since(self) -> i64 {
        self.record.began - SKEW
    }

    async fn marked_customers(self) -> Answered<Vec<String>> {
        let path = ApiPath::new("/v1/customers").query("created[gte]", self.since());
        let mut customers = self.list(&path, |customer| self.is_marked(customer)).await?;
        if self.is_test() && self.may_exist() {
            // The list leaves out the customers of test clocks (docs/providers.md, "Stripe test mode").
            for clock in self.clocks().await? {
                let path = ApiPath::new("/v1/customers").query("test_clock", clock);
                customers.extend(self.list(&path, |customer| self.is_marked(customer)).await?);
            }
        }
        Ok(ids(&customers))
    }

    /// Expires the Worker's open sessions for the canary. Returns the customers who completed one of them.
    async fn close_checkouts(self) -> Answered<Vec<String>> {
        let record = self.record.holder.as_str();
        let canary: Vec<&str> = self.door.world.config.clerk.canary_ids().chain([record]).collect();
        let is_canary = |text: &Value| text.as_str().is_some_and(|text| canary.contains(&text));
        let path = ApiPath::new("/v1/checkout/sessions").query("created[gte]", self.since());
        let is_of_canary = |session: &Value| {
            let texts = session["metadata"].as_object().into_iter().flat_map(|metadata| metadata.values());
            is_canary(&session["client_reference_id"]) || texts.into_iter().any(is_canary)
        };
        let mut customers = Vec::new();
        for session in self.list(&path, is_of_canary).await? {
            match session["status"].as_str() {
                Some("open") => {
                    let id = CheckoutSessionId::parse(session["id"].as_str().unwrap_or_default());
                    self.door.world.stripe().expire(&id.map_err(|malformed| malformed.in_place("Stripe"))?).await?;
                }
                Some("complete") => {
                    if let Some(subscription) = session["subscription"].as_str() {
                        self.end_subscription(subscription).await?;
                    }
                    customers.extend(session["customer"].as_str().map(str::to_owned));
                }
                _ => {}
            }
        }
        let mut ours = Vec::new();
        for id in customers {
            let customer = self.get(&ApiPath::new("/v1/customers/").id(&ObjectId(&id))).await?;
            // A customer whom the Worker already had is not the rehearsal's.
            if customer.is_some_and(|customer| customer["created"].as_i64().is_some_and(|at| at >= self.since())) {
                ours.push(id);
            }
        }
        Ok(ours)
    }

    /// Deletes a customer, once the Worker knows that the subscriptions have ended.
    async fn remove_customer(self, id: &str) -> Answered {
        let path = ApiPath::new("/v1/customers/").id(&ObjectId(id));
        let subscriptions = ApiPath::new("/v1/subscriptions").query("customer", id).query("status", "all");
        let is_over = |one: &Value| matches!(one["status"].as_str(), Some("canceled" | "incomplete_expired"));
        for open in ids(&self.list(&subscriptions, |one| !is_over(one)).await?) {
            self.end_subscription(&open).await?;
        }
        self.delete(&path).await?;
        let is_gone = self.get(&path).await?.is_none_or(|customer| customer["deleted"] == true);
        if is_gone { Ok(()) } else { Err(still_there(id)) }
    }

    /// Cancels a subscription, and waits until its event was delivered: it would change the canary again later.
    async fn end_subscription(self, id: &str) -> Answered {
        let path = ApiPath::new("/v1/subscriptions/").id(&ObjectId(id));
        let is_over = |one: &Value| matches!(one["status"].as_str(), Some("canceled" | "incomplete_expired"));
        if self.get(&path).await?.is_none_or(|one| is_over(&one)) {
            return Ok(());
        }
        self.delete(&path).await?;
        if !self.get(&path).await?.is_none_or(|one| is_over(&one)) {
            return Err(still_there(id));
        }
        let events = ApiPath::new("/v1/events")
            .query("type", "customer.subscription.deleted")
            .query("created[gte]", self.since());
        let is_delivered =
            |event: &Value| event["data"]["object"]["id"] == id && event["pending_webhooks"].as_i64() == Some(0);
        let (started, pace) = (Instant::now(), self.door.pace);
        // A Worker that never accepts it does not change the canary either.
        while started.elapsed() < pace.patience.min(std::time::Duration::from_secs(5)) {
            if !self.list(&events, is_delivered).await?.is_empty() {
                break;
            }
            tokio::time::sleep(pace.poll).await;
        }
        Ok(())
    }

    async fn remove_coupon(self) -> Answered {
        let id = self.record.coupon();
        let path = ApiPath::new("/v1/coupons/").id(&ObjectId(&id));
        let Some(coupon) = self.get(&path).await? else { return Ok(()) };
        if !self.is_marked(&coupon) {
            return Err(NoAnswer::unknown(format!("the coupon {id} does not carry the rehearsal's marker")));
        }
        let codes = ApiPath::new("/v1/promotion_codes").query("coupon", &id).query("active", true);
        for code in ids(&self.list(&codes, |code| self.is_marked(code)).await?) {
            let path = ApiPath::new("/v1/promotion_codes/").id(&ObjectId(&code));
            self.post(path, form([("active", "false")])).await?;
        }
        self.delete(&path).await?;
        if self.get(&path).await?.is_none() { Ok(()) } else { Err(still_there(&id)) }
    }

    async fn clocks(self) -> Answered<Vec<String>> {
        let name = self.record.clock();
        let path = ApiPath::new("/v1/test_helpers/test_clocks");
        Ok(ids(&self.list(&path, |clock| clock["name"] == name.as_str()).await?))
    }

    async fn remove_clock(self) -> Answered {
        for id in self.clocks().await? {
            let path = ApiPath::new("/v1/test_helpers/test_clocks/").id(&ObjectId(&id));
            self.delete(&path).await?;
            if self.get(&path).await?.is_some() {
                return Err(still_there(&id));
            }
        }
        Ok(())
    }
}

fn still_there(id: &str) -> NoAnswer {
    NoAnswer::unknown(format!("{id} is still there after it was deleted"))
}

fn ids(objects: &[Value]) -> Vec<String> {
    objects.iter().filter_map(|object| object["id"].as_str()).map(str::to_owned).collect()
}
