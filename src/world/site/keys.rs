//! The publishable keys that the page carries.

use super::place::Place;
use super::served::Served;
use super::{NoAnswer, Site, Unserved};
use crate::config::{Config, Mode, account_of, frontend_api_of, mode_of};
use crate::finding::Answered;

/// Whose a publishable key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vendor {
    /// Clerk's.
    Clerk,
    /// Stripe's.
    Stripe,
}

impl Vendor {
    /// The name that a sentence uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clerk => "Clerk",
            Self::Stripe => "Stripe",
        }
    }
}

/// A publishable key that the page carries.
#[derive(Debug, Clone)]
pub struct CarriedKey {
    /// Whose it is.
    pub vendor: Vendor,
    /// What may be shown of it: nothing of it is secret, but Stripe's are long.
    pub shown: String,
    /// Where it stands.
    pub places: Vec<Place>,
    /// What is wrong with it.
    ///
    /// # Errors
    /// Unknown where there is nothing to compare it with.
    pub slip: Answered<Option<KeySlip>>,
    /// Whether the right key of this vendor is there too, so that which of them is used cannot be seen.
    pub beside_right: bool,
}

/// What is wrong with a publishable key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySlip {
    /// It is of the other mode.
    Mode(Mode),
    /// It names another frontend API; which, and which it ought to be.
    Instance(String, String),
    /// It names another Stripe account; which, and which it ought to be.
    Account(String, String),
}

/// The page's keys, and how much was read for them.
#[derive(Debug)]
pub struct Keys<'w> {
    /// Every key.
    pub keys: Vec<CarriedKey>,
    /// What was read.
    pub served: &'w Served,
}

impl<'w> Site<'w> {
    /// The publishable keys that the page carries; asked by `frontend/keys`.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn keys(self) -> Result<Result<Keys<'w>, &'w Unserved>, NoAnswer> {
        let served = match self.survey().await? {
            Ok(served) => served,
            Err(unserved) => return Ok(Err(unserved)),
        };
        let mut found = Keys { keys: Vec::new(), served };
        for (key, places) in &served.keys {
            let vendor = if frontend_api_of(key).is_some() { Vendor::Clerk } else { Vendor::Stripe };
            let slip = match vendor {
                // Too short for a key, and no host in it: a text about keys.
                Vendor::Stripe if key.len() < "pk_live_".len() + 24 => continue,
                _ if mode_of(key) != Some(self.world.config.project.mode) => Ok(mode_of(key).map(KeySlip::Mode)),
                Vendor::Clerk => self.clerk_slip(key),
                Vendor::Stripe => self.stripe_slip(key).await,
            };
            let shown = if vendor == Vendor::Clerk { key.clone() } else { shortened(key) };
            found.keys.push(CarriedKey { vendor, shown, places: places.clone(), slip, beside_right: false });
        }
        for vendor in [Vendor::Clerk, Vendor::Stripe] {
            let of_vendor = |key: &&mut CarriedKey| key.vendor == vendor;
            let has_right = found.keys.iter().any(|key| key.vendor == vendor && key.slip == Ok(None));
            found
                .keys
                .iter_mut()
                .filter(of_vendor)
                .for_each(|key| key.beside_right = has_right && key.slip != Ok(None));
        }
        Ok(Ok(found))
    }

    /// What is wrong with a key of Clerk's: it names another instance's frontend API.
    fn clerk_slip(self, key: &str) -> Result<Option<KeySlip>, NoAnswer> {
        let Config { clerk, .. } = &self.world.config;
        let host = |url: url::Url| url.host_str().unwrap_or_default().to_owned();
        let named = frontend_api_of(key).map(host).unwrap_or_default();
        // The operator's copy may be written another way; what counts is what it names.
        let own = clerk
            .publishable_key
            .value
            .as_deref()
            .filter(|_| clerk.publishable_key.is_usable())
            .and_then(frontend_api_of);
        if own.map(host).as_ref() == Some(&named) {
            return Ok(None);
        }
        let expected = host(self.world.clerk().frontend_api()?);
        Ok(if expected == named { None } else { Some(KeySlip::Instance(named, expected)) })
    }

    /// What is wrong with a key of Stripe's: it names another account. An old key names none.
    async fn stripe_slip(self, key: &str) -> Result<Option<KeySlip>, NoAnswer> {
        let Some(named) = account_of(key) else { return Ok(None) };
        let configured = self.world.config.stripe.account.clone();
        if configured.as_ref() == Some(&named) {
            return Ok(None);
        }
        let expected = match (self.world.stripe().account().await, configured) {
            (Ok(account), _) if account.value.id == named => return Ok(None),
            (_, Some(configured)) => configured,
            (Ok(account), None) => account.value.id.clone(),
            (Err(untold), None) => return Err(untold),
        };
        Ok(Some(KeySlip::Account(named, expected)))
    }
}

impl Keys<'_> {
    /// Whether a key of this vendor was found.
    #[must_use]
    pub fn has(&self, vendor: Vendor) -> bool {
        self.keys.iter().any(|key| key.vendor == vendor)
    }
}

/// `pk_live_51Qpan…a1b2`.
fn shortened(key: &str) -> String {
    let (begin, end) = (key.get(..14).unwrap_or(key), key.get(key.len().saturating_sub(4)..).unwrap_or_default());
    format!("{begin}…{end}")
}
