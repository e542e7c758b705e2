//! What a page loads. It is read as a row of tags and not as a tree: a page may be nested as deep as anybody likes.

use std::cell::RefCell;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};
use url::Url;

use super::stop::Stop;

/// More scripts than this no page names for a person's browser.
const SCRIPTS: usize = 1000;
/// More scripts than this do not stand in a page itself.
const INLINE: usize = 1000;
/// How much is read between two looks at the clock, in bytes.
const STEP: usize = 16 << 10;

/// What a page loads, and what is written into it.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// Scripts, and what is loaded ahead as one.
    pub scripts: Vec<Named>,
    /// The text of scripts that stand in the page itself, data and import maps included.
    pub inline: Vec<String>,
    /// Whether there is more in the page than was read.
    pub is_cut: bool,
}

/// A script that the page names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub url: Url,
    /// Whether it is a module, as bundlers make them. What is pasted in from others seldom is.
    pub module: bool,
}

/// What the tags of a page say, in their order.
#[derive(Debug, Default)]
struct Tags {
    base: Option<String>,
    named: Vec<(String, bool)>,
    /// The kinds and texts of scripts in the page.
    inline: Vec<(String, String)>,
    /// Whether what comes next is the text of the last of these.
    is_within: bool,
    is_cut: bool,
}

struct Reader(RefCell<Tags>);

impl Page {
    /// Reads a page as browsers do. `url` is where it was found.
    pub fn parse(html: &str, url: &Url, stop: &Stop) -> Self {
        let tokenizer = Tokenizer::new(Reader(RefCell::default()), TokenizerOpts::default());
        let (input, mut rest, mut stopped) = (BufferQueue::default(), html, false);
        while !rest.is_empty() {
            stopped = stop.is_asked();
            if stopped {
                break;
            }
            let (part, after) = rest.split_at(rest.floor_char_boundary(STEP));
            rest = after;
            input.push_back(StrTendril::from(part));
            // It pauses where a browser would run a script.
            while !input.is_empty() {
                let _ = tokenizer.feed(&input);
            }
        }
        if !stopped {
            tokenizer.end();
        }
        let tags = tokenizer.sink.0.take();
        let base = tags.base.and_then(|base| url.join(&base).ok()).unwrap_or_else(|| url.clone());
        let mut page = Self { is_cut: stopped || tags.is_cut, ..Self::default() };
        for (source, module) in tags.named {
            page.name(&base, &source, module);
        }
        for (kind, text) in tags.inline {
            if kind == "importmap" {
                for source in imports(&text) {
                    page.name(&base, &source, true);
                }
            }
            page.inline.push(text);
        }
        page
    }

    fn name(&mut self, base: &Url, source: &str, module: bool) {
        let Ok(mut url) = base.join(source.trim()) else { return };
        url.set_fragment(None);
        if !matches!(url.scheme(), "http" | "https") {
            return;
        }
        if let Some(named) = self.scripts.iter_mut().find(|named| named.url == url) {
            named.module |= module;
        } else if self.scripts.len() < SCRIPTS {
            self.scripts.push(Named { url, module });
        } else {
            self.is_cut = true;
        }
    }
}

impl TokenSink for Reader {
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
    /// Takes a tag, and says how a browser reads what follows it.
    fn open(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        let attribute = |name: &str| {
            tag.attrs.iter().find(|attribute| &*attribute.name.local == name).map(|attribute| &*attribute.value)
        };
        let has_word = |name: &str, word: &str| {
            attribute(name).unwrap_or_default().split_ascii_whitespace().any(|found| found.eq_ignore_ascii_case(word))
        };
        match &*tag.name {
            "base" if self.base.is_none() => self.base = attribute("href").map(str::to_owned),
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
                    Some(source) if is_program(&kind) => self.name(source, kind == "module"),
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

    fn name(&mut self, source: &str, module: bool) {
        // One file may be named several times.
        if self.named.len() < 4 * SCRIPTS {
            self.named.push((source.to_owned(), module));
        } else {
            self.is_cut = true;
        }
    }
}

fn is_program(kind: &str) -> bool {
    kind.is_empty() || kind == "module" || kind.ends_with("javascript") || kind.ends_with("ecmascript")
}

/// What an import map leads to.
fn imports(map: &str) -> Vec<String> {
    // Larger ones would be values of many times their size.
    let Some(map) = (map.len() < 1 << 20).then(|| serde_json::from_str::<serde_json::Value>(map).ok()).flatten() else {
        return Vec::new();
    };
    let scopes = map["scopes"].as_object().into_iter().flat_map(serde_json::Map::values);
    let tables = std::iter::once(&map["imports"]).chain(scopes).filter_map(serde_json::Value::as_object);
    let leads = tables.flat_map(serde_json::Map::values).filter_map(serde_json::Value::as_str);
    // What ends in a slash is a folder.
    leads.filter(|leads| !leads.ends_with('/')).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scripts(html: &str) -> Vec<String> {
        let url = Url::parse("https://app.acme.com/billing/").unwrap();
        Page::parse(html, &url, &Stop::default()).scripts.into_iter().map(|named| named.url.to_string()).collect()
    }

    #[test]
    fn every_way_to_load_a_script_is_read() {
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
    fn the_base_of_a_page_is_what_it_says() {
        assert_eq!(scripts(r#"<base href="/v2/"><script src="a.js"></script>"#), ["https://app.acme.com/v2/a.js"]);
    }

    #[test]
    fn what_only_looks_like_a_script_is_none() {
        let html = r#"<!-- <script src="/a.js"></script> --><textarea><script src="/b.js"></script></textarea>
            <script type="text/template" src="/c.js"></script><script>"<script src='/d.js'>"</script>"#;
        assert_eq!(scripts(html), Vec::<String>::new());
    }

    #[test]
    fn the_depth_of_a_page_costs_nothing() {
        let html = format!("{}<script src=/a.js></script>", "<div><b>".repeat(300_000));
        assert_eq!(scripts(&html), ["https://app.acme.com/a.js"]);
    }

    #[test]
    fn a_page_that_names_scripts_without_end_is_cut_and_says_so() {
        let tags = (0..100_000).map(|number| format!("<script src=/{number}.js></script><script></script>"));
        let html = tags.collect::<Vec<_>>().concat();
        let page = Page::parse(&html, &Url::parse("https://app.acme.com/").unwrap(), &Stop::default());
        assert_eq!((page.scripts.len(), page.inline.len(), page.is_cut), (SCRIPTS, INLINE, true));
    }

    #[test]
    fn a_reading_that_is_stopped_says_so() {
        let stop = Stop::default();
        stop.ask();
        let page = Page::parse("<script src=/a.js></script>", &Url::parse("https://app.acme.com/").unwrap(), &stop);
        assert!(page.is_cut && page.scripts.is_empty());
    }
}
