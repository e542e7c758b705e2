//! What ought to be bound to the deployed script, and what is.

use super::super::subjects::{Offer, offers};
use super::super::{NoAnswer, Seen, sound};
use super::{Binding, Cloudflare, Settings};
use crate::config::{KvNamespace, Secret, Variable, is_secret, mode_of};
use crate::finding::Cause;

/// The variable by which Workers of this stack are told the template. The configuration names the template itself.
const TEMPLATE: &str = "CLERK_JWT_TEMPLATE";

/// The deployed script's bindings, compared with what was meant.
#[derive(Debug, Clone)]
pub struct JudgedBindings {
    /// Every binding of the script.
    pub settings: Seen<Settings>,
    /// Those that are not as they were meant.
    pub slips: Vec<BindingSlip>,
    /// Why some of our own values could not be compared.
    pub blocked: Option<NoAnswer>,
}

/// A binding that is not as it was meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindingSlip {
    /// The name that the script uses.
    pub name: String,
    /// What it ought to be, and who says so.
    pub expected: String,
    /// What it is; `None` where it is not there.
    pub actual: Option<String>,
}

/// What a variable ought to be, and who says so.
struct Wanted {
    name: String,
    value: String,
    says: String,
    /// Whether it has to be there. What only this configuration names may be a constant of the Worker's code.
    declared: bool,
}

impl Cloudflare<'_> {
    /// Compares the bindings of the script that serves with the Wrangler file and with this configuration.
    ///
    /// # Errors
    /// Blocked by `worker/secrets` where there is no such script.
    pub async fn bindings(self) -> Result<JudgedBindings, NoAnswer> {
        let settings = self.deployed_settings().await?;
        let declared = self.config.declared();
        let namespaces = declared.iter().flat_map(|declared| &declared.kv_namespaces);
        let mut slips: Vec<BindingSlip> =
            namespaces.filter_map(|wanted| namespace_slip(&settings.value, wanted)).collect();
        let mut wanted = self.declared_variables();
        let (ours, blocked) = self.our_variables(&settings.value).await;
        wanted.extend(ours);
        for wanted in wanted {
            // Who is asked first is heard: the file that is deployed from.
            if !slips.iter().any(|slip| slip.name == wanted.name) {
                slips.extend(variable_slip(&settings.value, wanted));
            }
        }
        Ok(JudgedBindings { settings, slips, blocked })
    }

    fn declared_variables(self) -> Vec<Wanted> {
        let (Some(wrangler), Some(declared)) = (&self.config.wrangler, self.config.declared()) else {
            return Vec::new();
        };
        let texts = declared.vars.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?)));
        let says = wrangler.path.display().to_string();
        texts.map(|(name, value)| Wanted { name, value, says: says.clone(), declared: true }).collect()
    }

    /// The values of this configuration that the script has under the same names, and what stands in the way of comparing
    /// others: a value of ours that is another check's finding proves nothing about the script.
    async fn our_variables(self, settings: &Settings) -> (Vec<Wanted>, Option<NoAnswer>) {
        let config = &self.world.config;
        let (mut wanted, mut blocked) = (Vec::new(), None);
        let mut add = |name: &str, value: Result<String, NoAnswer>, says: &str| match value {
            Ok(value) => wanted.push(Wanted { name: name.to_owned(), value, says: says.to_owned(), declared: false }),
            Err(why) => blocked = Some(why),
        };
        let is_read = |name: &str| settings.binding(name).is_some_and(|binding| binding.text.is_some());
        let same = |variable: &Variable<String>| variable.is_set() && is_read(&variable.name);
        for offer in offers(self.world).iter().filter(|offer| same(&offer.price.price_id)) {
            add(&offer.price.price_id.name, self.our_price(offer).await, "this configuration");
        }
        for variable in [&config.stripe.portal_configuration, &config.clerk.publishable_key] {
            if same(variable) {
                add(&variable.name, self.our_value(variable), "this configuration");
            }
        }
        if let Some(template) = &config.clerk.jwt_template {
            add(TEMPLATE, Ok(template.clone()), "clerk.jwt_template");
        }
        (wanted, blocked)
    }

    async fn our_price(self, offer: &Offer<'_>) -> Result<String, NoAnswer> {
        self.world.stripe().sound_price(offer).await.map(|_| offer.id().to_owned())
    }

    fn our_value(self, variable: &Variable<String>) -> Result<String, NoAnswer> {
        let value = sound(variable)?;
        match mode_of(value) {
            Some(mode) if mode != self.world.config.project.mode => Err(NoAnswer::Because(Cause::KeyOfOtherMode)),
            _ => Ok(value.clone()),
        }
    }
}

fn namespace_slip(settings: &Settings, wanted: &KvNamespace) -> Option<BindingSlip> {
    let slip = |actual| {
        let expected =
            wanted.id.as_ref().map_or_else(|| "a KV namespace".to_owned(), |id| format!("the KV namespace {id}"));
        Some(BindingSlip { name: wanted.binding.clone(), expected, actual })
    };
    let found = settings.binding(&wanted.binding).filter(|binding| binding.kind == "kv_namespace");
    let Some(found) = found else { return slip(None) };
    let id = found.namespace_id.clone().unwrap_or_default();
    if wanted.id.as_ref().is_some_and(|wanted| *wanted != id) {
        slip(Some(format!("the KV namespace {id}")))
    } else {
        None
    }
}

fn variable_slip(settings: &Settings, wanted: Wanted) -> Option<BindingSlip> {
    let Wanted { name, value, says, declared } = wanted;
    let actual = match settings.binding(&name) {
        None if declared => None,
        Some(Binding { text: Some(text), .. }) if *text != value => Some(shown(text)),
        // A secret of that name takes the variable's place, and cannot be read.
        _ => return None,
    };
    Some(BindingSlip { name, expected: format!("{}, as {says} says", shown(&value)), actual })
}

/// A secret may have been put into a variable by mistake: that is another check's finding, and is not repeated here.
fn shown(value: &str) -> String {
    if is_secret(value) { Secret::new(value).to_string() } else { format!("\"{value}\"") }
}
