//! The frontend: a bundled page with a lazily loaded chunk, a library and a source map.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{self, Request};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tower::ServiceExt;

/// The main script's path.
const SCRIPT: &str = "/assets/index-DkT4cmeQ.js";
/// The path of the chunk that only the billing page loads.
const CHUNK: &str = "/assets/Billing-B7xAcme2.js";
/// The path of the bundled libraries.
const LIBRARY: &str = "/assets/vendor-C0ffee01.js";
/// The prefix of the paths of the endless chain of scripts.
const ENDLESS: &str = "/assets/endless-";
/// The path of the style sheet.
const STYLE: &str = "/assets/index-Ca11ab1e.css";

/// What the page was built with.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrontendSettings {
    /// The application's name.
    pub title: String,
    /// Clerk's publishable key, in the main script.
    pub clerk_publishable_key: String,
    /// Stripe's publishable key, in the main script.
    pub stripe_publishable_key: String,
    /// The Worker's address in the scripts.
    pub worker_url: String,
    /// An address that a library mentions but never calls.
    pub library_url: String,
    /// The targets of redirects, by path.
    #[serde(default)]
    pub redirects: BTreeMap<String, String>,
    /// Paths of files that were not deployed.
    #[serde(default)]
    pub missing: Vec<String>,
    /// Paths that respond with only an HTTP status.
    #[serde(default)]
    pub statuses: BTreeMap<String, u16>,
    /// Whether requests to `/api/` are forwarded to the Worker.
    #[serde(default)]
    pub passes_on: bool,
    /// Whether every script imports another one, without end.
    #[serde(default)]
    pub endless: bool,
    /// The Content-Security-Policy in the page's header.
    #[serde(default)]
    pub content_security_policy: String,
    /// The Content-Security-Policy in a `<meta>` tag.
    #[serde(default)]
    pub meta_policy: String,
    /// Secrets that the build contains by mistake.
    #[serde(default)]
    pub leaks: Leaks,
}

/// Secrets that the build contains by mistake.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leaks {
    /// In the main script.
    #[serde(default)]
    pub script: String,
    /// In the lazily loaded chunk.
    #[serde(default)]
    pub chunk: String,
    /// Only in the source map.
    #[serde(default)]
    pub source_map: String,
}

/// The frontend's web server. Every path that is not a file gets the page, as single-page applications need it.
pub fn router(state: FrontendSettings, worker: Router) -> Router {
    Router::new().fallback(serve).with_state((Arc::new(state), worker))
}

