//! The domain that Clerk's frontend API is on: whether it answers, and the DNS records that it wants.

use std::sync::Arc;

use futures::future::join_all;
use serde::Deserialize;
use url::Url;

use super::{Clerk, NoAnswer, judged};
use crate::check::Evidence;
use crate::world::id::ApiPath;
use crate::world::transport::{Alias, Failure, Trouble};
use crate::world::webhook::{Validity, describe, validity};

/// `GET /v1/domains` (facts.md, B2).
#[derive(Debug, Deserialize)]
struct Domains {
    data: Vec<Domain>,
}

#[derive(Debug, Deserialize)]
struct Domain {
    name: String,
    #[serde(default)]
    is_satellite: bool,
    frontend_api_url: String,
    proxy_url: Option<String>,
    cname_targets: Option<Vec<Target>>,
}

/// A record that the domain wants.
#[derive(Debug, Clone, Deserialize)]
pub struct Target {
    /// The name of the record.
    pub host: String,
    /// What it has to be another name for.
    pub value: String,
    required: bool,
}

/// A record that is not as it should be.
#[derive(Debug, Clone)]
pub struct RecordSlip {
    /// The record that ought to be there.
    pub target: Target,
    /// What is there.
    pub found: Alias,
}

/// The domain as others see it.
#[derive(Debug)]
pub struct DomainState {
    /// Where the frontend API is.
    pub api: Url,
    /// Why the frontend API gives no answer, where it gives none.
    pub trouble: Option<Trouble>,
    /// What was seen at the frontend API.
    pub evidence: Evidence,
    /// For which days its certificate is good.
    pub certificate: Option<Validity>,
    /// The records that are not as they should be.
    pub slips: Vec<RecordSlip>,
    /// The required records that were looked at.
    pub records: usize,
    /// Why records could not be looked at, where they could not.
    pub untold: Option<NoAnswer>,
}

/// Required records, by what came of them.
#[derive(Default)]
struct Looked {
    slips: Vec<RecordSlip>,
    records: usize,
    untold: Option<NoAnswer>,
}

/// What every check that needs the frontend API asks for first; one request answers all of them.
const QUESTION: &str = "/v1/environment";

impl Clerk<'_> {
    /// The domain as others see it; asked by `clerk/domain`.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn domain(self) -> Result<DomainState, NoAnswer> {
        let api = self.frontend_api()?;
        let question = ApiPath::new(QUESTION);
        let (answered, looked) = futures::join!(self.frontend(&question), self.look_at_records(&api));
        let looked = looked.unwrap_or_else(|untold| Looked { untold: Some(untold), ..Looked::default() });
        let (trouble, evidence, certificate) = match answered? {
            Ok(answer) => {
                let certificate = answer.certificate.as_deref().and_then(|der| validity(der, self.world.now));
                let evidence = answer.evidence("status", answer.status.to_string());
                // A refusal in Clerk's own words is an answer too; anything else is not Clerk's.
                drop(judged(answer)?);
                (None, evidence, certificate)
            }
            Err(failure) => {
                self.world.is_to_blame(&failure).await?;
                let shown = match &failure.trouble {
                    Trouble::Certificate(_) => self.world.reads().certificate(&api).await,
                    _ => None,
                };
                let words = shown.as_deref().and_then(describe).map_or_else(String::new, |words| format!(": {words}"));
                let evidence = Evidence {
                    request: failure.request.clone(),
                    status: None,
                    request_id: None,
                    field: "connection".to_owned(),
                    seen: format!("{}{words}", failure.trouble),
                };
                (Some(failure.trouble.clone()), evidence, None)
            }
        };
        let Looked { slips, records, untold } = looked;
        Ok(DomainState { api, trouble, evidence, certificate, slips, records, untold })
    }

    /// Looks for the records that the domain of the frontend API requires.
    async fn look_at_records(self, api: &Url) -> Result<Looked, NoAnswer> {
        let domains: Domains = self.ask(&ApiPath::new("/v1/domains")).await?.value;
        let is_on = |domain: &&Domain| Url::parse(&domain.frontend_api_url).is_ok_and(|url| url.host() == api.host());
        let primary = |domain: &&Domain| !domain.is_satellite;
        let domain = domains.data.iter().find(is_on).or_else(|| domains.data.iter().find(primary));
        let Some(domain) = domain else {
            return Err(NoAnswer::unknown("Clerk lists no domain of this instance, so that its records are not known"));
        };
        // Behind a proxy the frontend API needs no name of its own.
        let proxied = |target: &&Target| domain.proxy_url.is_some() && api.host_str() == Some(target.host.as_str());
        let targets = domain.cname_targets.iter().flatten().filter(|target| target.required && !proxied(target));
        let found = join_all(targets.map(|target| async move { (target, self.world.alias(&target.host).await) })).await;
        let mut looked = Looked { records: found.len(), ..Looked::default() };
        for (target, found) in found {
            match found {
                Ok(Alias::For(value)) if value.eq_ignore_ascii_case(target.value.trim_end_matches('.')) => {}
                Ok(found) => looked.slips.push(RecordSlip { target: target.clone(), found }),
                Err(why) => {
                    let why = format!("no resolver says what {} is, on the domain {}: {why}", target.host, domain.name);
                    looked.untold.get_or_insert(NoAnswer::Unknown(why));
                }
            }
        }
        if looked.slips.iter().any(|slip| slip.found == Alias::Nothing) {
            self.resolver_is_of_use().await?;
        }
        Ok(looked)
    }

    /// That what this machine's resolver does not know, nobody knows: it knows the host of Clerk's API. Behind a proxy a
    /// machine can ask for everything and resolve nothing.
    async fn resolver_is_of_use(self) -> Result<(), NoAnswer> {
        let host = self.world.config.clerk.api_base.host_str().unwrap_or_default();
        match self.world.alias(host).await {
            Ok(Alias::For(_) | Alias::Addresses) => Ok(()),
            Ok(Alias::Nothing) => {
                let why = format!(
                    "this machine's resolver does not know {host} either, so what it does not know proves nothing"
                );
                Err(NoAnswer::Unknown(why))
            }
            Err(why) => Err(NoAnswer::Unknown(format!("no resolver says what {host} is: {why}"))),
        }
    }

    /// Why a question to the frontend API has no answer: the trouble of its domain, which is the finding of `clerk/domain`, or
    /// trouble of this question's own.
    pub(super) async fn why_no_answer(self, failure: &Failure) -> NoAnswer {
        let own = NoAnswer::Unknown(failure.to_string());
        match self.frontend(&ApiPath::new(QUESTION)).await {
            Ok(Err(common)) => match self.world.is_to_blame(&common).await {
                Ok(()) => NoAnswer::blocked("clerk/domain"),
                Err(why) => why,
            },
            _ => own,
        }
    }

    /// Turns trouble on the way to the frontend API into why there is no answer.
    pub(super) async fn answered<T>(self, asked: Result<Arc<T>, Arc<Failure>>) -> Result<Arc<T>, NoAnswer> {
        match asked {
            Ok(answer) => Ok(answer),
            Err(failure) => Err(self.why_no_answer(&failure).await),
        }
    }
}
