//! Reading the page and what it loads, within bounds.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use reqwest::header::HeaderMap;
use url::Url;

use super::digest::{Digest, digest, page_digest};
use super::script::{Lead, Map, leads};
use super::served::{Served, name_of};
use super::stop::beside_the_clock;
use super::{NoAnswer, Party, Site, Unserved};
use crate::config::Config;
use crate::finding::Evidence;
use crate::world::address::registrable_domain;
use crate::world::transport::{Answer, Failure};
use crate::world::webhook::{is_challenge, is_sign_in};

/// The most files that are read: large applications have fewer, and a site without end has more.
const FILES: usize = 200;
/// The most that is read, in bytes.
const BYTES: usize = 32 << 20;
/// Files under way at once: what bounds the memory.
const AT_ONCE: usize = 6;
/// The most files that wait to be read; of more, only the number is kept.
const WAITING: usize = 2000;
/// How many redirects of the page are followed.
const REDIRECTS: usize = 5;

/// A file that is to be read.
#[derive(Debug)]
struct Wanted {
    url: Url,
    why: Why,
}

/// How a file came to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// The page loads it: it must be there.
    Page,
    /// A script loads it by this name.
    Import,
    /// A text in a script looks like its name.
    Guess,
    /// It is the source map of a script.
    Map,
}

impl Site<'_> {
    /// Reads the page and everything of its own site that it loads.
    pub(super) async fn load(self) -> Result<Result<Served, Unserved>, NoAnswer> {
        let (url, page) = match self.page().await? {
            Ok(found) => found,
            Err(unserved) => return Ok(Err(unserved)),
        };
        let mut reader = Reader::new(self, &url);
        reader.open(page).await;
        let mut under_way = FuturesUnordered::new();
        loop {
            while under_way.len() < AT_ONCE {
                let Some(next) = reader.next(under_way.len()) else { break };
                under_way.push(reader.fetch(next));
            }
            let Some(taken) = under_way.next().await else { break };
            reader.take(taken).await;
        }
        Ok(Ok(reader.finish()))
    }

    /// The page that `frontend.url` leads to, within its own site.
    async fn page(self) -> Result<Result<(Url, Arc<Answer>), Unserved>, NoAnswer> {
        let mut url = self.url.clone();
        for _ in 0..=REDIRECTS {
            let answer = match self.world.reads().get(Party::Frontend, url.clone(), HeaderMap::new(), None).await {
                Ok(answer) => answer,
                Err(failure) => {
                    self.world.is_to_blame(&failure).await?;
                    return Ok(Err(unreachable(&url, &failure)));
                }
            };
            if !(300..400).contains(&answer.status) {
                return judged(url, answer);
            }
            let location = answer.header("location").unwrap_or_default().to_owned();
            let shown = answer.quote(&location);
            let evidence = answer.evidence("Location", shown.clone());
            match url.join(&location) {
                Ok(to) if is_same_site(&url, &to) && !(is_sign_in(&location) && to.host() != url.host()) => url = to,
                Ok(_) if is_sign_in(&location) => {
                    return Err(NoAnswer::Unknown(format!(
                        "{url} sends who is not signed in to {shown}: let frontend.url name a page that is open to everybody"
                    )));
                }
                _ => return Ok(Err(Unserved::Elsewhere { url, to: shown, evidence })),
            }
        }
        let to = url.to_string();
        let evidence = Evidence {
            request: format!("GET {}", self.url.path()),
            status: None,
            request_id: None,
            field: "Location".to_owned(),
            seen: format!("{REDIRECTS} redirects, the last to {to}"),
        };
        Ok(Err(Unserved::Elsewhere { url: self.url.clone(), to, evidence }))
    }
}

/// Whether the answer at the end of the redirects is a page.
fn judged(url: Url, answer: Arc<Answer>) -> Result<Result<(Url, Arc<Answer>), Unserved>, NoAnswer> {
    if is_challenge(&answer) || answer.status == 429 {
        let why = "a bot challenge or a limit, which may be aimed at this machine alone";
        return Err(NoAnswer::Unknown(format!("{url} answered {} with {why}", answer.status)));
    }
    if answer.is_success() && answer.is_page() {
        return Ok(Ok((url, answer)));
    }
    let evidence = answer.evidence("status", format!("{}: {}", answer.status, answer.excerpt()));
    Ok(Err(Unserved::NoPage { url, status: answer.status, evidence }))
}

fn unreachable(url: &Url, failure: &Failure) -> Unserved {
    Unserved::Unreachable { url: url.clone(), evidence: failure.evidence() }
}

