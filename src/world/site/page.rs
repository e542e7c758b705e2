//! The scripts of a page. The page is read as a list of tags and not as a tree, because it may be nested without limit.

use std::cell::RefCell;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};
use url::Url;

use super::stop::Stop;

/// The most scripts that are read: no real page loads more.
const SCRIPTS: usize = 1000;
/// The most inline scripts that are read.
const INLINE: usize = 1000;
/// The most policies that are read.
const POLICIES: usize = 20;
/// How many bytes are read between two checks whether to stop.
const STEP: usize = 16 << 10;

/// The scripts of a page.
#[derive(Debug, Default)]
pub(super) struct PageScripts {
    /// The scripts that it loads or preloads.
    pub scripts: Vec<PageScript>,
    /// The text of its inline scripts, data and import maps included.
    pub inline: Vec<String>,
    /// The Content-Security-Policies in its `<meta>` tags.
    pub policies: Vec<String>,
    /// Whether it has more scripts than were read.
    pub is_cut: bool,
}

/// A script that the page loads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PageScript {
    pub url: Url,
    /// Whether it is a module. Bundlers make modules, and third-party scripts seldom are.
    pub is_module: bool,
}

/// What the tags of a page say, in order.
#[derive(Debug, Default)]
struct Tags {
    base: Option<String>,
    named: Vec<(String, bool)>,
    policies: Vec<String>,
    /// The types and texts of inline scripts.
    inline: Vec<(String, String)>,
    /// Whether the last of these continues.
    is_within: bool,
    is_cut: bool,
}

struct TagSink(RefCell<Tags>);

impl PageScripts {
    /// Reads a page as browsers do. `url` is where it was found.
    pub fn parse(html: &str, url: &Url, stop: &Stop) -> Self {
        let tokenizer = Tokenizer::new(TagSink(RefCell::default()), TokenizerOpts::default());
        let (input, mut rest, mut stopped) = (BufferQueue::default(), html, false);
        while !rest.is_empty() {
            stopped = stop.is_set();
            if stopped {
                break;
            }
            let (part, after) = rest.split_at(rest.floor_char_boundary(STEP));
            rest = after;
            input.push_back(StrTendril::from(part));
            // The tokenizer pauses where a browser would run a script.
            while !input.is_empty() {
                let _ = tokenizer.feed(&input);
            }
        }
        if !stopped {
            tokenizer.end();
        }
        let tags = tokenizer.sink.0.take();
        let base = tags.base.and_then(|base| url.join(&base).ok()).unwrap_or_else(|| url.clone());
        let mut page = Self { is_cut: stopped || tags.is_cut, policies: tags.policies, ..Self::default() };
        for (source, is_module) in tags.named {
            page.add(&base, &source, is_module);
        }
        for (kind, text) in tags.inline {
            if kind == "importmap" {
                for source in imports(&text) {
                    page.add(&base, &source, true);
                }
            }
            page.inline.push(text);
        }
        page
    }

    fn add(&mut self, base: &Url, source: &str, is_module: bool) {
        let Ok(mut url) = base.join(source.trim()) else { return };
        url.set_fragment(None);
        if !matches!(url.scheme(), "http" | "https") {
            return;
        }
        if let Some(script) = self.scripts.iter_mut().find(|script| script.url == url) {
            script.is_module |= is_module;
        } else if self.scripts.len() < SCRIPTS {
            self.scripts.push(PageScript { url, is_module });
        } else {
            self.is_cut = true;
        }
    }
}

impl TokenSink for TagSink {
    type Handle = ();

    fn process_token(&self, token: Token, _: u64) -> TokenSinkResult<()> {
        let mut tags = self.0.borrow_mut();
        match token {
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => tags.open(&tag),
            Token::TagToken(tag) => {
                tags.is_within &= &*tag.name != "script";
                TokenSinkResult::Continue
            }
            Token::CharacterTokens(text) if tags.is_within => {
                if let Some((_, script)) = tags.inline.last_mut() {
                    script.push_str(&text);
                }
                TokenSinkResult::Continue
            }
            _ => TokenSinkResult::Continue,
        }
    }
}