async fn serve(
    extract::State((state, worker)): extract::State<(Arc<FrontendSettings>, Router)>,
    request: Request,
) -> Response {
    if state.passes_on && request.uri().path().starts_with("/api/") {
        return worker.oneshot(request).await.into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    if let Some(to) = state.redirects.get(request.uri().path()) {
        return (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, to.clone())]).into_response();
    }
    if state.missing.iter().any(|path| path == request.uri().path()) {
        return StatusCode::NOT_FOUND.into_response();
    }
    if let Some(status) = state.statuses.get(request.uri().path()) {
        return StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR).into_response();
    }
    let map = format!("{SCRIPT}.map");
    let (content_type, text) = match request.uri().path() {
        SCRIPT => ("text/javascript", script(&state)),
        CHUNK => ("text/javascript", chunk(&state)),
        LIBRARY => ("text/javascript", library(&state)),
        STYLE => ("text/css", ":root{color-scheme:light dark}body{margin:0;font-family:system-ui}".to_owned()),
        path if state.endless && path.starts_with(ENDLESS) => ("text/javascript", link(path)),
        path if path == map => ("application/json", source_map(&state)),
        _ => ("text/html; charset=utf-8", page(&state)),
    };
    let mut response = ([(header::CONTENT_TYPE, content_type)], text).into_response();
    let policy = HeaderValue::from_str(&state.content_security_policy).ok().filter(|policy| !policy.is_empty());
    if let Some(policy) = policy {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

fn page(state: &FrontendSettings) -> String {
    format!(
        r#"<!doctype html>
<html lang="en">
  <head>
    <meta charset="UTF-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1.0" />
    <title>{}</title>{}
    <script type="module" crossorigin src="{SCRIPT}"></script>
    <link rel="modulepreload" crossorigin href="{LIBRARY}">
    <link rel="stylesheet" crossorigin href="{STYLE}">
  </head>
  <body>
    <div id="root"></div>
  </body>
</html>
"#,
        state.title,
        meta(&state.meta_policy)
    )
}

fn meta(policy: &str) -> String {
    if policy.is_empty() {
        return String::new();
    }
    format!(r#"<meta http-equiv="Content-Security-Policy" content="{policy}" />"#)
}

fn script(state: &FrontendSettings) -> String {
    format!(
        concat!(
            r#"import{{c as n,j as e,S as t,l as r}}from"./vendor-C0ffee01.js";{endless}"#,
            r#"const o="{api}",i="{clerk}",s=r("{stripe}"){leak};"#,
            r#"const a=n(()=>import("./Billing-B7xAcme2.js"));"#,
            r#"async function u(c,l){{const d=await fetch(`${{o}}/api${{c}}`,"#,
            r#"{{headers:{{Authorization:`Bearer ${{await l({{template:"pan-api"}})}}`}}}});return d.json()}}"#,
            r#"t(document.getElementById("root"),e(a,{{publishableKey:i,stripe:s,call:u}}));"#,
            "\n//# sourceMappingURL=index-DkT4cmeQ.js.map\n",
        ),
        api = state.worker_url,
        clerk = state.clerk_publishable_key,
        stripe = state.stripe_publishable_key,
        leak = assignment(&state.leaks.script),
        endless = if state.endless { link(ENDLESS) } else { String::new() },
    )
}

/// A script that imports the next one.
fn link(path: &str) -> String {
    let number = path.trim_start_matches(ENDLESS).trim_end_matches(".js").parse().unwrap_or(0_u32);
    format!("import(\"./endless-{}.js\");", number + 1)
}

fn chunk(state: &FrontendSettings) -> String {
    format!(
        concat!(
            r#"import{{j as e}}from"./vendor-C0ffee01.js";const f={{plans:["free","pro","enterprise"]}}{leak};"#,
            r#"function b({{call:n}}){{return e("button",{{onClick:()=>n("/create-checkout")}},"Upgrade")}}"#,
            "export{{b as default}};\n",
        ),
        leak = assignment(&state.leaks.chunk),
    )
}

/// The library mentions a development server in a warning but never calls it.
fn library(state: &FrontendSettings) -> String {
    format!(
        concat!(
            r#"const w={{dev:"{url}"}};function c(n){{return n}}function j(n,o){{return{{type:n,props:o}}}}"#,
            r#"function S(n,o){{if(!n)throw Error("No root. Is the page served from "+w.dev+"?");n.append(String(o.type))}}"#,
            r#"function l(n){{return{{key:n}}}}export{{c,j,S,l}};"#,
            "\n",
        ),
        url = state.library_url,
    )
}

fn source_map(state: &FrontendSettings) -> String {
    let source = format!(
        "const api = import.meta.env.VITE_API_URL;\nconst key = import.meta.env.VITE_CLERK_PUBLISHABLE_KEY;\n{}",
        if state.leaks.source_map.is_empty() {
            String::new()
        } else {
            format!("const stripeForTests = \"{}\";\n", state.leaks.source_map)
        }
    );
    let map = json!({
        "version": 3, "file": "index-DkT4cmeQ.js", "names": [], "sources": ["../../src/main.tsx"],
        "sourcesContent": [source], "mappings": "AAAA",
    });
    map.to_string()
}

/// What a bundler writes for an environment variable.
fn assignment(value: &str) -> String {
    if value.is_empty() { String::new() } else { format!(r#",_env={{VITE_SECRET:"{value}"}}"#) }
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};

    use super::*;

    async fn fetch(state: FrontendSettings, path: &str) -> (StatusCode, String) {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        let response = router(state, Router::new()).oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    fn healthy() -> FrontendSettings {
        toml::from_str(include_str!("healthy/frontend.toml")).unwrap()
    }

    #[tokio::test]
    async fn every_path_that_is_not_a_file_gets_the_page() {
        let (status, page) = fetch(healthy(), "/account/billing").await;
        assert_eq!(status, StatusCode::OK);
        assert!(page.contains(SCRIPT) && page.contains(LIBRARY));
    }

    #[tokio::test]
    async fn the_main_script_carries_both_keys_and_the_workers_host() {
        let state = healthy();
        let (_, script) = fetch(state.clone(), SCRIPT).await;
        for text in [&state.clerk_publishable_key, &state.stripe_publishable_key, &state.worker_url] {
            assert!(script.contains(text.as_str()), "{text}");
        }
    }

    #[tokio::test]
    async fn the_main_script_names_the_late_chunk_and_the_source_map() {
        let (_, script) = fetch(healthy(), SCRIPT).await;
        assert!(script.contains(r#"import("./Billing-B7xAcme2.js")"#));
        assert!(script.contains("sourceMappingURL=index-DkT4cmeQ.js.map"));
    }

    #[tokio::test]
    async fn a_library_mentions_localhost_and_the_application_does_not() {
        assert!(fetch(healthy(), LIBRARY).await.1.contains("http://localhost"));
        for path in ["/", SCRIPT, CHUNK] {
            assert!(!fetch(healthy(), path).await.1.contains("localhost"), "{path}");
        }
    }

    #[tokio::test]
    async fn a_leak_is_only_where_the_document_puts_it() {
        let mut state = healthy();
        state.leaks.source_map = "whsec_leaked".to_owned();
        assert!(fetch(state.clone(), "/assets/index-DkT4cmeQ.js.map").await.1.contains("whsec_leaked"));
        for path in ["/", SCRIPT, CHUNK, LIBRARY] {
            assert!(!fetch(state.clone(), path).await.1.contains("whsec_leaked"), "{path}");
        }
    }

    #[tokio::test]
    async fn the_source_map_is_json() {
        let (_, map) = fetch(healthy(), "/assets/index-DkT4cmeQ.js.map").await;
        assert_eq!(serde_json::from_str::<serde_json::Value>(&map).unwrap()["version"], 3);
    }
}
