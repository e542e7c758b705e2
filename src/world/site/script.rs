//! What a script refers to: its imports, its bundler's chunks, its source map.
//!
//! A script is searched for the few forms that bundlers write, and not run. A path that it builds in another way is not found.

use std::collections::{BTreeMap, HashMap};

use regex::Regex;
use url::Url;

use crate::pattern::patterns;

/// What a script refers to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct References {
    /// Other scripts.
    pub scripts: Vec<Import>,
    /// Whether it refers to more scripts than these.
    pub is_cut: bool,
    /// The source map.
    pub map: Option<SourceMapAt>,
}

/// A script that another script refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Import {
    pub url: Url,
    /// Whether an import or a bundler's table loads it. A string that only looks like a name is a guess.
    pub is_certain: bool,
}

/// The most references of one script: more than are read at all.
const MOST: usize = 1000;

/// Where a source map is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SourceMapAt {
    /// In another file.
    Url(Url),
    /// In the script itself: its JSON.
    Inline(String),
}

/// `import("./x.js")`, `from "./x.js"`, `new URL("x.js", …)`, `importScripts("x.js")`.
const IMPORTED: &str = concat!(
    r"(?-u:\b)(?:(?P<loads>import\s*\(?|from|new\s+(?:Shared)?Worker\s*\(|importScripts\s*\()|new\s+URL\s*\()",
    r#"\s*(?:/\*[^*]*\*/\s*)*["'`](?P<name>[^"'`\s\\]+)["'`]"#
);

/// Webpack's table of chunks: `"static/js/" + ({7:"billing"}[e] || e) + "." + {7:"c0ffee"}[e] + ".chunk.js"`.
const TABLE: &str = concat!(
    r#"(?:["'](?P<prefix>[^"'{}]*)["']\s*\+\s*)?"#,
    r"(?:\(\(?(?P<names>\{[^{}]*\})\)?\[(?-u:\w+)\]\s*\|\|\s*(?-u:\w+)\)|(?-u:\w+))",
    r#"\s*\+\s*["'](?P<between>[.\-~_]?)["']\s*\+\s*\(?(?P<hashes>\{[^{}]+\})\)?\[(?-u:\w+)\]"#,
    r#"\s*\+\s*["'](?P<suffix>(?-u:[\w.\-]*)\.m?js)["']"#
);

patterns! {
    IMPORT = IMPORTED;
    /// A string that is the path of a script: an entry of a bundler's list of chunks, perhaps within another string.
    PATH = r#"["'`]((?:https?:/)?/?(?-u:[\w.@~%()\[\]+-]+)/[^"'`\s\\<>{}]+\.m?js(?:\?[^"'`\s\\]*)?)\\?["'`]"#;
    CHUNKS = TABLE;
    /// An entry of webpack's table.
    ENTRY = r#"(?-u)["']?([\w\-~./]+)["']?\s*:\s*["']([\w\-~./]+)["']"#;
    /// Where webpack's chunks are: `__webpack_require__.p = "/_next/"`.
    PUBLIC_PATH = r#"(?-u:\b\w+)\.p\s*=\s*["']([^"'\s]*)["']"#;
    MAP = r"(?m)^.*?(?://|/\*)[#@]\s*sourceMappingURL=(\S+?)(?:\s*\*/)?\s*$";
}

