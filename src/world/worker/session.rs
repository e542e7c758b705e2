//! What is wrong with what the Worker sells.

use url::Url;

use super::super::address::{Kinship, is_out_of_reach, kinship};
use super::super::id::CustomerId;
use super::super::subjects::{Offer, offers};
use super::super::{CheckoutSession, LineItem, Price, Seen};
use super::checkout::{NoSale, Sale};
use super::{FOREIGN_ORIGIN, NoAnswer, Worker};
use crate::config::{Source, Tier};
use crate::finding::Evidence;

/// What came of asking for one tier, judged.
#[derive(Debug, Clone)]
pub struct JudgedSale<'w> {
    /// The tier.
    pub tier: &'w Tier,
    /// What is wrong with it.
    pub slips: Vec<SaleSlip>,
    /// The session, or what was answered in its place.
    pub evidence: Evidence,
}

/// Something that is wrong with a sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SaleSlip {
    /// The Worker's key is of the other mode.
    OtherMode,
    /// The Worker's key is of another account.
    OtherAccount,
    /// Stripe does not take the Worker's key for this.
    Key,
    /// The Worker's price does not exist for its key.
    UnknownPrice(String),
    /// The canary's customer does not exist for the Worker's key.
    UnknownCustomer(String),
    /// The Worker makes no session; in its words.
    Refused(String),
    /// It sells at none of the tier's prices.
    Price {
        /// The price at which it sells.
        found: String,
        /// The tier whose price that is.
        tier: Option<String>,
    },
    /// It sells the tier more than once at a time.
    Quantity(u64),
    /// Nothing in the session leads back to the user.
    NoUser,
    /// The tier is read from metadata, and stands in none that a session has; or another one does.
    NoTier(Option<String>),
    /// It leads payers astray.
    Return {
        /// The field that says so.
        field: &'static str,
        /// What it says.
        url: String,
        /// Whether it may be meant so.
        perhaps_meant: bool,
    },
    /// It leads payers to whatever origin the request was from.
    OpenRedirect,
    /// Taxes are to be computed, and cannot be; what Stripe still wants to know.
    Tax(Vec<String>),
    /// The Worker made a customer for the canary, who stays.
    NewCustomer(String),
}