impl Tags {
    /// Adds a tag, and says how a browser reads the text after it.
    fn open(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        let attribute = |name: &str| {
            tag.attrs.iter().find(|attribute| &*attribute.name.local == name).map(|attribute| &*attribute.value)
        };
        let has_word = |name: &str, word: &str| {
            attribute(name).unwrap_or_default().split_ascii_whitespace().any(|found| found.eq_ignore_ascii_case(word))
        };
        match &*tag.name {
            "base" if self.base.is_none() => self.base = attribute("href").map(str::to_owned),
            "meta" if has_word("http-equiv", "content-security-policy") && self.policies.len() < POLICIES => {
                self.policies.extend(attribute("content").map(str::to_owned));
            }
            "link" => {
                let source = attribute("href").unwrap_or_default();
                if source.is_empty() {
                } else if has_word("rel", "modulepreload") {
                    self.name(source, true);
                } else if has_word("as", "script") && (has_word("rel", "preload") || has_word("rel", "prefetch")) {
                    self.name(source, false);
                }
            }
            "script" => {
                let kind = attribute("type").unwrap_or_default().trim().to_ascii_lowercase();
                match attribute("src") {
                    Some(source) if is_javascript(&kind) => self.name(source, kind == "module"),
                    Some(_) => {}
                    None if self.inline.len() < INLINE => {
                        self.inline.push((kind, String::new()));
                        self.is_within = true;
                    }
                    None => self.is_cut = true,
                }
                return TokenSinkResult::RawData(RawKind::ScriptData);
            }
            "title" | "textarea" => return TokenSinkResult::RawData(RawKind::Rcdata),
            "style" | "xmp" | "iframe" | "noembed" | "noframes" => {
                return TokenSinkResult::RawData(RawKind::Rawtext);
            }
            "plaintext" => return TokenSinkResult::Plaintext,
            _ => {}
        }
        TokenSinkResult::Continue
    }

    fn name(&mut self, source: &str, is_module: bool) {
        // A page may name one file several times.
        if self.named.len() < 4 * SCRIPTS {
            self.named.push((source.to_owned(), is_module));
        } else {
            self.is_cut = true;
        }
    }
}

fn is_javascript(kind: &str) -> bool {
    kind.is_empty() || kind == "module" || kind.ends_with("javascript") || kind.ends_with("ecmascript")
}

/// The scripts in an import map.
fn imports(map: &str) -> Vec<String> {
    // Parsing takes many times the map's size in memory.
    let Some(map) = (map.len() < 1 << 20).then(|| serde_json::from_str::<serde_json::Value>(map).ok()).flatten() else {
        return Vec::new();
    };
    let scopes = map["scopes"].as_object().into_iter().flat_map(serde_json::Map::values);
    let tables = std::iter::once(&map["imports"]).chain(scopes).filter_map(serde_json::Value::as_object);
    let targets = tables.flat_map(serde_json::Map::values).filter_map(serde_json::Value::as_str);
    // An entry that ends in a slash is a folder.
    targets.filter(|target| !target.ends_with('/')).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scripts(html: &str) -> Vec<String> {
        let url = Url::parse("https://app.acme.com/billing/").unwrap();
        PageScripts::parse(html, &url, &Stop::default())
            .scripts
            .into_iter()
            .map(|script| script.url.to_string())
            .collect()
    }

    #[test]
    fn scripts_preloads_and_import_maps_are_read() {
        let html = r#"<script src="a.js"></script><SCRIPT type=module crossorigin src='/assets/b.js#x'></SCRIPT>
            <link rel="stylesheet preload" as="script" href="//cdn.acme.com/c.js"><link rel=modulepreload href=/d.js>
            <script type="importmap">{"imports":{"x":"/e.js","y/":"/f/"},"scopes":{"/g":{"z":"./h.js"}}}</script>"#;
        let expected = [
            "https://app.acme.com/billing/a.js",
            "https://app.acme.com/assets/b.js",
            "https://cdn.acme.com/c.js",
            "https://app.acme.com/d.js",
            "https://app.acme.com/e.js",
            "https://app.acme.com/billing/h.js",
        ];
        assert_eq!(scripts(html), expected);
    }

    #[test]
    fn script_urls_are_relative_to_the_base_of_the_page() {
        assert_eq!(scripts(r#"<base href="/v2/"><script src="a.js"></script>"#), ["https://app.acme.com/v2/a.js"]);
    }

    #[test]
    fn text_that_looks_like_a_script_tag_is_ignored() {
        let html = r#"<!-- <script src="/a.js"></script> --><textarea><script src="/b.js"></script></textarea>
            <script type="text/template" src="/c.js"></script><script>"<script src='/d.js'>"</script>"#;
        assert_eq!(scripts(html), Vec::<String>::new());
    }

    #[test]
    fn a_deeply_nested_page_is_read() {
        let html = format!("{}<script src=/a.js></script>", "<div><b>".repeat(300_000));
        assert_eq!(scripts(&html), ["https://app.acme.com/a.js"]);
    }

    #[test]
    fn an_endless_page_is_cut_and_says_so() {
        let tags = (0..100_000).map(|number| format!("<script src=/{number}.js></script><script></script>"));
        let html = tags.collect::<Vec<_>>().concat();
        let page = PageScripts::parse(&html, &Url::parse("https://app.acme.com/").unwrap(), &Stop::default());
        assert_eq!((page.scripts.len(), page.inline.len(), page.is_cut), (SCRIPTS, INLINE, true));
    }

    #[test]
    fn a_page_whose_reading_is_stopped_is_cut() {
        let stop = Stop::default();
        stop.set();
        let page =
            PageScripts::parse("<script src=/a.js></script>", &Url::parse("https://app.acme.com/").unwrap(), &stop);
        assert!(page.is_cut && page.scripts.is_empty());
    }
}