/// What the script at `url` refers to. `known` are scripts that were found before: the paths in a list of chunks are relative
/// to a folder of theirs.
pub(super) fn references(text: &str, url: &Url, known: &[Url]) -> References {
    let mut references = References { scripts: Vec::new(), is_cut: false, map: map(text, url) };
    let imports = IMPORT.captures_iter(text).filter_map(|found| {
        let (specifier, is_loaded) = (found.name("name")?.as_str(), found.name("loads").is_some());
        // A bare word is the name of a bundled package.
        let is_address = ["./", "../", "/", "https://", "http://"].iter().any(|begins| specifier.starts_with(begins));
        let url = url.join(specifier).ok().filter(|_| is_address && is_script(specifier))?;
        // Without an extension it may be a route.
        let is_certain = is_loaded && [".js", ".mjs"].iter().any(|end| url.path().ends_with(end));
        Some(Import { url, is_certain })
    });
    let public = captured(&PUBLIC_PATH, text).last().filter(|public| !public.is_empty());
    let chunks = chunks(text).filter_map(|path| {
        let found = match public {
            Some(public) => url.join(public).and_then(|public| public.join(&path)).ok(),
            None => chunk_url(&path, url, known),
        };
        let is_certain = found.is_some();
        Some(Import { url: found.or_else(|| url.join(&path).ok())?, is_certain })
    });
    let paths = captured(&PATH, text).filter_map(|path| chunk_url(path, url, known));
    let paths = paths.map(|url| Import { url, is_certain: false });
    let mut seen = HashMap::new();
    for mut import in imports.chain(chunks).chain(paths) {
        import.url.set_fragment(None);
        if import.url == *url || !matches!(import.url.scheme(), "http" | "https") {
            continue;
        }
        if let Some(at) = seen.get(&import.url) {
            let earlier: &mut Import = &mut references.scripts[*at];
            earlier.is_certain |= import.is_certain;
        } else if references.scripts.len() < MOST {
            seen.insert(import.url.clone(), references.scripts.len());
            references.scripts.push(import);
        } else {
            references.is_cut = true;
            break;
        }
    }
    references
}

fn captured<'t>(pattern: &'static Regex, text: &'t str) -> impl Iterator<Item = &'t str> {
    pattern.captures_iter(text).filter_map(|captures| captures.get(1)).map(|group| group.as_str())
}

fn is_script(specifier: &str) -> bool {
    let path = specifier.split(['?', '#']).next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    // Development servers keep the source's extension or omit it.
    !name.contains('.') || [".js", ".mjs", ".ts", ".tsx", ".jsx"].iter().any(|end| name.ends_with(end))
}

/// The URL of an entry in a list of chunks, such as `assets/Billing-B7x.js`: relative to the same folder in the URL of a known
/// script. `None` if no known script has that folder, since the entry is then some other string.
fn chunk_url(path: &str, url: &Url, known: &[Url]) -> Option<Url> {
    if path.starts_with("http") {
        return Url::parse(path)
            .ok()
            .filter(|found| known.iter().chain([url]).any(|known| known.origin() == found.origin()));
    }
    let folder = path.trim_start_matches('/').split('/').next()?;
    let within = format!("/{folder}/");
    let neighbour = std::iter::once(url).chain(known).find(|known| known.path().contains(&within))?;
    if path.starts_with('/') {
        return neighbour.join(path).ok();
    }
    let (before, _) = neighbour.path().split_once(&within)?;
    neighbour.join(&format!("{before}/{path}")).ok()
}

/// The files in webpack's tables of chunks.
fn chunks(text: &str) -> impl Iterator<Item = String> {
    CHUNKS.captures_iter(text).flat_map(|table| {
        let part = |name| table.name(name).map_or("", |part| part.as_str());
        let names: BTreeMap<&str, &str> = entries(part("names")).collect();
        let (prefix, between, suffix) = (part("prefix"), part("between"), part("suffix"));
        let files = entries(part("hashes")).map(|(chunk, hash)| {
            let name = names.get(chunk).copied().unwrap_or(chunk);
            format!("{prefix}{name}{between}{hash}{suffix}")
        });
        files.take(MOST + 1).collect::<Vec<String>>()
    })
}

fn entries(table: &str) -> impl Iterator<Item = (&str, &str)> {
    ENTRY.captures_iter(table).filter_map(|captures| Some((captures.get(1)?.as_str(), captures.get(2)?.as_str())))
}

