//! Reads a folder: parses every file, and asks each reader of facts.

use std::fs;
use std::path::Path;
use std::thread;

use serde_json::Value;

use super::facts::{Found, Reading, Role, Skipped, SourceFacts};
use super::parse::parse;
use super::project::Project;
use super::tree::Tree;
use super::walk::{Files, MOST_BYTES, walk};
use super::{clerk, entitlement, limits, routes, stripe};

/// The stack that parsing and reading may use: both go as deep as the code is nested.
const STACK: usize = 256 << 20;

/// How deep brackets may be nested. Only code that a program wrote goes deeper.
const NESTING: usize = 500;

/// The average length of a line from which on a long file is a bundle.
const LONG_LINES: usize = 400;

/// Reads a project's source without running it. What cannot be read is in [`Reading::skipped`].
#[must_use]
pub fn read(folder: &Path) -> Reading {
    let on_large_stack = thread::Builder::new().stack_size(STACK);
    thread::scope(|scope| {
        let reading = on_large_stack.spawn_scoped(scope, || read_here(folder)).map_err(|error| error.to_string());
        let reading = reading.and_then(|thread| thread.join().map_err(|_| "it cannot be read".to_owned()));
        reading.unwrap_or_else(|reason| Reading {
            skipped: vec![Skipped { file: Path::new(".").to_owned(), reason }],
            ..Reading::default()
        })
    })
}

fn read_here(folder: &Path) -> Reading {
    let Files { sources, packages, mut skipped } = walk(folder);
    let mut trees: Vec<Tree> = Vec::new();
    for file in &sources {
        match source(folder, file) {
            Ok(tree) => trees.push(tree),
            Err(reason) => skipped.push(Skipped { file: file.clone(), reason }),
        }
    }
    let project = Project::new(&trees);
    let mut facts = facts(&project);
    let webhook = facts.webhook_route.as_ref().map(|route| route.file.as_path());
    facts.stripe_sdk = stripe_sdk(folder, &packages, webhook);
    skipped.sort_by(|one, other| one.file.cmp(&other.file));
    Reading { facts, files: trees.len(), skipped }
}

/// A file's tree, or why it has none.
fn source(folder: &Path, file: &Path) -> Result<Tree, String> {
    let path = folder.join(file);
    let unreadable = |error: std::io::Error| format!("it could not be read: {error}");
    if fs::metadata(&path).map_err(unreadable)?.len() > MOST_BYTES {
        return Err("it is larger than 1 MB".to_owned());
    }
    let text = String::from_utf8(fs::read(&path).map_err(unreadable)?).map_err(|_| "it is not UTF-8".to_owned())?;
    if text.len() > 20_000 && text.len() / text.lines().count().max(1) > LONG_LINES {
        return Err("it is a bundle and not source".to_owned());
    }
    if nesting(&text) > NESTING {
        return Err("it is nested too deeply".to_owned());
    }
    parse(file, &text).map_err(|line| format!("line {line} is not valid TypeScript or JavaScript"))
}

