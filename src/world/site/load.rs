//! Reads the page and what it loads, within limits.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use reqwest::header::HeaderMap;
use url::Url;

use super::digest::{Digest, digest, page_digest};
use super::policy::ContentPolicy;
use super::scan::{SiteScan, name_of};
use super::script::{Import, SourceMapAt, references};
use super::stop::on_a_thread;
use super::{NoAnswer, PageError, Party, Site};
use crate::config::Config;
use crate::finding::{Answered, Evidence};
use crate::world::address::{HostRelation, host_relation};
use crate::world::transport::Answer;
use crate::world::webhook::{is_challenge, is_sign_in};

/// The most files that are read: large applications have fewer, but a generated site may be endless.
const FILES: usize = 200;
/// The most bytes that are read.
const BYTES: usize = 32 << 20;
/// The most requests at once, which limits the memory.
const AT_ONCE: usize = 6;
/// The most files in the queue. Of further ones only the number is kept.
const WAITING: usize = 2000;
/// The most redirects that are followed.
const REDIRECTS: usize = 5;

/// A file to read.
#[derive(Debug)]
struct FileToRead {
    url: Url,
    referrer: Referrer,
}

/// What refers to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Referrer {
    /// The page loads it.
    Page,
    /// A script loads it by this name.
    Import,
    /// A string in a script looks like its name.
    Guess,
    /// It is the source map of a script.
    Map,
}

impl Site<'_> {
    /// Reads the page and everything that it loads from its own site.
    pub(super) async fn load(self) -> Answered<Result<SiteScan, PageError>> {
        let (url, page) = match self.page().await? {
            Ok(found) => found,
            Err(error) => return Ok(Err(error)),
        };
        let mut crawler = Crawler::new(self, &url);
        crawler.open(page).await;
        let mut under_way = FuturesUnordered::new();
        loop {
            while under_way.len() < AT_ONCE {
                let Some(next) = crawler.next(under_way.len()) else { break };
                under_way.push(crawler.fetch(next));
            }
            let Some(read) = under_way.next().await else { break };
            crawler.add(read).await;
        }
        Ok(Ok(crawler.finish()))
    }

    /// The page that `frontend.url` leads to, within its own site.
    async fn page(self) -> Answered<Result<(Url, Arc<Answer>), PageError>> {
        let mut url = self.url.clone();
        for _ in 0..=REDIRECTS {
            let answer = match self.world.reads().get(Party::Frontend, url.clone(), HeaderMap::new(), None).await {
                Ok(answer) => answer,
                Err(failure) => {
                    self.world.is_to_blame(&failure).await?;
                    return Ok(Err(PageError::Unreachable { url, evidence: failure.evidence() }));
                }
            };
            if !(300..400).contains(&answer.status) {
                return page_or_error(url, answer);
            }
            let location = answer.header("location").unwrap_or_default().to_owned();
            let shown = answer.quote(&location);
            let evidence = answer.evidence("Location", shown.clone());
            match url.join(&location) {
                Ok(to) if is_same_site(&url, &to) && !(is_sign_in(&location) && to.host() != url.host()) => url = to,
                Ok(_) if is_sign_in(&location) => {
                    return Err(NoAnswer::Unknown(format!(
                        "{url} redirects visitors to sign in at {shown}: set frontend.url to a page that needs no sign-in"
                    )));
                }
                _ => return Ok(Err(PageError::Redirected { url, to: shown, evidence })),
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
        Ok(Err(PageError::Redirected { url: self.url.clone(), to, evidence }))
    }
}

/// The page at the end of the redirects, or why the answer is not a page.
fn page_or_error(url: Url, answer: Arc<Answer>) -> Answered<Result<(Url, Arc<Answer>), PageError>> {
    if is_challenge(&answer) || answer.status == 429 {
        let why = "a bot challenge or a rate limit, which may be aimed at this machine only";
        return Err(NoAnswer::Unknown(format!("{url} answered {} with {why}", answer.status)));
    }
    if answer.is_success() && answer.is_page() {
        return Ok(Ok((url, answer)));
    }
    let evidence = answer.evidence("status", format!("{}: {}", answer.status, answer.excerpt()));
    Ok(Err(PageError::NotAPage { url, status: answer.status, evidence }))
}

/// Whether two URLs are of one site.
fn is_same_site(left: &Url, right: &Url) -> bool {
    let (Some(left), Some(right)) = (left.host_str(), right.host_str()) else { return false };
    host_relation(left, right) != HostRelation::CrossSite
}

/// What was read so far, and what is still to read.
struct Crawler<'w> {
    site: Site<'w>,
    config: Arc<Config>,
    page: Url,
    scan: SiteScan,
    /// Other hosts that serve the application's own scripts.
    asset_hosts: HashSet<String>,
    known: Vec<Url>,
    queue: VecDeque<FileToRead>,
    maps: VecDeque<FileToRead>,
    seen: HashSet<Url>,
}