fn map(text: &str, url: &Url) -> Option<SourceMapAt> {
    // It is at the end; earlier ones are within strings.
    let mut from = text.rfind("sourceMappingURL=")?.saturating_sub("/*# ".len());
    while !text.is_char_boundary(from) {
        from -= 1;
    }
    let address = captured(&MAP, text.get(from..)?).next()?;
    let Some(data) = address.strip_prefix("data:") else { return url.join(address).ok().map(SourceMapAt::Url) };
    let (kind, data) = data.split_once(',')?;
    let json = if kind.ends_with(";base64") {
        use base64::Engine;
        String::from_utf8(base64::engine::general_purpose::STANDARD.decode(data).ok()?).ok()?
    } else {
        data.to_owned()
    };
    Some(SourceMapAt::Inline(json))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn found(text: &str, at: &str) -> Vec<String> {
        references(text, &url(at), &[]).scripts.into_iter().map(|import| import.url.to_string()).collect()
    }

    #[test]
    fn imports_are_followed_and_packages_are_not() {
        let text = r#"import{a}from"./vendor-C0.js";import "react";import('./Billing-B7.js').then(x);new Worker(new URL("worker-1.js",import.meta.url));import("../up.js")"#;
        let expected = ["vendor-C0.js", "Billing-B7.js"].map(|name| format!("https://app.acme.com/assets/{name}"));
        assert_eq!(found(text, "https://app.acme.com/assets/index.js")[..2], expected);
        assert!(found(text, "https://app.acme.com/assets/index.js").contains(&"https://app.acme.com/up.js".to_owned()));
    }

    #[test]
    fn vites_list_of_chunks_is_relative_to_the_scripts_folder() {
        let text = r#"m.f||(m.f=["assets/Billing-B7.js","assets/Billing-B7.css","node_modules/x/index.js"])"#;
        assert_eq!(
            found(text, "https://app.acme.com/shop/assets/index.js"),
            ["https://app.acme.com/shop/assets/Billing-B7.js"]
        );
    }

    #[test]
    fn webpacks_table_of_chunks_is_combined_into_paths() {
        let text =
            r#"a.u=e=>"static/chunks/"+(({7:"billing"})[e]||e)+"."+({7:"c0ffee",12:"decade"})[e]+".js",a.p="/_next/""#;
        let expected = ["billing.c0ffee.js", "12.decade.js"];
        assert_eq!(
            found(text, "https://app.acme.com/_next/static/chunks/webpack-1.js"),
            expected.map(|name| format!("https://app.acme.com/_next/static/chunks/{name}"))
        );
        let plain = r#"r.u=function(e){return"static/js/"+e+"."+{131:"0a1b2c"}[e]+".chunk.js"},r.p="/""#;
        assert_eq!(
            found(plain, "https://app.acme.com/static/js/main.js"),
            ["https://app.acme.com/static/js/131.0a1b2c.chunk.js"]
        );
    }

    #[test]
    fn a_list_within_a_string_is_relative_to_the_pages_scripts() {
        let known = [url("https://app.acme.com/_next/static/chunks/main.js")];
        let text = r#"self.__next_f.push([1,"5:I[\"static/chunks/app/page-1.js\"]"])"#;
        let found = references(text, &url("https://app.acme.com/"), &known).scripts;
        let at = url("https://app.acme.com/_next/static/chunks/app/page-1.js");
        assert_eq!(found, [Import { url: at, is_certain: false }]);
    }

    #[test]
    fn an_import_is_certain_and_a_string_that_looks_like_a_name_is_a_guess() {
        let text = r#"m=["assets/a.js","assets/b.js"];import("./a.js");new URL("./c.js",location);import("./route")"#;
        let imports = references(text, &url("https://app.acme.com/assets/index.js"), &[]).scripts;
        let certain: Vec<&str> =
            imports.iter().filter(|import| import.is_certain).map(|import| import.url.path()).collect();
        assert_eq!((certain, imports.len()), (vec!["/assets/a.js"], 4));
    }

    #[test]
    fn an_endless_list_of_imports_is_cut_and_says_so() {
        let imports = (0..100_000).map(|number| format!("import(\"./{number}.js\");"));
        let text = imports.collect::<Vec<_>>().concat();
        let references = references(&text, &url("https://app.acme.com/index.js"), &[]);
        assert_eq!((references.scripts.len(), references.is_cut), (MOST, true));
    }

    #[test]
    fn the_last_source_map_counts() {
        let at = url("https://app.acme.com/assets/index.js");
        let text = "const a=\"//# sourceMappingURL=no.map\";\nb();\n//# sourceMappingURL=index.js.map\n";
        assert_eq!(
            references(text, &at, &[]).map,
            Some(SourceMapAt::Url(url("https://app.acme.com/assets/index.js.map")))
        );
        let within = "a();\n//# sourceMappingURL=data:application/json;charset=utf-8;base64,e30=";
        assert_eq!(references(within, &at, &[]).map, Some(SourceMapAt::Inline("{}".to_owned())));
        assert_eq!(references("a()", &at, &[]).map, None);
    }
}
