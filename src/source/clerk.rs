//! What the code says of Clerk: what it writes to public metadata, and how it knows who asks.

use super::facts::{Found, Holds, PublicKey, once};
use super::project::Project;
use super::reads::reads;
use super::routes::{Route, reachable};
use super::tree::Kind;
use super::words::{holds, names_tier};

/// What reads Clerk's cookie in a route of Next.js.
const SESSION_READERS: [&str; 3] = ["auth", "getAuth", "currentUser"];

/// Keys that are written to the public metadata of users.
pub(super) fn public_metadata(project: &Project) -> Vec<Found<PublicKey>> {
    let written = project.all().flat_map(|at| {
        let properties = at.node.properties().iter();
        let properties = properties.filter(|one| one.is("publicMetadata") || one.is("public_metadata"));
        properties.map(move |one| at.to(&one.value)).collect::<Vec<_>>()
    });
    let objects = written.flat_map(|value| {
        let objects = project.objects(value);
        objects.into_iter().flat_map(|object| project.properties(object)).collect::<Vec<_>>()
    });
    let keys = objects.filter_map(|(value, property)| {
        let key = property.name()?.to_owned();
        let by_value = || {
            let origin = project.origin(value);
            holds(origin.last()?).filter(|holds| *holds != Holds::Plan)
        };
        let holds = holds(&key).or_else(by_value);
        Some(project.found_on(value, property.line, PublicKey { key, holds }))
    });
    once(keys.collect())
}

/// Claims that the tier is read from.
pub(super) fn claims(project: &Project) -> Vec<Found<String>> {
    let reads = reads(project, names_tier).into_iter();
    let claims = reads.filter_map(|read| {
        let claim = read.claim()?;
        Some(project.found(read.at, claim))
    });
    once(claims.collect())
}

/// `getToken({ template: "…" })`
pub(super) fn jwt_template(project: &Project) -> Option<Found<String>> {
    project.all().find_map(|at| {
        let Kind::Call(callee, arguments) = &at.node.kind else { return None };
        let is_asking = matches!(&callee.kind, Kind::Name(name) | Kind::Member(_, name) if name == "getToken");
        let template = arguments.first().filter(|_| is_asking)?;
        let template = project.text(project.property(at.to(template), "template")?)?;
        Some(project.found(at, template))
    })
}

/// Where a route reads Clerk's session cookie: by its name, or through Clerk's helper for Next.js.
pub(super) fn cookie_auth(project: &Project, routes: &[Route]) -> Option<Found<()>> {
    let by_name = || {
        project.all().find(|at| match &at.node.kind {
            Kind::Call(_, arguments) => arguments.iter().any(|argument| argument.text() == Some("__session")),
            Kind::Regex(pattern) => pattern.contains("__session"),
            Kind::Member(_, key) => key == "__session",
            _ => false,
        })
    };
    let by_helper = || {
        let reached = routes.iter().flat_map(|route| reachable(project, &route.handlers));
        reached.into_iter().find(|at| {
            let Kind::Call(callee, _) = &at.node.kind else { return false };
            let imported = project.imported(at.to(callee));
            imported.is_some_and(|(from, name)| from.starts_with("@clerk/nextjs") && SESSION_READERS.contains(&name))
        })
    };
    by_name().or_else(by_helper).map(|at| project.found(at, ()))
}

#[cfg(test)]
mod tests {
    use crate::source::testing::{facts, reading, values};
    use crate::source::{Holds, PublicKey};

    fn written(text: &str) -> Vec<(String, Option<Holds>)> {
        let keys = values(&facts(text).public_metadata).into_iter();
        keys.map(|PublicKey { key, holds }| (key, holds)).collect()
    }

    fn claims(text: &str) -> Vec<String> {
        values(&facts(text).claim)
    }

