//! The domain of Clerk's frontend API: whether it answers, and the DNS records that it needs.

use std::sync::Arc;

use futures::future::join_all;
use serde::Deserialize;
use url::Url;

use super::{Clerk, NoAnswer, success_or_error};
use crate::finding::{Answered, Cause, Evidence};
use crate::world::address::registrable_domain;
use crate::world::certificate::{Validity, validity};
use crate::world::field::{Field, Items};
use crate::world::id::ApiPath;
use crate::world::transport::{Alias, Failure, Trouble, optional};

/// `GET /v1/domains` (docs/providers.md, "Clerk API objects and sign-in").
#[derive(Debug, Deserialize)]
struct Domains {
    #[serde(default)]
    data: Field<Items<Domain>>,
}

#[derive(Debug, Clone, Deserialize)]
struct Domain {
    #[serde(default)]
    is_satellite: Field<bool>,
    #[serde(default)]
    name: Field<String>,
    #[serde(default)]
    frontend_api_url: Field<String>,
    #[serde(default)]
    proxy_url: Field<String>,
    #[serde(default)]
    cname_targets: Field<Items<Target>>,
}

#[derive(Debug, Clone, Deserialize)]
struct Target {
    host: String,
    value: String,
    required: bool,
}

/// A CNAME record that the domain requires, and what DNS has for it.
#[derive(Debug, Clone)]
pub struct Record {
    /// The name of the record.
    pub host: String,
    /// The name that it must point to.
    pub value: String,
    /// What DNS has.
    pub found: Alias,
}

impl Record {
    /// Whether it points where Clerk requires.
    #[must_use]
    pub fn is_in_place(&self) -> bool {
        matches!(&self.found, Alias::For(value) if value.eq_ignore_ascii_case(self.value.trim_end_matches('.')))
    }
}

/// The result of connecting to the frontend API.
#[derive(Debug)]
pub struct Connection {
    /// Why there is no answer, if there is none.
    pub trouble: Option<Trouble>,
    /// What was seen.
    pub evidence: Evidence,
    /// How long its certificate is valid.
    pub certificate: Option<Validity>,
}

/// The request that every check of the frontend API shares.
const QUESTION: &str = "/v1/environment";