/// Whether two addresses are of one site: of one domain that somebody registered.
fn is_same_site(left: &Url, right: &Url) -> bool {
    let (Some(left), Some(right)) = (left.host_str(), right.host_str()) else { return false };
    registrable_domain(left) == registrable_domain(right)
}

/// What was read so far, and what is still to be read.
struct Reader<'w> {
    site: Site<'w>,
    config: Arc<Config>,
    page: Url,
    survey: Served,
    /// Hosts whose scripts are the application's own.
    own: HashSet<String>,
    known: Vec<Url>,
    queue: VecDeque<Wanted>,
    maps: VecDeque<Wanted>,
    seen: HashSet<Url>,
}

/// A file that was asked for, and what was found in it.
struct Taken {
    wanted: Wanted,
    outcome: Result<Digest, String>,
}

impl<'w> Reader<'w> {
    fn new(site: Site<'w>, page: &Url) -> Self {
        let survey = Served { page: page.to_string(), ..Served::default() };
        let (queue, maps) = (VecDeque::new(), VecDeque::new());
        let (own, seen) = (HashSet::new(), HashSet::from([page.clone()]));
        let config = Arc::new(site.world.config().clone());
        Self { site, config, page: page.clone(), survey, own, known: Vec::new(), queue, maps, seen }
    }

    /// Reads the page itself.
    async fn open(&mut self, answer: Arc<Answer>) {
        let (config, url) = (Arc::clone(&self.config), self.page.clone());
        let digest = beside_the_clock(move |stop| page_digest(&config, &url, &answer.text(), stop)).await;
        let Some(mut digest) = digest else { return self.survey.is_stopped(self.page.path()) };
        let scripts = std::mem::take(&mut digest.page.scripts);
        // Scripts on another host are the application's own where they are modules, as bundlers make them, or lie where a
        // framework puts its own: an asset host. Whatever else is pasted in is somebody else's.
        let asset_hosts = scripts.iter().filter(|named| named.module || named.url.path().contains("/_next/static/"));
        self.own = asset_hosts.filter_map(|named| named.url.host_str()).map(str::to_owned).collect();
        let named: Vec<Url> = scripts.into_iter().map(|named| named.url).collect();
        self.known = named.iter().filter(|url| self.is_own(url)).take(FILES).cloned().collect();
        for url in named {
            self.want(url, Why::Page);
        }
        // Paths in inline lists begin where the page's scripts lie, so these are looked at once the scripts are known.
        let (inline, url, known) = (digest.page.inline.clone(), self.page.clone(), self.known.clone());
        let leads = beside_the_clock(move |stop| {
            let scripts = inline.iter().take_while(|_| !stop.is_asked());
            scripts.map(|script| leads(script, &url, &known)).collect::<Vec<_>>()
        });
        digest.leads = leads.await.unwrap_or_default();
        let file = self.page.path().to_owned();
        if digest.page.is_cut || digest.leads.len() < digest.page.inline.len() {
            digest.found.unread.push((file, "only the first of its scripts".to_owned()));
        }
        let page = self.page.clone();
        self.absorb(&page, digest).await;
    }

    /// Whether a script is the application's own.
    fn is_own(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        // Clerk serves its own script from the customer's domain.
        let of_clerk = self.site.world.config().clerk.frontend_api().and_then(|api| api.host_str().map(str::to_owned));
        let is_clerks = of_clerk.as_deref() == Some(host) && url.host() != self.page.host();
        !is_clerks && (is_same_site(&self.page, url) || self.own.contains(host))
    }

    fn want(&mut self, url: Url, why: Why) {
        if !self.is_own(&url) {
            if why == Why::Page && self.survey.others.len() < FILES {
                self.survey.others.extend(url.host_str().map(str::to_owned));
            }
        } else if self.seen.contains(&url) {
            // What was a guess may be known for certain later.
            let waiting = self.queue.iter_mut().filter(|wanted| why == Why::Import && wanted.why == Why::Guess);
            waiting.filter(|wanted| wanted.url == url).for_each(|wanted| wanted.why = why);
        } else if self.queue.len() + self.maps.len() >= WAITING {
            self.survey.left += 1;
        } else {
            self.seen.insert(url.clone());
            let queue = if why == Why::Map { &mut self.maps } else { &mut self.queue };
            queue.push_back(Wanted { url, why });
        }
    }

    /// The next file, where there is one and there is room for it. Scripts come before their maps.
    fn next(&mut self, under_way: usize) -> Option<Wanted> {
        if self.survey.files + under_way >= FILES || self.survey.bytes >= BYTES {
            return None;
        }
        self.queue.pop_front().or_else(|| self.maps.pop_front())
    }