/// A file that was requested, and what it contains.
struct FileRead {
    file: FileToRead,
    outcome: Result<Digest, String>,
}

impl<'w> Crawler<'w> {
    fn new(site: Site<'w>, page: &Url) -> Self {
        Self {
            site,
            config: Arc::new(site.world.config().clone()),
            page: page.clone(),
            scan: SiteScan { page: page.to_string(), ..SiteScan::default() },
            asset_hosts: HashSet::new(),
            known: Vec::new(),
            queue: VecDeque::new(),
            maps: VecDeque::new(),
            seen: HashSet::from([page.clone()]),
        }
    }

    /// Reads the page itself.
    async fn open(&mut self, answer: Arc<Answer>) {
        let headers = answer.headers("content-security-policy");
        self.scan.policies = headers.iter().flat_map(|policy| ContentPolicy::read(policy)).collect();
        let (config, url) = (Arc::clone(&self.config), self.page.clone());
        let digest = on_a_thread(move |stop| page_digest(&config, &url, &answer.text(), stop)).await;
        let Some(mut digest) = digest else { return self.scan.add_stopped(self.page.path()) };
        self.scan.policies.extend(digest.page.policies.iter().flat_map(|policy| ContentPolicy::read(policy)));
        let scripts = std::mem::take(&mut digest.page.scripts);
        // Modules, and scripts where a framework puts its own, are the application's even on another host: its asset host.
        // Other scripts on other hosts are third-party.
        let assets = scripts.iter().filter(|script| script.is_module || script.url.path().contains("/_next/static/"));
        self.asset_hosts = assets.filter_map(|script| script.url.host_str()).map(str::to_owned).collect();
        let urls: Vec<Url> = scripts.into_iter().map(|script| script.url).collect();
        self.known = urls.iter().filter(|url| self.is_own(url)).take(FILES).cloned().collect();
        for url in urls {
            self.enqueue(url, Referrer::Page);
        }
        // Paths in inline scripts are relative to the page's scripts, so those must be known first.
        let (inline, url, known) = (digest.page.inline.clone(), self.page.clone(), self.known.clone());
        let references = on_a_thread(move |stop| {
            let scripts = inline.iter().take_while(|_| !stop.is_set());
            scripts.map(|script| references(script, &url, &known)).collect::<Vec<_>>()
        });
        digest.references = references.await.unwrap_or_default();
        let file = self.page.path().to_owned();
        if digest.page.is_cut || digest.references.len() < digest.page.inline.len() {
            digest.found.unread.push((file, "only its first scripts were read".to_owned()));
        }
        let page = self.page.clone();
        self.absorb(&page, digest).await;
    }

    /// Whether a script is the application's own.
    fn is_own(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        // Clerk serves its script from a subdomain of the customer's.
        let clerk = self.site.world.config().clerk.frontend_api();
        let is_clerk = clerk.is_some_and(|api| api.host_str() == Some(host)) && url.host() != self.page.host();
        !is_clerk && (is_same_site(&self.page, url) || self.asset_hosts.contains(host))
    }

    fn enqueue(&mut self, url: Url, referrer: Referrer) {
        if !self.is_own(&url) {
            if referrer == Referrer::Page && self.scan.other_hosts.len() < FILES {
                self.scan.other_hosts.extend(url.host_str().map(str::to_owned));
            }
        } else if self.seen.contains(&url) {
            // An import may confirm an earlier guess.
            if referrer == Referrer::Import {
                let guesses = self.queue.iter_mut().filter(|file| file.referrer == Referrer::Guess && file.url == url);
                guesses.for_each(|file| file.referrer = referrer);
            }
        } else if self.queue.len() + self.maps.len() >= WAITING {
            self.scan.left += 1;
        } else {
            self.seen.insert(url.clone());
            let queue = if referrer == Referrer::Map { &mut self.maps } else { &mut self.queue };
            queue.push_back(FileToRead { url, referrer });
        }
    }