    #[test]
    fn keys_of_public_metadata_are_found_with_what_they_hold() {
        let text = r"clerk.users.updateUserMetadata(id, { publicMetadata: {
            plan, stripeCustomerId: customer, subscriptionId: sub.id, subscriptionStatus: sub.status,
        } });";
        let expected = [
            ("plan", Some(Holds::Plan)),
            ("stripeCustomerId", Some(Holds::Customer)),
            ("subscriptionId", Some(Holds::Subscription)),
            ("subscriptionStatus", None),
        ];
        assert_eq!(written(text), expected.map(|(key, holds)| (key.to_owned(), holds)));
    }

    #[test]
    fn the_value_shows_what_a_key_holds_where_its_name_does_not() {
        let text = "clerk.users.updateUser(id, { publicMetadata: { stripeId: session.customer } });";
        assert_eq!(written(text), [("stripeId".to_owned(), Some(Holds::Customer))]);
    }

    #[test]
    fn metadata_that_callers_pass_to_a_function_is_read_there() {
        let text = r#"
            const save = (id, metadata) => clerk.users.updateUserMetadata(id, { publicMetadata: metadata });
            save(id, { plan: "pro" });
        "#;
        assert_eq!(written(text), [("plan".to_owned(), Some(Holds::Plan))]);
    }

    #[test]
    fn metadata_that_is_spread_or_chosen_is_read() {
        let text = r#"
            const save = (id, more) => clerk.users.updateUserMetadata(id, { publicMetadata: { ...kept, ...more } });
            save(id, isOver ? { plan: "free" } : { plan, customerId: customer });
        "#;
        let expected = [("plan", Some(Holds::Plan)), ("customerId", Some(Holds::Customer))];
        assert_eq!(written(text), expected.map(|(key, holds)| (key.to_owned(), holds)));
    }

    #[test]
    fn metadata_in_a_request_to_clerks_api_is_read() {
        let text = "fetch(url, { body: JSON.stringify({ public_metadata: { tier } }) });";
        assert_eq!(written(text), [("tier".to_owned(), Some(Holds::Plan))]);
    }

    #[test]
    fn a_claim_of_a_verified_token_is_found() {
        assert_eq!(claims("const claims = await verifyToken(token, {}); use(claims.plan);"), ["plan"]);
        assert_eq!(claims("const { plan } = await verifyToken(token, {});"), ["plan"]);
        assert_eq!(claims("const { payload } = await jwtVerify(token, keys); use(payload.tier);"), ["tier"]);
    }

    #[test]
    fn a_claim_that_a_function_of_the_project_verifies_is_found() {
        let text = r"
            async function authenticate(request) { return await verifyToken(tokenOf(request), {}); }
            const user = await authenticate(request);
            use(user.plan);
        ";
        assert_eq!(claims(text), ["plan"]);
    }

    #[test]
    fn a_nested_claim_is_dotted() {
        assert_eq!(
            claims("const { sessionClaims } = await auth(); use(sessionClaims?.metadata?.plan);"),
            ["metadata.plan"]
        );
        assert_eq!(claims("const { metadata: { plan } } = requestState.toAuth().sessionClaims;"), ["metadata.plan"]);
    }

    #[test]
    fn public_metadata_of_a_user_is_no_claim() {
        assert_eq!(claims("const user = await clerk.users.getUser(id); use(user.publicMetadata.plan);"), [""; 0]);
    }

    #[test]
    fn the_template_that_a_frontend_asks_for_is_found() {
        let found = facts(r#"const token = await getToken({ template: "pan-api" });"#).jwt_template.unwrap();
        assert_eq!(found.value, "pan-api");
        assert_eq!(facts("const token = await getToken();").jwt_template, None);
    }

    #[test]
    fn reading_the_session_cookie_is_found() {
        assert!(facts(r#"const token = cookies().get("__session");"#).cookie_auth.is_some());
        assert!(facts(r"const token = header.match(/__session=([^;]+)/);").cookie_auth.is_some());
    }

    #[test]
    fn clerks_helper_counts_only_in_a_route() {
        let helper = r#"import { auth } from "@clerk/nextjs/server"; export async function GET() { await auth(); }"#;
        assert!(reading(&[("app/api/a/route.ts", helper)]).facts.cookie_auth.is_some());
        assert!(reading(&[("app/dashboard/page.tsx", helper)]).facts.cookie_auth.is_none());
    }
}
