//! One fact each about the routes of a project.

use crate::source::testing::{facts, reading};
use crate::source::{Role, SourceFacts};

fn shown(facts: &SourceFacts) -> Vec<String> {
    let routes = facts.routes.iter().map(|route| &route.value);
    routes.map(|route| format!("{} {}", route.method.as_deref().unwrap_or("*"), route.path)).collect()
}

fn routes(text: &str) -> Vec<String> {
    shown(&facts(text))
}

fn in_files(files: &[(&str, &str)]) -> Vec<String> {
    shown(&reading(files).facts)
}

fn role(text: &str) -> Option<Role> {
    facts(text).routes[0].value.role
}

#[test]
fn hono_routes_are_found() {
    let text =
        r#"const app = new Hono(); app.get("/a", (c) => c.text("")); app.post("/b", handle); export default app;"#;
    assert_eq!(routes(text), ["GET /a", "POST /b"]);
}

#[test]
fn hono_routes_in_a_chain_are_found() {
    let text = r#"export default new Hono().get("/a", (c) => c.text("")).post("/b", (c) => c.text(""));"#;
    assert_eq!(routes(text), ["GET /a", "POST /b"]);
}

#[test]
fn a_long_chain_is_read_with_the_line_of_each_route() {
    let routes = (0..30).map(|number| format!("\n.get(\"/{number:02}\", handle)"));
    let found = facts(&format!("export default new Hono(){}", routes.collect::<String>())).routes;
    assert_eq!(found.iter().map(|route| route.line).collect::<Vec<_>>(), (2..32).collect::<Vec<_>>());
}

#[test]
fn a_base_path_is_a_prefix() {
    let text = r#"const app = new Hono().basePath("/api"); app.get("/a", (c) => c.text(""));"#;
    assert_eq!(routes(text), ["GET /api/a"]);
}

#[test]
fn a_router_from_another_file_is_mounted_under_each_of_its_paths() {
    let files = [
        (
            "index.ts",
            r#"import sub from "./sub"; const app = new Hono(); app.route("/v1", sub); app.route("/v2", sub);"#,
        ),
        ("sub.ts", r#"const sub = new Hono(); sub.get("/a", (c) => c.text("")); export default sub;"#),
    ];
    assert_eq!(in_files(&files), ["GET /v1/a", "GET /v2/a"]);
}

#[test]
fn routers_in_routers_are_mounted() {
    let text = r#"
        const inner = express.Router();
        inner.post("/c", (req, res) => res.json({}));
        const outer = express.Router();
        outer.use("/b", inner);
        const app = express();
        app.use("/a", requireUser, outer);
    "#;
    assert_eq!(routes(text), ["POST /a/b/c"]);
}

#[test]
fn a_router_in_common_js_is_mounted() {
    let files = [
        ("app.js", r#"const express = require("express"); const app = express(); app.use("/api", require("./sub"));"#),
        (
            "sub.js",
            r#"const router = require("express").Router(); router.get("/a", (q, s) => s.end()); module.exports = router;"#,
        ),
    ];
    assert_eq!(in_files(&files), ["GET /api/a"]);
}

#[test]
fn an_itty_router_has_its_base() {
    let text = r#"const router = AutoRouter({ base: "/api" }); router.get("/a", () => "ok");"#;
    assert_eq!(routes(text), ["GET /api/a"]);
}

#[test]
fn a_route_of_express_can_have_several_methods() {
    let text = r#"const app = express(); app.route("/a").get((q, s) => s.end()).post((q, s) => s.end());"#;
    assert_eq!(routes(text).len(), 2);
    assert!(routes(text).contains(&"POST /a".to_owned()));
}

#[test]
fn routers_that_a_function_is_given_are_read() {
    let text = r#"export function register(app) { app.get("/a", (c) => c.text("")); }"#;
    assert_eq!(routes(text), ["GET /a"]);
}

#[test]
fn requests_of_a_client_are_no_routes() {
    let text = r#"const api = axios.create(); api.post("/api/a", { tier }); cache.get("/b", load);"#;
    assert_eq!(routes(text), [""; 0]);
}

#[test]
fn paths_with_parameters_are_left_out() {
    let text = r#"const app = new Hono(); app.get("/a/:id", (c) => c.text("")); app.all("/b/*", (c) => c.text(""));"#;
    assert_eq!(routes(text), [""; 0]);
}

#[test]
fn comparisons_with_path_and_method_are_routes() {
    let text = r#"export default { async fetch(request) {
        const { pathname } = new URL(request.url);
        if (pathname === "/a" && request.method === "POST") return a();
        if (request.method === "GET") { if (pathname === "/b") return b(); }
        if (pathname === "/c") { if (request.method !== "PUT") return refuse(); return c(); }
        if (pathname === "/d" || pathname === "/e") return d();
    } };"#;
    assert_eq!(routes(text), ["POST /a", "GET /b", "PUT /c", "* /d", "* /e"]);
}

