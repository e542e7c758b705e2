//! Where Stripe delivers this Worker's events to.

use url::Url;

use super::super::seen::{List, Seen};
use super::super::stripe::Endpoint;
use super::super::transport::optional;
use super::{NoAnswer, Webhook};
use crate::finding::{Answered, Cause};

/// How the webhook URL is registered at Stripe.
#[derive(Debug, Clone)]
pub enum Registration {
    /// Exactly, and enabled.
    Here(Endpoint),
    /// Exactly, and Stripe does not say whether it is enabled.
    Unsure(Endpoint, NoAnswer),
    /// Exactly, but switched off.
    Disabled(Endpoint),
    /// Exactly, but its payloads hold IDs only.
    Thin(Endpoint),
    /// With a trailing slash more or less.
    TrailingSlash(Endpoint),
    /// With another scheme.
    NotHttps(Endpoint),
    /// With another path.
    Path(Endpoint),
    /// With another host.
    Host(Endpoint),
    /// Not, but in the other mode.
    OtherMode(Endpoint),
    /// Not at all.
    NotFound,
}

impl Webhook<'_> {
    /// How the webhook URL is registered; asked by `webhook/endpoint`.
    ///
    /// # Errors
    /// Unknown where a list, or the URL of an endpoint in it, could not be read.
    pub async fn registration(self) -> Answered<Seen<Registration>> {
        let (List { items, answer, .. }, complete) = self.world.stripe().endpoints().await?;
        let found = self.among(&items);
        if matches!(found, Registration::Here(_) | Registration::Unsure(..)) {
            return Ok(Seen { value: found, answer });
        }
        // What could not be read might be just what is missing.
        complete?;
        if let (Registration::NotFound, Some(test)) = (&found, self.world.stripe_test())
            && let Some((List { items, .. }, _)) = optional(test.endpoints()).await
            && let Some(twin) = items.into_iter().find(|endpoint| self.is_ours(endpoint))
        {
            return Ok(Seen { value: Registration::OtherMode(twin), answer });
        }
        Ok(Seen { value: found, answer })
    }

    /// The endpoint that delivers to the Worker.
    ///
    /// # Errors
    /// Blocked by `webhook/endpoint` where there is none.
    pub async fn endpoint(self) -> Answered<Seen<Endpoint>> {
        let Seen { value, answer } = self.registration().await?;
        match value {
            Registration::Here(endpoint) | Registration::Unsure(endpoint, _) => Ok(Seen { value: endpoint, answer }),
            _ => Err(NoAnswer::Because(Cause::EndpointNotRegistered)),
        }
    }

    fn among(self, endpoints: &[Endpoint]) -> Registration {
        let ours = || endpoints.iter().filter(|endpoint| self.is_ours(endpoint));
        let whole = || ours().filter(|endpoint| endpoint.whole_objects);
        if let Some(endpoint) = whole().find(|endpoint| endpoint.enabled == Ok(true)) {
            return Registration::Here(endpoint.clone());
        }
        if let Some((endpoint, why)) = whole().find_map(|endpoint| Some((endpoint, endpoint.enabled.as_ref().err()?))) {
            return Registration::Unsure(endpoint.clone(), why.clone());
        }
        if let Some(endpoint) = ours().next() {
            let is_disabled = endpoint.enabled == Ok(false);
            let registration = if is_disabled { Registration::Disabled } else { Registration::Thin };
            return registration(endpoint.clone());
        }
        let wanted = &self.world.config.webhook.url;
        let find = |differs: fn(&Url, &Url) -> bool| {
            let near = |endpoint: &&Endpoint| endpoint.url.as_ref().is_some_and(|url| differs(url, wanted));
            endpoints.iter().find(near).cloned()
        };
        find(differs_in_slash)
            .map(Registration::TrailingSlash)
            .or_else(|| find(differs_in_scheme).map(Registration::NotHttps))
            .or_else(|| find(differs_in_path).map(Registration::Path))
            .or_else(|| find(differs_in_host).map(Registration::Host))
            .unwrap_or(Registration::NotFound)
    }

    /// Whether an endpoint is at the webhook URL, or at the same path of another host of this Worker.
    #[must_use]
    pub fn is_ours(self, endpoint: &Endpoint) -> bool {
        let config = &self.world.config.webhook;
        let Some(url) = &endpoint.url else { return false };
        let at_other_host = |host: &String| {
            let mut other = config.url.clone();
            other.set_host(Some(host)).is_ok() && other == *url
        };
        *url == config.url || config.hosts.iter().any(at_other_host)
    }
}

/// Everything but the host and the path, which are what is compared.
fn alike(found: &Url, wanted: &Url) -> bool {
    found.scheme() == wanted.scheme() && found.query() == wanted.query()
}

fn differs_in_slash(found: &Url, wanted: &Url) -> bool {
    let bare = |url: &Url| url.path().trim_end_matches('/').to_owned();
    alike(found, wanted) && found.host() == wanted.host() && bare(found) == bare(wanted)
}

fn differs_in_scheme(found: &Url, wanted: &Url) -> bool {
    found.scheme() == "http" && found.host() == wanted.host() && found.path() == wanted.path()
}

fn differs_in_path(found: &Url, wanted: &Url) -> bool {
    found.host() == wanted.host()
}

fn differs_in_host(found: &Url, wanted: &Url) -> bool {
    found.path() == wanted.path()
}
