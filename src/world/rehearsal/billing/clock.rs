//! Test mode: a test clock makes the months of a subscription pass, and test cards pay or do not pay.

use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;

use super::buy::text;
use super::stage::{Bought, Expected, Progress, Stage};
use super::stripe::{ObjectId, form};
use crate::finding::{Answered, NoAnswer};
use crate::world::id::ApiPath;
use crate::world::rehearsal::script::{RehearsalStep, WaitFor, grants};
use crate::world::transport::Answer;

const CLOCKS: &str = "/v1/test_helpers/test_clocks";
const UPDATED: &str = "customer.subscription.updated";
const HOUR: i64 = 3600;

impl Stage<'_> {
    /// The trial ends, a renewal fails, and its payment succeeds later.
    pub async fn live_a_year(&self, bought: &Bought, progress: &mut Progress) -> Answered {
        let tier = self.tiers.first;
        if bought.now(self).await?["status"] == "trialing" {
            let end = period_end(&bought.now(self).await?)?;
            let (step, wait_for) = (RehearsalStep::TrialEnded, WaitFor::Nothing);
            self.pass(bought, end + 2 * HOUR, Expected { step, tier, wait_for, kind: UPDATED }, "active", progress)
                .await?;
        }
        self.pay_with(&bought.customer, "pm_card_chargeCustomerFail").await?;
        let end = period_end(&bought.now(self).await?)?;
        let (step, wait_for) = (RehearsalStep::PastDue, self.while_status("past_due"));
        // The renewal's invoice is a draft for an hour.
        self.pass(bought, end + 2 * HOUR, Expected { step, tier, wait_for, kind: UPDATED }, "past_due", progress)
            .await?;
        let card = self.pay_with(&bought.customer, "pm_card_visa").await?;
        let invoice = text(&bought.now(self).await?, "latest_invoice")?;
        let step = RehearsalStep::Recovered;
        let wait_for =
            if grants(&self.objects.door.world.config, "past_due") { WaitFor::Nothing } else { WaitFor::Tier };
        self.note(step);
        let started = Instant::now();
        let path = ApiPath::new("/v1/invoices/").id(&ObjectId(&invoice)).then("/pay");
        let (_, answer) = self.objects.post(path, form([("payment_method", card.as_str())])).await?;
        self.observe(bought, Expected { step, tier, wait_for, kind: UPDATED }, answer, started, progress).await
    }

    /// Lets the time pass until the subscription has ended.
    pub async fn until_the_period_ends(&self, bought: &Bought) -> Answered<Arc<Answer>> {
        let end = period_end(&bought.now(self).await?)?;
        self.advance(bought, end + 2 * HOUR).await
    }

    /// Lets time pass, makes sure that the subscription has the status that this should lead to, and records the effect.
    async fn pass(
        &self,
        bought: &Bought,
        until: i64,
        expected: Expected<'_>,
        status: &str,
        progress: &mut Progress,
    ) -> Answered {
        self.note(expected.step);
        let started = Instant::now();
        let answer = self.advance(bought, until).await?;
        let now = bought.now(self).await?;
        if now["status"] != status {
            let seen = now["status"].as_str().unwrap_or("unknown");
            return Err(NoAnswer::unknown(format!(
                "the subscription is {seen} {}, and should be {status}",
                expected.step.after()
            )));
        }
        let Expected { step, wait_for, kind, .. } = expected;
        self.observe(bought, Expected { step, tier: self.tiers.first, wait_for, kind }, answer, started, progress).await
    }

    /// Advances the clock, and waits until Stripe has done all that was due.
    async fn advance(&self, bought: &Bought, until: i64) -> Answered<Arc<Answer>> {
        let id = bought.clock.as_deref().ok_or_else(|| NoAnswer::unknown("the subscription has no test clock"))?;
        let (clock, until) = (ApiPath::new("/v1/test_helpers/test_clocks/").id(&ObjectId(id)), until.to_string());
        let (_, answer) =
            self.objects.post(clock.clone().then("/advance"), form([("frozen_time", until.as_str())])).await?;
        let (started, pace) = (Instant::now(), self.objects.door.pace);
        while started.elapsed() < pace.patience {
            let gone = || NoAnswer::unknown("Stripe does not have the test clock anymore");
            let now = self.objects.get(&clock).await?.ok_or_else(gone)?;
            match now["status"].as_str() {
                Some("ready") => return Ok(answer),
                Some("advancing") => tokio::time::sleep(pace.poll).await,
                other => return Err(NoAnswer::unknown(format!("the test clock is {}", other.unwrap_or("broken")))),
            }
        }
        Err(NoAnswer::unknown("the test clock was still advancing when time was up"))
    }

    pub(super) async fn new_clock(&self) -> Answered<String> {
        let (began, name) = (self.objects.record.began.to_string(), self.objects.record.clock());
        let parameters = form([("frozen_time", began.as_str()), ("name", name.as_str())]);
        text(&self.objects.post(ApiPath::new(CLOCKS), parameters).await?.0, "id")
    }

    /// Makes a test card the customer's default. Returns the payment method.
    pub(super) async fn pay_with(&self, customer: &str, card: &str) -> Answered<String> {
        let attach = ApiPath::new("/v1/payment_methods/").id(&ObjectId(card)).then("/attach");
        let (method, _) = self.objects.post(attach, form([("customer", customer)])).await?;
        let method = text(&method, "id")?;
        let parameters = form([("invoice_settings[default_payment_method]", method.as_str())]);
        self.objects.post(ApiPath::new("/v1/customers/").id(&ObjectId(customer)), parameters).await?;
        Ok(method)
    }
}

/// When the current period ends, in Unix seconds.
fn period_end(subscription: &Value) -> Answered<i64> {
    let end = subscription["items"]["data"][0]["current_period_end"].as_i64();
    end.ok_or_else(|| NoAnswer::unknown("current_period_end is missing in Stripe's answer"))
}
