//! Whether the page's own origin leads to the Worker.

use reqwest::header::HeaderMap;
use url::Url;

use super::{NoAnswer, Party, Site};
use crate::finding::Answered;

impl Site<'_> {
    /// Whether the page's origin answers a route of the Worker exactly as the Worker does: a proxy leads to it.
    ///
    /// # Errors
    /// Unknown if either does not answer.
    pub async fn proxies(self, route: &str) -> Answered<bool> {
        let ask = |party: Party, base: &Url| {
            let url = base.join(route).map_err(|error| NoAnswer::unknown(format!("{route} is not a path: {error}")));
            async move {
                let asked = self.world.reads().get(party, url?, HeaderMap::new(), None).await;
                asked.map_err(|failure| NoAnswer::Unknown(failure.to_string()))
            }
        };
        let worker = &self.world.config.worker.url;
        let (here, there) = futures::join!(ask(Party::Frontend, self.url), ask(Party::Worker, worker));
        let (here, there) = (here?, there?);
        Ok(here.is_success() && there.is_success() && here.body == there.body)
    }
}
