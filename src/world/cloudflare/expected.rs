//! The values that the deployed script's variables should have: the Wrangler file's, and this configuration's.

use super::{Binding, Cloudflare, ScriptSettings};
use crate::config::{Variable, mode_of};
use crate::finding::{Answered, Cause, NoAnswer};
use crate::world::subjects::{Offer, offers};
use crate::world::usable;

/// The variable that names the JWT template on Workers of this stack. The configuration names the template itself.
const TEMPLATE: &str = "CLERK_JWT_TEMPLATE";

/// The value that a variable on the deployed script should have.
#[derive(Debug, Clone)]
pub struct ExpectedVariable {
    /// Its name on the script.
    pub name: String,
    /// The value; or, if this configuration's own value is wrong, the finding that says so.
    pub value: Answered<String>,
    /// Where the value is written: `wrangler.toml`.
    pub source: String,
    /// Whether the script must have it. A name that only this configuration uses may be a constant in the Worker's code.
    pub is_required: bool,
}

impl ExpectedVariable {
    /// Whether the script agrees. A secret with this name hides the variable and cannot be read, so it agrees.
    ///
    /// # Errors
    /// Unknown if the binding could not be read, and what [`Self::value`] says if the expected value is wrong.
    pub fn agrees(&self, settings: &ScriptSettings) -> Answered<bool> {
        let value = self.value.as_ref().map_err(Clone::clone)?;
        Ok(match settings.binding(&self.name)? {
            None => !self.is_required,
            Some(binding) if binding.kind == "plain_text" => {
                binding.text.known(format_args!("text of the binding {}", self.name))? == value
            }
            Some(_) => true,
        })
    }
}

impl Cloudflare<'_> {
    /// The expected variables, those of the Wrangler file first. Values of this configuration are compared only with
    /// variables that the script has and that can be read.
    pub async fn expected_variables(self, settings: &ScriptSettings) -> Vec<ExpectedVariable> {
        let mut expected = self.declared_variables();
        let config = &self.world.config;
        let is_read =
            |name: &str| settings.bindings.iter().any(|binding| binding.name == name && binding.text.value().is_some());
        let is_compared = |variable: &Variable<String>| variable.is_set() && is_read(&variable.name);
        let mut add = |name: &str, value, source: &str| {
            let (name, source) = (name.to_owned(), source.to_owned());
            expected.push(ExpectedVariable { name, value, source, is_required: false });
        };
        for offer in offers(self.world).iter().filter(|offer| is_compared(&offer.price.price_id)) {
            add(&offer.price.price_id.name, self.configured_price(offer).await, "this configuration");
        }
        let portal = &config.stripe.portal_configuration;
        if is_compared(portal) {
            add(&portal.name, self.configured_value(portal), "this configuration");
        }
        let publishable = &config.clerk.publishable_key;
        if is_compared(publishable) {
            // If they differ, the key in this environment may be the wrong one: `clerk/instance` reports that.
            let is_other = |binding: &Binding| {
                binding.name == publishable.name && binding.text.value() != publishable.value.as_ref()
            };
            let value = match self.configured_value(publishable) {
                Ok(value) if settings.bindings.iter().any(is_other) => {
                    Box::pin(self.world.clerk().one_instance()).await.map(|()| value)
                }
                value => value,
            };
            add(&publishable.name, value, "this configuration");
        }
        if let Some(template) = &config.clerk.jwt_template {
            let is_other = |binding: &Binding| {
                binding.name == TEMPLATE
                    && binding.kind == "plain_text"
                    && binding.text.value().is_some_and(|text| text != template)
            };
            // If they differ, the name in this configuration may be the wrong one: `clerk/jwt-template` reports that.
            let value = if settings.bindings.iter().any(is_other) {
                Box::pin(self.world.clerk().usable_template()).await.map(|()| template.clone())
            } else {
                Ok(template.clone())
            };
            add(TEMPLATE, value, "clerk.jwt_template");
        }
        expected
    }

    /// Whether the script certainly has another value than expected, or none, under one of these names.
    pub(in crate::world) async fn has_other_values(self, names: &[&str]) -> Answered<bool> {
        let settings = self.deployed_settings().await?.value;
        let is_asked = |name: &String| names.contains(&name.as_str());
        let namespaces = self.config.declared().into_iter().flat_map(|declared| &declared.kv_namespaces);
        let is_absent = |name: &String| matches!(settings.binding(name), Ok(None));
        if namespaces.map(|namespace| &namespace.binding).any(|name| is_asked(name) && is_absent(name)) {
            return Ok(true);
        }
        let expected = self.expected_variables(&settings).await;
        Ok(expected.iter().any(|variable| is_asked(&variable.name) && variable.agrees(&settings) == Ok(false)))
    }

    fn declared_variables(self) -> Vec<ExpectedVariable> {
        let (Some(wrangler), Some(declared)) = (&self.config.wrangler, self.config.declared()) else {
            return Vec::new();
        };
        let source = wrangler.path.display().to_string();
        let texts = declared.vars.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?)));
        let expected =
            |(name, value)| ExpectedVariable { name, value: Ok(value), source: source.clone(), is_required: true };
        texts.map(expected).collect()
    }

    async fn configured_price(self, offer: &Offer<'_>) -> Answered<String> {
        self.world.stripe().valid_price(offer).await.map(|_| offer.id().to_owned())
    }

    fn configured_value(self, variable: &Variable<String>) -> Answered<String> {
        let value = usable(variable)?;
        match mode_of(value) {
            Some(mode) if mode != self.world.config.project.mode => Err(NoAnswer::Because(Cause::KeyOfOtherMode)),
            _ => Ok(value.clone()),
        }
    }
}
