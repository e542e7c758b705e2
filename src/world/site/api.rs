//! Where the frontend looks for the Worker.

use reqwest::header::HeaderMap;
use url::Url;

use super::place::Place;
use super::{NoAnswer, Party, Site};
use crate::finding::Answered;

/// Where the frontend looks for the Worker.
#[derive(Debug, Clone)]
pub enum Destination {
    /// It names this Worker's host.
    Worker(Vec<Place>),
    /// The page's own origin leads to the Worker; by which route that was seen.
    OwnOrigin(String),
    /// It names an address on the machine of whoever opens the page.
    Local(String, Vec<Place>),
    /// It names another Worker's host.
    Other(String, Vec<Place>),
    /// It names nobody.
    Nowhere,
}

impl Site<'_> {
    /// Where the served scripts look for the Worker.
    ///
    /// # Errors
    /// Blocked by `frontend/keys` where no page is served, and unknown where nobody can tell.
    pub async fn destination(self) -> Result<Destination, NoAnswer> {
        let addresses = &self.served().await?.addresses;
        if !addresses.worker.is_empty() {
            return Ok(Destination::Worker(addresses.worker.clone()));
        }
        if let Some(route) = self.own_origin_leads_to_worker().await? {
            return Ok(Destination::OwnOrigin(route));
        }
        // Of several, the one that is named most often.
        let most =
            |(_, left): &(&String, &Vec<Place>), (_, right): &(&String, &Vec<Place>)| left.len().cmp(&right.len());
        if let Some((host, places)) = addresses.others.iter().max_by(most) {
            return Ok(Destination::Other(host.clone(), places.clone()));
        }
        if let Some((address, places)) = addresses.local.iter().max_by(most) {
            return Ok(Destination::Local(address.clone(), places.clone()));
        }
        Ok(Destination::Nowhere)
    }

    /// Whether the Worker answers under the page's own origin: it is served there, or a proxy leads to it. Then scripts need
    /// no host. The route by which that was seen.
    ///
    /// # Errors
    /// Unknown where one of the two does not answer.
    async fn own_origin_leads_to_worker(self) -> Answered<Option<String>> {
        let worker = &self.world.config.worker;
        if worker.url.origin() == self.url.origin() {
            return Ok(Some(String::new()));
        }
        let Some(route) = worker.tiers.as_ref().or(worker.health.as_ref()) else { return Ok(None) };
        let ask = |party: Party, base: &Url| {
            let url = base.join(route).map_err(|error| NoAnswer::unknown(format!("{route} is not a path: {error}")));
            async move {
                let asked = self.world.reads().get(party, url?, HeaderMap::new(), None).await;
                asked.map_err(|failure| NoAnswer::Unknown(failure.to_string()))
            }
        };
        let (here, there) = futures::join!(ask(Party::Frontend, self.url), ask(Party::Worker, &worker.url));
        let (here, there) = (here?, there?);
        let alike = here.is_success() && there.is_success() && here.body == there.body;
        Ok(alike.then(|| route.clone()))
    }
}
