//! What a page loads.

use scraper::{ElementRef, Html, Selector};
use url::Url;

/// What a page loads, and what is written into it.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// Scripts, and what is loaded ahead as one.
    pub scripts: Vec<Named>,
    /// The text of scripts that stand in the page itself, data and import maps included.
    pub inline: Vec<String>,
}

/// A script that the page names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub url: Url,
    /// Whether it is a module, as bundlers make them. What is pasted in from others seldom is.
    pub module: bool,
}

impl Page {
    /// Reads a page as browsers do. `url` is where it was found.
    pub fn parse(html: &str, url: &Url) -> Self {
        let document = Html::parse_document(html);
        let all = |selector: &str| {
            let selector = Selector::parse(selector).ok();
            selector.map(|selector| document.select(&selector).collect::<Vec<_>>()).unwrap_or_default()
        };
        let base = all("base[href]").first().and_then(|base| url.join(base.attr("href")?).ok());
        let base = base.unwrap_or_else(|| url.clone());
        let mut page = Self::default();
        for script in all("script") {
            let kind = script.attr("type").unwrap_or_default().trim().to_ascii_lowercase();
            match script.attr("src") {
                Some(source) if is_program(&kind) => page.name(&base, source, kind == "module"),
                Some(_) => {}
                None => {
                    let text: String = script.text().collect();
                    if kind == "importmap" {
                        for source in imports(&text) {
                            page.name(&base, &source, true);
                        }
                    }
                    page.inline.push(text);
                }
            }
        }
        for link in all("link[href]") {
            let source = link.attr("href").unwrap_or_default();
            if has_word(link, "rel", "modulepreload") {
                page.name(&base, source, true);
            } else if has_word(link, "as", "script")
                && (has_word(link, "rel", "preload") || has_word(link, "rel", "prefetch"))
            {
                page.name(&base, source, false);
            }
        }
        page
    }

    fn name(&mut self, base: &Url, source: &str, module: bool) {
        let Ok(mut url) = base.join(source.trim()) else { return };
        url.set_fragment(None);
        if !matches!(url.scheme(), "http" | "https") {
            return;
        }
        match self.scripts.iter_mut().find(|named| named.url == url) {
            Some(named) => named.module |= module,
            None => self.scripts.push(Named { url, module }),
        }
    }
}

fn is_program(kind: &str) -> bool {
    kind.is_empty() || kind == "module" || kind.ends_with("javascript") || kind.ends_with("ecmascript")
}

fn has_word(element: ElementRef<'_>, attribute: &str, word: &str) -> bool {
    let value = element.attr(attribute).unwrap_or_default();
    value.split_ascii_whitespace().any(|found| found.eq_ignore_ascii_case(word))
}

/// What an import map leads to.
fn imports(map: &str) -> Vec<String> {
    let Ok(map) = serde_json::from_str::<serde_json::Value>(map) else { return Vec::new() };
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
        Page::parse(html, &url).scripts.into_iter().map(|named| named.url.to_string()).collect()
    }

    #[test]
    fn every_way_to_load_a_script_is_read() {
        let html = r#"<script src="a.js"></script><SCRIPT type=module crossorigin src='/assets/b.js#x'></SCRIPT>
            <link rel="stylesheet preload" as="script" href="//cdn.acme.com/c.js"><link rel=modulepreload href=/d.js>
            <script type="importmap">{"imports":{"x":"/e.js","y/":"/f/"},"scopes":{"/g":{"z":"./h.js"}}}</script>"#;
        let expected = [
            "https://app.acme.com/billing/a.js",
            "https://app.acme.com/assets/b.js",
            "https://app.acme.com/e.js",
            "https://app.acme.com/billing/h.js",
            "https://cdn.acme.com/c.js",
            "https://app.acme.com/d.js",
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
}
