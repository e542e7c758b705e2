//! What the HTML report contains, and what it cannot contain.

use super::*;
use crate::report::sample;

/// The text between a heading of the page and the next.
fn part(page: &str, heading: &str) -> String {
    let (_, rest) = page.split_once(&format!("<h2>{heading}</h2>")).unwrap_or_else(|| panic!("no {heading}: {page}"));
    rest.split("<h2>").next().unwrap_or_default().to_owned()
}

#[test]
fn the_verdict_is_a_word_in_the_title_and_in_the_heading() {
    let page = render(&sample::no_go());
    assert!(page.contains("<title>acme: NO-GO</title>") && page.contains("<h1>NO-GO</h1>"), "{page}");
}

#[test]
fn each_failure_is_listed_first_and_links_to_its_details() {
    let page = render(&sample::no_go());
    assert!(
        part(&page, "Fix these first").contains("<a href=\"#failures-1\">stripe/price-mode: other-mode (tier pro)</a>")
    );
    let details = part(&page, "Failures");
    assert!(details.contains("id=\"failures-1\""), "{details}");
    assert!(details.contains("<pre><code>wrangler secret put STRIPE_PRICE_ID_PRO</code></pre>"), "{details}");
    assert!(details.contains("<code>preflight run --only stripe/price-mode</code>"), "{details}");
}

#[test]
fn notes_have_a_part_of_their_own() {
    let mut report = sample::no_go();
    report.checks[0].notes.push(sample::note());
    assert!(part(&render(&report), "Notes").contains("config/hygiene: full-access"));
    assert!(!render(&sample::no_go()).contains("<h2>Notes</h2>"));
}

#[test]
fn a_status_is_always_a_word() {
    let page = render(&sample::no_go());
    for status in Status::ALL {
        assert!(part(&page, "All checks").contains(&format!(">{}</span>", status.word())), "{status:?}");
    }
}

#[test]
fn several_reports_are_one_page_with_a_matrix_and_links_that_lead_to_each() {
    let page = render_all(&[sample::no_go(), sample::not_run(), sample::go()]);
    assert!(page.contains("<h1>1 of 3 deployments is GO</h1>") && page.matches("<h1>").count() == 1, "{page}");
    assert!(part(&page, "Deployments").contains("no checks ran, because its configuration has 2 errors"), "{page}");
    let matrix = part(&page, "Checks that did not pass");
    assert!(matrix.contains("stripe/price-mode") && matrix.contains(">fail</span>"), "{matrix}");
    let links: Vec<&str> = page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(links, ["deployment-1", "deployment-2", "deployment-3", "deployment-1-failures-1"]);
    for link in links {
        assert_eq!(page.matches(&format!("id=\"{link}\"")).count(), 1, "{link}");
    }
}

#[test]
fn nothing_is_loaded_and_nothing_runs() {
    let page = render(&sample::no_go());
    for wanting in ["<script", "<link", "<img", "<iframe", "@import", "url(", " src=", " onclick"] {
        assert!(!page.contains(wanting), "{wanting}");
    }
    assert!(page.contains("default-src 'none'"), "{page}");
}

#[test]
fn hostile_text_adds_no_element_and_no_link() {
    let elements = |page: &str| -> Vec<String> {
        page.split('<').skip(1).map(|rest| rest.split(['>', ' ']).next().unwrap_or_default().to_owned()).collect()
    };
    let harmless = elements(&render(&sample::hostile("harmless")));
    let others = ["\" onmouseover=\"alert(1)", "'><b>", "</style><script>", "&lt;script&gt;"];
    for text in sample::HOSTILE.into_iter().chain(others) {
        let page = render(&sample::hostile(text));
        let found: Vec<String> = elements(&page);
        // A text that cannot be part of an address is no link.
        let is_same = |name: &&String| !matches!(name.as_str(), "a" | "/a" | "code" | "/code");
        assert!(found.iter().filter(is_same).eq(harmless.iter().filter(is_same)), "{text:?}: {page}");
        assert!(!page.contains("href=\"javascript") && !page.contains("onmouseover=\"alert"), "{page}");
        assert!(!page.chars().any(|letter| letter.is_control() && letter != '\n'), "{page:?}");
        assert!(!page.lines().any(|line| line.trim_start().starts_with("::")), "{page}");
    }
}