impl<'w> Worker<'w> {
    /// What is wrong with what the Worker sells, for each paid tier; asked by `worker/checkout`.
    pub async fn judged_sales(self) -> Vec<Result<JudgedSale<'w>, NoAnswer>> {
        let sales = self.sales().await;
        let tier = |name: &str| self.world.config.tiers.iter().find(|tier| tier.name == name);
        let known = sales.of.iter().filter_map(|(name, sale)| Some((tier(name)?, sale)));
        let mut judged: Vec<_> = futures::future::join_all(known.map(|(tier, sale)| async move {
            match sale {
                Ok(sale) => self.judge(tier, sale).await,
                Err(why) => Err(why.clone()),
            }
        }))
        .await;
        if let Some(Ok(Sale::Made(session))) = &sales.foreign
            && session.value.addresses().iter().any(|(_, url)| url.starts_with(FOREIGN_ORIGIN))
            && let Some(Ok(first)) = judged.iter_mut().find(|judged| judged.is_ok())
        {
            first.slips.push(SaleSlip::OpenRedirect);
        }
        judged
    }

    async fn judge(self, tier: &'w Tier, sale: &Sale) -> Result<JudgedSale<'w>, NoAnswer> {
        let named = |id: &str| format!("{id}: our key cannot end it, and it ends by itself within a day");
        let (slips, evidence) = match sale {
            Sale::Made(session) => {
                let evidence = session.answer.evidence("Checkout Session", session.value.id.clone());
                (self.session_slips(tier, session).await?, evidence)
            }
            Sale::OtherMode(id, answer) => {
                (vec![SaleSlip::OtherMode], answer.evidence("the session's name", named(id)))
            }
            Sale::OtherAccount(id, refusal) => {
                let seen = format!("{}; {}", refusal.message, named(id));
                (vec![SaleSlip::OtherAccount], Evidence { seen, ..refusal.evidence() })
            }
            Sale::Refused(why, breakdown) => {
                let slip = match why {
                    NoSale::OtherMode => SaleSlip::OtherMode,
                    NoSale::OtherAccount => SaleSlip::OtherAccount,
                    NoSale::Key => SaleSlip::Key,
                    NoSale::UnknownPrice(id) => SaleSlip::UnknownPrice(id.clone()),
                    NoSale::UnknownCustomer(id) => SaleSlip::UnknownCustomer(id.clone()),
                    NoSale::Tax => SaleSlip::Tax(self.world.stripe().tax_settings().await?.value.missing_fields()),
                    NoSale::Unexplained => SaleSlip::Refused(breakdown.words()),
                };
                (vec![slip], breakdown.evidence.clone())
            }
        };
        if slips.iter().any(|slip| matches!(slip, SaleSlip::Price { .. } | SaleSlip::UnknownPrice(_))) {
            let variables: Vec<&str> = tier.prices.iter().map(|price| price.price_id.name.as_str()).collect();
            self.yields_to_bindings(&variables).await?;
        }
        Ok(JudgedSale { tier, slips, evidence })
    }

    /// What is wrong with a session that the Worker made for `tier`.
    async fn session_slips(self, tier: &Tier, session: &Seen<CheckoutSession>) -> Result<Vec<SaleSlip>, NoAnswer> {
        let stripe = self.world.stripe();
        let sold = &session.value;
        let mut slips = self.price_slip(tier, sold).await?;
        slips.extend(self.mapping_slips(tier, sold));
        slips.extend(sold.addresses().into_iter().filter_map(|(field, url)| self.return_slip(field, url)));
        let tax = sold.automatic_tax.known(format_args!("automatic_tax of {}", sold.id))?;
        if *tax.enabled.known(format_args!("automatic_tax.enabled of {}", sold.id))? {
            let settings = stripe.tax_settings().await?.value;
            if !settings.is_active()? {
                slips.push(SaleSlip::Tax(settings.missing_fields()));
            }
        }
        if let Some(customer) = sold.customer.value() {
            let canary = self.world.clerk().known_canary().await?;
            let is_known = canary.public_metadata()?.contains_key(&self.world.config.clerk.customer_key);
            let id = CustomerId::parse(customer).map_err(|malformed| malformed.in_answer(&session.answer))?;
            if !is_known && stripe.is_new_customer(&id).await? {
                slips.push(SaleSlip::NewCustomer(customer.clone()));
            }
        }
        Ok(slips)
    }

    async fn price_slip(self, tier: &Tier, sold: &CheckoutSession) -> Result<Vec<SaleSlip>, NoAnswer> {
        let items = sold.line_items.known(format_args!("line_items of {}", sold.id))?;
        let items: &[LineItem] = items.data.known(format_args!("line_items.data of {}", sold.id))?;
        let all = offers(self.world);
        for offer in all.iter().filter(|offer| offer.tier.name == tier.name) {
            let known = self.world.stripe().own_price(offer).await?.value;
            let is_sold = |item: &&LineItem| item.price.value().is_some_and(|price| is_same(price, &known, offer));
            if let Some(item) = items.iter().find(is_sold) {
                let several = item.quantity.value().copied().filter(|quantity| *quantity != 1);
                return Ok(several.map(SaleSlip::Quantity).into_iter().collect());
            }
        }
        let prices = || items.iter().filter_map(|item| item.price.value());
        let found = prices().find(|price| price.recurring.value().is_some()).or_else(|| prices().next());
        let found = found.ok_or_else(|| NoAnswer::unknown(format!("Stripe shows nothing that {} sells", sold.id)))?;
        let theirs = all.iter().find(|offer| offer.id() == found.id).map(|offer| offer.tier.name.clone());
        Ok(vec![SaleSlip::Price { found: format!("{} ({})", found.id, found.terms()), tier: theirs }])
    }

    /// What a Worker needs to find user and tier in `checkout.session.completed`. Where it does not handle that event, it
    /// reads the subscription's metadata, which cannot be read before there is a subscription.
    fn mapping_slips(self, tier: &Tier, sold: &CheckoutSession) -> Vec<SaleSlip> {
        let config = &self.world.config;
        if !self.reads_sessions() {
            return Vec::new();
        }
        let mut slips = Vec::new();
        let metadata = sold.metadata.texts();
        // The tier in the metadata leads to nobody.
        let mut others = metadata.filter(|(key, value)| {
            *key != config.entitlement.tier_key && *value != tier.name && *value != tier.metadata && !value.is_empty()
        });
        let named = sold.client_reference_id.text().is_some_and(|user| !user.is_empty());
        let has_customer = sold.customer.value().is_some() || sold.customer_account.value().is_some();
        if !named && !has_customer && others.next().is_none() {
            slips.push(SaleSlip::NoUser);
        }
        if config.entitlement.source == Source::SubscriptionMetadata {
            let found = sold.metadata(&config.entitlement.tier_key);
            if found != Some(&tier.metadata) && found != Some(&tier.name) {
                slips.push(SaleSlip::NoTier(found.map(str::to_owned)));
            }
        }
        slips
    }

    /// Whether the Worker handles the event that carries a session.
    #[must_use]
    pub fn reads_sessions(self) -> bool {
        self.world.config.webhook.events.iter().any(|event| event == "checkout.session.completed")
    }

    fn return_slip(self, field: &'static str, url: &str) -> Option<SaleSlip> {
        let slip = |perhaps_meant| Some(SaleSlip::Return { field, url: url.to_owned(), perhaps_meant });
        let Some(parsed) = Url::parse(url).ok().filter(|parsed| parsed.scheme() == "https" && !is_out_of_reach(parsed))
        else {
            return slip(false);
        };
        let frontend = self.world.config.frontend.as_ref()?.url.host_str()?;
        match kinship(parsed.host_str()?, frontend) {
            Kinship::Same => None,
            Kinship::Siblings => slip(true),
            Kinship::Strangers => slip(false),
        }
    }
}

/// Whether a price is the tier's, or is made for one sale with the same product and terms.
fn is_same(price: &Price, known: &Price, offer: &Offer<'_>) -> bool {
    price.id == known.id || (price.seems_to_suit(offer) && price.product_id() == known.product_id())
}