impl Clerk<'_> {
    /// Whether the frontend API answers on its domain. Unknown if this machine may be offline.
    pub(crate) async fn connection(self) -> Answered<Connection> {
        match self.frontend(&ApiPath::new(QUESTION)).await? {
            Ok(answer) => {
                let certificate = answer.certificate.as_deref().and_then(|der| validity(der, self.world.now));
                let evidence = answer.evidence("status", answer.status.to_string());
                // An error in Clerk's format is an answer too. Anything else does not come from Clerk.
                drop(success_or_error(answer)?);
                Ok(Connection { trouble: None, evidence, certificate })
            }
            Err(failure) => {
                self.world.is_to_blame(&failure).await?;
                let evidence = self.world.reads().evidence(&failure, &self.frontend_api()?).await;
                Ok(Connection { trouble: Some(failure.trouble.clone()), evidence, certificate: None })
            }
        }
    }

    /// The records that the domain of the frontend API requires, and what DNS has for each.
    /// Unknown if Clerk does not list them. A record that cannot be looked up is an error inside the list.
    pub(crate) async fn required_records(self) -> Answered<Vec<Answered<Record>>> {
        let api = self.frontend_api()?;
        let domains: Domains = self.ask(&ApiPath::new("/v1/domains")).await?.value;
        let (domains, unread) = match domains.data {
            Field::Is(items) => items.split(|place| format!("data[{place}] of GET /v1/domains")),
            missing => return Err(missing.known("data of GET /v1/domains").err().unwrap_or_else(no_domain)),
        };
        let is_on = |domain: &&Domain| {
            domain
                .frontend_api_url
                .text()
                .and_then(|url| Url::parse(url).ok())
                .is_some_and(|url| url.host() == api.host())
        };
        let primary = |domain: &&Domain| domain.is_satellite.is(&false);
        let Some(domain) = domains.iter().find(is_on).or_else(|| domains.iter().find(primary)) else {
            return Err(unread.into_iter().next().unwrap_or_else(no_domain));
        };
        let targets = domain.cname_targets.nullable("cname_targets of GET /v1/domains")?;
        let (targets, unread) = targets
            .map(|targets| targets.clone().split(|place| format!("cname_targets[{place}] of GET /v1/domains")))
            .unwrap_or_default();
        // Behind a proxy the frontend API needs no DNS record.
        let is_proxied = domain.proxy_url.nullable("proxy_url of GET /v1/domains")?.is_some();
        let needed = targets
            .iter()
            .filter(|target| target.required && !(is_proxied && api.host_str() == Some(target.host.as_str())));
        let mut records = join_all(needed.map(|target| self.record(target))).await;
        records.extend(unread.into_iter().map(Err));
        Ok(records)
    }

    /// The name of the domain that is no satellite, such as `acme.com`. `None` if there is none.
    pub(crate) async fn domain_name(self) -> Answered<Option<String>> {
        let domains: Domains = self.ask(&ApiPath::new("/v1/domains")).await?.value;
        let (domains, _) = domains
            .data
            .known("data of GET /v1/domains")?
            .clone()
            .split(|place| format!("data[{place}] of GET /v1/domains"));
        let primary = domains.into_iter().find(|domain| domain.is_satellite.is(&false));
        Ok(primary.and_then(|domain| domain.name.value().cloned()))
    }

    /// The domain of the frontend API, and the certificate authorities that its CAA records allow; `None` if it has none.
    /// Unknown if they cannot be looked up.
    pub(crate) async fn certificate_authorities(self) -> Answered<(String, Option<Vec<String>>)> {
        let api = self.frontend_api()?;
        let domain = registrable_domain(api.host_str().unwrap_or_default()).to_owned();
        let found = self.world.transport.issuers(&domain).await;
        let unread = |why| NoAnswer::Unknown(format!("the CAA records of {domain} could not be looked up: {why}"));
        Ok((domain.clone(), found.map_err(unread)?))
    }

    async fn record(self, target: &Target) -> Answered<Record> {
        let Target { host, value, .. } = target;
        Ok(Record { host: host.clone(), value: value.clone(), found: self.found_in_dns(host).await? })
    }

    async fn found_in_dns(self, host: &str) -> Answered<Alias> {
        let found = self.world.alias(host).await;
        let found =
            found.map_err(|why| NoAnswer::Unknown(format!("the DNS record {host} could not be looked up: {why}")))?;
        if found == Alias::Nothing {
            self.resolver_is_useful().await?;
        }
        Ok(found)
    }

    /// Checks that the resolver finds the host of Clerk's API. Behind a proxy, a machine can send every request and still
    /// resolve no names, and then a missing name proves nothing.
    async fn resolver_is_useful(self) -> Answered {
        let host = self.world.config.clerk.api_base.host_str().unwrap_or_default();
        match self.world.alias(host).await {
            Ok(Alias::For(_) | Alias::Addresses) => Ok(()),
            Ok(Alias::Nothing) => Err(NoAnswer::Unknown(format!(
                "this machine's resolver does not find {host} either, so the record may exist"
            ))),
            Err(why) => Err(NoAnswer::Unknown(format!("{host} could not be looked up: {why}"))),
        }
    }

    /// Why a request to the frontend API failed: because of its domain, which is the finding of `clerk/domain`, or for this
    /// request alone.
    pub(super) async fn why_no_answer(self, failure: &Failure) -> NoAnswer {
        let own = NoAnswer::Unknown(failure.to_string());
        let common = optional(async { self.frontend(&ApiPath::new(QUESTION)).await }).await;
        match common {
            Some(Err(common)) => match self.world.is_to_blame(&common).await {
                Ok(()) => NoAnswer::Because(Cause::ClerkDomainUnreachable),
                Err(why) => why,
            },
            _ => own,
        }
    }

    /// Turns a failed request to the frontend API into the reason to report.
    pub(super) async fn answered<T>(self, asked: Result<Arc<T>, Arc<Failure>>) -> Answered<Arc<T>> {
        match asked {
            Ok(answer) => Ok(answer),
            Err(failure) => Err(self.why_no_answer(&failure).await),
        }
    }
}

fn no_domain() -> NoAnswer {
    NoAnswer::unknown("Clerk lists no domain for this instance, so the DNS records that it requires are not known")
}
impl crate::world::World {
    /// Whether the DNS has a record for a host.
    ///
    /// # Errors
    /// Unknown if this machine's resolver does not answer, or finds no other name either.
    pub(crate) async fn is_in_dns(&self, host: &str) -> Answered<bool> {
        Ok(self.clerk().found_in_dns(host).await? != Alias::Nothing)
    }
}