/// How deep brackets are nested, with those in strings and comments.
fn nesting(text: &str) -> usize {
    let (mut depth, mut most) = (0_usize, 0);
    for letter in text.bytes() {
        match letter {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        most = most.max(depth);
    }
    most
}

fn facts(project: &Project) -> SourceFacts {
    let routes = routes::routes(project);
    let cookie_auth = clerk::cookie_auth(project, &routes);
    let routes = routes::facts(project, &routes);
    let sold = entitlement::entitlement(project);
    SourceFacts {
        webhook_route: routes::path_of(&routes, Role::Webhook),
        routes,
        api_version: stripe::api_version(project),
        stripe_sdk: None,
        limits: limits::limits(project),
        user_key: sold.user,
        organization_key: sold.organization,
        tier_key: sold.tier,
        tier_source: sold.source,
        public_metadata: clerk::public_metadata(project),
        claim: clerk::claims(project),
        cookie_auth,
        jwt_template: clerk::jwt_template(project),
        handled_events: stripe::handled_events(project),
    }
}

/// The version of Stripe's SDK: in the package that the webhook is in, or else in the first that has it.
fn stripe_sdk(folder: &Path, packages: &[std::path::PathBuf], webhook: Option<&Path>) -> Option<Found<String>> {
    let versions = packages.iter().filter_map(|file| {
        let text = fs::read_to_string(folder.join(file)).ok()?;
        let package: Value = serde_json::from_str(&text).ok()?;
        let named = |table: &str| package[table]["stripe"].as_str().map(str::to_owned);
        let version = named("dependencies").or_else(|| named("devDependencies"))?;
        // `workspace:*` and `catalog:` say nothing.
        let is_version = version.bytes().any(|letter| letter.is_ascii_digit()) && version.len() < 40;
        let line = text.lines().position(|line| line.trim_start().starts_with("\"stripe\""))? + 1;
        is_version.then(|| Found { value: version, file: file.clone(), line })
    });
    let versions: Vec<_> = versions.collect();
    let holds = |found: &&Found<String>| {
        let package = found.file.parent().unwrap_or(Path::new(""));
        webhook.is_some_and(|webhook| webhook.starts_with(package))
    };
    let nearest = versions.iter().filter(holds).max_by_key(|found| found.file.components().count());
    nearest.or_else(|| versions.first()).cloned()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::source::testing::{facts, reading};

    fn skipped(text: &str) -> String {
        let reading = reading(&[("a.ts", text)]);
        assert_eq!(reading.files, 0);
        reading.skipped[0].reason.clone()
    }

    #[test]
    fn a_file_that_does_not_parse_is_skipped_with_its_line() {
        assert_eq!(skipped("const a = 1;\nconst b = (;\n"), "line 2 is not valid TypeScript or JavaScript");
    }

    #[test]
    fn one_bad_file_does_not_hide_the_others() {
        let files = [("a.ts", "const = ;"), ("b.ts", r#"new Hono().get("/health", (c) => c.text("ok"));"#)];
        let reading = reading(&files);
        assert_eq!((reading.skipped.len(), reading.facts.routes.len()), (1, 1));
    }

    #[test]
    fn a_file_of_more_than_a_megabyte_is_skipped() {
        assert_eq!(skipped(&"// a comment\n".repeat(100_000)), "it is larger than 1 MB");
    }

    #[test]
    fn a_bundle_is_skipped() {
        assert_eq!(skipped(&format!("f(\"{}\");", "a".repeat(30_000))), "it is a bundle and not source");
    }

    #[test]
    fn code_that_is_nested_too_deeply_is_skipped() {
        assert_eq!(skipped(&"[".repeat(10_000)), "it is nested too deeply");
    }

    #[test]
    fn long_chains_of_operators_are_read() {
        let reading = reading(&[("a.ts", &format!("const a = {}1;", "1 +\n".repeat(50_000)))]);
        assert_eq!((reading.files, reading.skipped), (1, Vec::new()));
    }

    #[test]
    fn names_that_lead_in_a_circle_end() {
        let files = [
            (
                "a.ts",
                r#"export { x } from "./b"; const y = { ...y }; const f = () => f().plan; use(f().plan, y.plan);"#,
            ),
            ("b.ts", r#"export { x } from "./a"; export * from "./b";"#),
        ];
        assert_eq!(reading(&files).files, 2);
    }

    #[test]
    fn a_secret_in_the_source_is_in_no_fact() {
        let secret = format!("sk_live_{}", "4eC39HqLyjWDarjtT1zdp7dc");
        let text = format!(
            r#"new Hono().get("/hook/{secret}", handle); getToken({{ template: "{secret}" }});
            const LIMITS = [{{ id: "{secret}", limit: 1 }}]; const K = {{ publicMetadata: {{ "{secret}": plan }} }};"#
        );
        assert!(!format!("{:?}", facts(&text)).contains(&secret[8..]));
    }

    #[test]
    fn the_sdk_has_the_version_of_the_package_that_the_webhook_is_in() {
        let hook = r#"new Hono().post("/hook", (c) => stripe.webhooks.constructEvent(a, b, d));"#;
        let files = [
            ("apps/admin/package.json", "{\n  \"dependencies\": {\n    \"stripe\": \"^14.0.0\"\n  }\n}"),
            (
                "apps/api/package.json",
                "{\n  \"dependencies\": {\n    \"hono\": \"^4.9.0\",\n    \"stripe\": \"^18.5.0\"\n  }\n}",
            ),
            ("apps/api/src/index.ts", hook),
        ];
        let found = reading(&files).facts.stripe_sdk.unwrap();
        assert_eq!((found.value.as_str(), found.line), ("^18.5.0", 4));
        assert_eq!(found.file, Path::new("apps/api/package.json"));
    }

    #[test]
    fn two_readings_are_the_same() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/init");
        assert_eq!(read(&folder), read(&folder));
        assert_eq!(read(&folder).skipped, []);
    }
}