#[test]
fn cases_of_a_path_are_routes() {
    let text = r#"export default { fetch(request) { switch (new URL(request.url).pathname) {
        case "/a": case "/b": return a();
        case "/c": return c();
    } } };"#;
    assert_eq!(routes(text), ["* /a", "* /b", "* /c"]);
}

#[test]
fn cases_of_method_and_path_are_routes() {
    let text = r#"function route(request, url) { switch (`${request.method} ${url.pathname}`) { case "POST /a": return a(); } }"#;
    assert_eq!(routes(text), ["POST /a"]);
}

#[test]
fn tables_from_method_and_path_are_routes() {
    let text = r#"
        const HOOK = "/webhook/stripe";
        const routes = { "GET /a": a, [`POST ${HOOK}`]: receive };
        const more = new Map([["POST /b", b]]);
    "#;
    assert_eq!(routes(text), ["GET /a", "POST /webhook/stripe", "POST /b"]);
}

#[test]
fn tables_from_path_to_methods_are_routes() {
    let text = r#"const routes = { "/a": { GET: () => list(), POST: () => add() }, "/b": () => b() };"#;
    assert_eq!(routes(text), ["GET /a", "POST /a", "* /b"]);
}

#[test]
fn a_proxy_of_the_development_server_is_no_route() {
    assert_eq!(routes(r#"export default { server: { proxy: { "/api": { target: "http://localhost" } } } };"#), [""; 0]);
}

#[test]
fn the_path_of_a_page_is_no_route() {
    assert_eq!(routes(r#"const path = window.location.pathname; if (path === "/pricing") show();"#), [""; 0]);
    assert_eq!(routes(r#"const pathname = usePathname(); if (pathname === "/pricing") show();"#), [""; 0]);
}

#[test]
fn route_files_of_the_app_router_are_routes() {
    let files = [
        ("src/app/(shop)/api/a/route.ts", "export async function POST() {} export const GET = () => {};"),
        ("app/api/[id]/route.ts", "export async function GET() {}"),
        ("app/_private/route.ts", "export async function GET() {}"),
        ("app/b/page.tsx", "export default function Page() {}"),
    ];
    assert_eq!(in_files(&files), ["POST /api/a", "GET /api/a"]);
}

#[test]
fn a_route_file_can_hand_on_a_handler() {
    let files = [
        ("app/api/a/route.ts", r#"export { handler as POST } from "@/lib/handler";"#),
        ("lib/handler.ts", "export const handler = (stripe) => stripe.billingPortal.sessions.create({});"),
    ];
    let facts = reading(&files).facts;
    assert_eq!(shown(&facts), ["POST /api/a"]);
    assert_eq!(facts.routes[0].value.role, Some(Role::Portal));
}

#[test]
fn the_base_path_of_next_is_a_prefix() {
    let files = [
        ("next.config.js", r#"module.exports = { basePath: "/shop" };"#),
        ("app/api/a/route.ts", "export async function GET() {}"),
    ];
    assert_eq!(in_files(&files), ["GET /shop/api/a"]);
}

#[test]
fn files_of_the_pages_router_are_routes() {
    let files = [
        (
            "pages/api/a.ts",
            r#"export default function handler(req, res) { if (req.method !== "POST") return res.end(); }"#,
        ),
        ("pages/api/b/index.ts", "export default function handler(req, res) {}"),
    ];
    assert_eq!(in_files(&files), ["POST /api/a", "* /api/b"]);
}

#[test]
fn functions_of_cloudflare_pages_are_routes() {
    let files = [("functions/api/a.ts", "export const onRequestPost = () => new Response();")];
    assert_eq!(in_files(&files), ["POST /api/a"]);
}

#[test]
fn a_handler_that_creates_a_checkout_session_is_a_checkout() {
    let text = r#"const app = new Hono(); app.post("/buy", (c) => stripeOf(c.env).checkout.sessions.create({}));"#;
    assert_eq!(role(text), Some(Role::Checkout));
}

#[test]
fn a_handler_is_followed_into_the_functions_that_it_calls() {
    let files = [
        ("index.ts", r#"import * as billing from "./billing"; new Hono().post("/a", (c) => billing.start(c));"#),
        ("billing.ts", "export const start = (c) => stripe.checkout.sessions.create({});"),
    ];
    assert_eq!(reading(&files).facts.routes[0].value.role, Some(Role::Checkout));
}

#[test]
fn a_method_of_a_service_is_followed() {
    let text = r#"
        class Billing { open() { return this.stripe.billingPortal.sessions.create({}); } }
        const billing = new Billing();
        new Hono().post("/a", () => billing.open());
    "#;
    assert_eq!(role(text), Some(Role::Portal));
}

#[test]
fn a_handler_that_verifies_an_event_is_the_webhook() {
    let found =
        facts(r#"new Hono().post("/hook", async (c) => stripe.webhooks.constructEvent(await c.req.text(), a, b));"#);
    assert_eq!(found.webhook_route.unwrap().value, "/hook");
}

#[test]
fn a_handler_that_verifies_an_event_without_the_sdk_is_the_webhook() {
    let text = r#"new Hono().post("/hook", (c) => verify(c.req.header("Stripe-Signature")));"#;
    assert_eq!(role(text), Some(Role::Webhook));
}

#[test]
fn a_call_of_stripe_without_its_sdk_shows_the_role() {
    let text =
        r#"new Hono().post("/a", () => fetch("https://api.stripe.com/v1/checkout/sessions", { method: "POST" }));"#;
    assert_eq!(role(text), Some(Role::Checkout));
}

#[test]
fn a_parameter_for_the_buyer_or_the_plan_can_be_filled_in_and_another_one_cannot() {
    let paths = |text: &str| facts(text).routes.iter().map(|found| found.value.path.clone()).collect::<Vec<_>>();
    let known = r#"new Hono().get("/orgs/:orgId/usage", (c) => c.json({})).get("/buy/:plan", (c) => c.json({}));"#;
    assert_eq!(paths(known), ["/orgs/:orgId/usage", "/buy/:plan"]);
    assert_eq!(paths(r#"new Hono().get("/files/:name", (c) => c.json({}));"#), [""; 0]);
}

#[test]
fn the_path_shows_the_role_where_the_code_does_not() {
    assert_eq!(role(r#"new Hono().get("/healthz", (c) => c.text("ok"));"#), Some(Role::Health));
    assert_eq!(role(r#"new Hono().get("/v1/plans", (c) => c.json(plans));"#), Some(Role::Tiers));
    assert_eq!(role(r#"new Hono().post("/v1/plans", (c) => c.json(plans));"#), None);
}

#[test]
fn the_fields_that_a_checkout_reads_and_answers_are_found() {
    let found = facts(
        r#"new Hono().post("/a", async (c) => {
            const body = await c.req.json();
            const answer = await (await fetch("https://example.com")).json();
            const session = await stripe.checkout.sessions.create({ price: body.priceId, note: answer.note });
            return c.json({ ok: true, checkoutUrl: session.url });
        });"#,
    );
    assert_eq!(found.routes[0].value.body, ["priceId"]);
    assert_eq!(found.routes[0].value.session.as_deref(), Some("checkoutUrl"));
}

#[test]
fn fields_that_a_schema_checks_are_found() {
    let found = facts(
        r#"export async function POST(request) {
            const { plan, seats } = schema.parse(await request.json());
            return stripe.checkout.sessions.create({ plan, seats });
        }
        new Hono().post("/a", POST);"#,
    );
    assert_eq!(found.routes[0].value.body, ["plan", "seats"]);
}

#[test]
fn a_session_that_a_helper_makes_is_followed_to_the_answer() {
    let found = facts(
        r#"async function sell(env) {
            const session = await stripeOf(env).checkout.sessions.create({});
            return session.url;
        }
        new Hono().post("/a", async (c) => c.json({ redirect: await sell(c.env) }));"#,
    );
    assert_eq!(found.routes[0].value.session.as_deref(), Some("redirect"));
}
