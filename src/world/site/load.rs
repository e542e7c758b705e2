//! Reading the page and what it loads, within bounds.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use reqwest::header::HeaderMap;
use url::Url;

use super::page::Page;
use super::place::Reading;
use super::script::{Map, leads};
use super::served::{Kind, Served, name_of};
use super::{NoAnswer, Party, Site, Unserved};
use crate::finding::Evidence;
use crate::world::transport::{Answer, Asked, Failure};
use crate::world::webhook::{is_challenge, is_sign_in};

/// The most files that are read: large applications have fewer, and a site without end has more.
const FILES: usize = 200;
/// The most that is read, in bytes.
const BYTES: usize = 32 << 20;
/// Files under way at once: what bounds the memory.
const AT_ONCE: usize = 8;
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
    /// A script names it, or seems to.
    Script,
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
        reader.page(&page);
        let mut under_way = FuturesUnordered::new();
        loop {
            while under_way.len() < AT_ONCE {
                let Some(next) = reader.next(under_way.len()) else { break };
                under_way.push(async move {
                    let reads = self.world.reads();
                    let asked = reads.get_unremembered(Party::Frontend, next.url.clone(), HeaderMap::new(), None).await;
                    (next, asked)
                });
            }
            let Some((wanted, asked)) = under_way.next().await else { break };
            reader.take(&wanted, asked);
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
            let evidence = answer.evidence("Location", location.clone());
            match url.join(&location) {
                Ok(to) if is_same_site(&url, &to) && !(is_sign_in(&location) && to.host() != url.host()) => url = to,
                Ok(to) if is_sign_in(&location) => {
                    return Err(NoAnswer::Unknown(format!(
                        "{url} sends who is not signed in to {to}: let frontend.url name a page that is open to everybody"
                    )));
                }
                _ => return Ok(Err(Unserved::Elsewhere { url, to: location, evidence })),
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
    let evidence = Evidence {
        request: failure.request.clone(),
        status: None,
        request_id: None,
        field: "connection".to_owned(),
        seen: failure.trouble.to_string(),
    };
    Unserved::Unreachable { url: url.clone(), evidence }
}

/// Whether two addresses are of one site: the host, a host below it, or one beside it in the same domain.
fn is_same_site(left: &Url, right: &Url) -> bool {
    let (Some(left), Some(right)) = (left.host_str(), right.host_str()) else { return false };
    // Two labels are a domain of one's own; of more, the first is a host in it.
    let domain = |host: &str| match host.split_once('.') {
        Some((_, domain)) if domain.contains('.') => domain.to_owned(),
        _ => host.to_owned(),
    };
    let within = |host: &str, domain: &str| host == domain || host.ends_with(&format!(".{domain}"));
    within(right, &domain(left)) || within(left, &domain(right))
}

/// What was read so far, and what is still to be read.
struct Reader<'w> {
    site: Site<'w>,
    page: Url,
    survey: Served,
    /// Hosts whose scripts are the application's own.
    own: HashSet<String>,
    known: Vec<Url>,
    queue: VecDeque<Wanted>,
    maps: VecDeque<Wanted>,
    seen: HashSet<Url>,
}

impl<'w> Reader<'w> {
    fn new(site: Site<'w>, page: &Url) -> Self {
        let survey = Served { page: page.to_string(), ..Served::default() };
        let (queue, maps) = (VecDeque::new(), VecDeque::new());
        let (own, seen) = (HashSet::new(), HashSet::from([page.clone()]));
        Self { site, page: page.clone(), survey, own, known: Vec::new(), queue, maps, seen }
    }

    fn page(&mut self, answer: &Answer) {
        let (text, url) = (answer.text(), self.page.clone());
        let file = url.path().to_owned();
        self.count(&text);
        let config = self.site.world.config();
        let page = Page::parse(&text, &url);
        // Scripts on another host are the application's own where they are modules, as bundlers make them, or lie where a
        // framework puts its own: an asset host. Whatever else is pasted in is somebody else's.
        let asset_hosts =
            page.scripts.iter().filter(|named| named.module || named.url.path().contains("/_next/static/"));
        self.own = asset_hosts.filter_map(|named| named.url.host_str()).map(str::to_owned).collect();
        let named: Vec<Url> = page.scripts.into_iter().map(|named| named.url).collect();
        self.known = named.iter().filter(|url| self.is_own(url)).cloned().collect();
        for url in named {
            self.want(url, Why::Page);
        }
        self.survey.read(config, Reading { file: &file, source: None, text: &text }, Kind::Page);
        for inline in page.inline {
            let within = text.find(inline.as_str()).unwrap_or_default();
            self.survey.addresses.read_within(
                config,
                Reading { file: &file, source: None, text: &text },
                within,
                &inline,
            );
            self.follow(&inline, &url);
        }
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
            if why == Why::Page {
                self.survey.others.extend(url.host_str().map(str::to_owned));
            }
        } else if self.seen.insert(url.clone()) {
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

    fn take(&mut self, wanted: &Wanted, asked: Asked) {
        let file = name_of(&wanted.url, &self.page);
        let answer = match asked {
            Ok(answer) if answer.is_success() && !answer.is_page() => answer,
            // What a script seems to name need not be there, and a single-page application answers everything with its page.
            Ok(_) if wanted.why != Why::Page => return,
            Ok(answer) if answer.is_success() => {
                return self.survey.unread.push((file, "a page in its place".to_owned()));
            }
            Ok(answer) => return self.survey.unread.push((file, answer.status.to_string())),
            Err(failure) => return self.survey.unread.push((file, failure.trouble.to_string())),
        };
        let text = answer.text();
        self.count(&text);
        let config = self.site.world.config();
        if wanted.why == Why::Map {
            self.survey.read_map(config, &file, &text);
            return;
        }
        self.survey.read(config, Reading { file: &file, source: None, text: &text }, Kind::Script);
        self.known.push(wanted.url.clone());
        self.follow(&text, &wanted.url);
        if let Some(map) = answer.header("sourcemap").and_then(|map| wanted.url.join(map).ok()) {
            self.want(map, Why::Map);
        }
    }

    fn follow(&mut self, text: &str, url: &Url) {
        let leads = leads(text, url, &self.known);
        for script in leads.scripts {
            self.want(script, Why::Script);
        }
        match leads.map {
            Some(Map::At(map)) => self.want(map, Why::Map),
            Some(Map::Within(json)) => {
                let file = name_of(url, &self.page);
                self.survey.read_map(self.site.world.config(), &file, &json);
            }
            None => {}
        }
    }

    fn count(&mut self, text: &str) {
        self.survey.files += 1;
        self.survey.bytes += text.len();
    }

    fn finish(mut self) -> Served {
        self.survey.left = self.queue.len() + self.maps.len();
        self.survey.settle();
        self.survey
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
        for (left, right) in [("acme.com", "acme.net"), ("app.acme.com", "app.other.com"), ("acme.com", "notacme.com")]
        {
            assert!(!same(left, right), "{left} {right}");
        }
    }
}