    /// The next file within the limits. Scripts come before source maps.
    fn next(&mut self, under_way: usize) -> Option<FileToRead> {
        if self.scan.files + under_way >= FILES || self.scan.bytes >= BYTES {
            return None;
        }
        self.queue.pop_front().or_else(|| self.maps.pop_front())
    }

    /// Requests a file and searches it.
    fn fetch(&self, file: FileToRead) -> impl Future<Output = FileRead> + use<'w> {
        let (site, config, page, known) = (self.site, Arc::clone(&self.config), self.page.clone(), self.known.clone());
        async move {
            let reads = site.world.reads();
            let asked = reads.get_unremembered(Party::Frontend, file.url.clone(), HeaderMap::new(), None).await;
            let outcome = match asked {
                Err(failure) => Err(failure.trouble.to_string()),
                Ok(answer) => {
                    if let Some(why) = file.referrer.unread(&answer) {
                        Err(why)
                    } else {
                        let (url, is_map) = (file.url.clone(), file.referrer == Referrer::Map);
                        let digest =
                            on_a_thread(move |stop| digest(&config, &page, &url, is_map, &known, &answer, stop));
                        digest.await.ok_or_else(|| "searching it took too long".to_owned())
                    }
                }
            };
            FileRead { file, outcome }
        }
    }

    async fn add(&mut self, read: FileRead) {
        let FileRead { file, outcome } = read;
        match outcome {
            Ok(digest) => {
                if file.referrer != Referrer::Map {
                    self.known.push(file.url.clone());
                }
                self.absorb(&file.url, digest).await;
            }
            // A missing file that need not exist is no gap.
            Err(why) if why.is_empty() => {}
            Err(why) => self.scan.unread.push((name_of(&file.url, &self.page), why)),
        }
    }

    async fn absorb(&mut self, url: &Url, digest: Digest) {
        self.scan.files += 1;
        self.scan.bytes += digest.bytes;
        self.scan.absorb(digest.found);
        for references in digest.references {
            if references.is_cut {
                self.scan.left += 1;
            }
            for Import { url, is_certain } in references.scripts {
                self.enqueue(url, if is_certain { Referrer::Import } else { Referrer::Guess });
            }
            match references.map {
                Some(SourceMapAt::Url(map)) => self.enqueue(map, Referrer::Map),
                Some(SourceMapAt::Inline(json)) => {
                    let (config, file) = (Arc::clone(&self.config), name_of(url, &self.page));
                    let name = file.clone();
                    let found = on_a_thread(move |stop| {
                        let mut found = SiteScan::default();
                        found.read_map(&config, &file, &json, stop);
                        found
                    });
                    match found.await {
                        Some(found) => self.scan.absorb(found),
                        None => self.scan.add_stopped(&name),
                    }
                }
                None => {}
            }
        }
        if let Some(map) = digest.map {
            self.enqueue(map, Referrer::Map);
        }
    }

    fn finish(mut self) -> SiteScan {
        self.scan.left += self.queue.len() + self.maps.len();
        self.scan.sort();
        self.scan
    }
}

impl Referrer {
    /// Referrer a file cannot be read; empty if it need not exist. `None` if there is something to read.
    fn unread(self, answer: &Answer) -> Option<String> {
        let must_be_there = matches!(self, Self::Page | Self::Import);
        let status = answer.status;
        let gap = match status {
            // A single-page application answers every path with its page.
            200..=299 if answer.is_page() => must_be_there.then(|| "a page instead".to_owned()),
            204 | 205 => Some(format!("{status}: no content")),
            200..=299 if answer.body.is_empty() => Some("an empty answer".to_owned()),
            200..=299 => return None,
            // A string that only looks like a name, and a source map that was not deployed, need not exist.
            300..=399 | 404 | 410 => must_be_there.then(|| status.to_string()),
            // Visitors cannot read it either.
            401 | 403 if self == Self::Map => None,
            _ => Some(status.to_string()),
        };
        Some(gap.unwrap_or_default())
    }
}