    /// Asks for a file and looks through it.
    fn fetch(&self, wanted: Wanted) -> impl Future<Output = Taken> + use<'w> {
        let (site, config, page, known) = (self.site, Arc::clone(&self.config), self.page.clone(), self.known.clone());
        async move {
            let reads = site.world.reads();
            let asked = reads.get_unremembered(Party::Frontend, wanted.url.clone(), HeaderMap::new(), None).await;
            let outcome = match asked {
                Err(failure) => Err(failure.trouble.to_string()),
                Ok(answer) => {
                    if let Some(why) = wanted.why.unread(&answer) {
                        Err(why)
                    } else {
                        let (url, is_map) = (wanted.url.clone(), wanted.why == Why::Map);
                        let digest =
                            beside_the_clock(move |stop| digest(&config, &page, &url, is_map, &known, &answer, stop));
                        digest.await.ok_or_else(|| "it took too long to look through".to_owned())
                    }
                }
            };
            Taken { wanted, outcome }
        }
    }

    async fn take(&mut self, taken: Taken) {
        let Taken { wanted, outcome } = taken;
        match outcome {
            Ok(digest) => {
                if wanted.why != Why::Map {
                    self.known.push(wanted.url.clone());
                }
                self.absorb(&wanted.url, digest).await;
            }
            // What was asked for and is not there, and need not be, is no gap.
            Err(why) if why.is_empty() => {}
            Err(why) => self.survey.unread.push((name_of(&wanted.url, &self.page), why)),
        }
    }

    async fn absorb(&mut self, url: &Url, digest: Digest) {
        self.survey.files += 1;
        self.survey.bytes += digest.bytes;
        self.survey.absorb(digest.found);
        for leads in digest.leads {
            if leads.is_cut {
                self.survey.left += 1;
            }
            for Lead { url, is_certain } in leads.scripts {
                self.want(url, if is_certain { Why::Import } else { Why::Guess });
            }
            match leads.map {
                Some(Map::At(map)) => self.want(map, Why::Map),
                Some(Map::Within(json)) => {
                    let (config, file) = (Arc::clone(&self.config), name_of(url, &self.page));
                    let name = file.clone();
                    let found = beside_the_clock(move |stop| {
                        let mut found = Served::default();
                        found.read_map(&config, &file, &json, stop);
                        found
                    });
                    match found.await {
                        Some(found) => self.survey.absorb(found),
                        None => self.survey.is_stopped(&name),
                    }
                }
                None => {}
            }
        }
        if let Some(map) = digest.map {
            self.want(map, Why::Map);
        }
    }

    fn finish(mut self) -> Served {
        self.survey.left += self.queue.len() + self.maps.len();
        self.survey.settle();
        self.survey
    }
}

impl Why {
    /// Why a file was not read; empty where that is no gap. `None` where there is something to read.
    fn unread(self, answer: &Answer) -> Option<String> {
        let must_be_there = matches!(self, Self::Page | Self::Import);
        let status = answer.status;
        let gap = match status {
            // A single-page application answers everything with its page.
            200..=299 if answer.is_page() => must_be_there.then(|| "a page in its place".to_owned()),
            204 | 205 => Some(format!("{status}: no content")),
            200..=299 if answer.body.is_empty() => Some("an empty answer".to_owned()),
            200..=299 => return None,
            // What only looked like a name, and a map that was not deployed, need not be there.
            300..=399 | 404 | 410 => must_be_there.then(|| status.to_string()),
            // What is kept from everybody is read by nobody.
            401 | 403 if self == Self::Map => None,
            _ => Some(status.to_string()),
        };
        Some(gap.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_a_host_and_its_neighbours() {
        let same = |left: &str, right: &str| {
            let url = |host: &str| Url::parse(&format!("https://{host}/")).unwrap();
            is_same_site(&url(left), &url(right))
        };
        for (left, right) in
            [("acme.com", "www.acme.com"), ("www.acme.com", "acme.com"), ("app.acme.com", "cdn.acme.com")]
        {
            assert!(same(left, right), "{left} {right}");
        }
        for (left, right) in [
            ("acme.com", "acme.net"),
            ("app.acme.com", "app.other.com"),
            ("acme.com", "notacme.com"),
            ("acme.co.uk", "evil.co.uk"),
            ("acme.pages.dev", "evil.pages.dev"),
        ] {
            assert!(!same(left, right), "{left} {right}");
        }
    }
}
