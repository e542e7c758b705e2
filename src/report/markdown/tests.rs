//! What the markdown report contains.

use super::*;
use crate::report::sample;

/// The part of the page below a heading.
fn part(text: &str, heading: &str) -> String {
    let start = text.find(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no {heading} in {text}"));
    let rest = &text[start + 1..];
    rest[..rest[1..].find("\n## ").map_or(rest.len(), |end| end + 1)].to_owned()
}

#[test]
fn the_verdict_is_the_heading_and_the_coverage_comes_next() {
    let text = render(&sample::no_go());
    assert!(text.starts_with("# acme: NO-GO\n\n**3 of 7 required checks verified** (1 pass"), "{text}");
}

#[test]
fn waivers_come_before_the_failures() {
    let text = render(&sample::no_go());
    assert!(text.find("## Waivers") < text.find("## Failures"), "{text}");
    let row = "| `stripe/account: cannot-charge` | waived until 2027-03-01 | ana | the bank confirms in March |";
    assert!(text.contains(row), "{text}");
}

#[test]
fn a_failure_has_its_fix_and_the_command_that_verifies_it() {
    let text = part(&render(&sample::no_go()), "Failures");
    assert!(text.contains("### stripe/price-mode: other-mode (tier pro)"), "{text}");
    assert!(text.contains("```sh\nwrangler secret put STRIPE_PRICE_ID_PRO\n```"), "{text}");
    assert!(text.contains("- <https://dashboard.stripe.com/products/prod_live00000000>"), "{text}");
    assert!(text.contains("**Verify:** `preflight run --only stripe/price-mode`"), "{text}");
    assert!(text.contains("returned 404 (request ID `req_8fA2kd91`)"), "{text}");
}

#[test]
fn the_checklist_has_a_word_for_each_line() {
    let text = part(&render(&sample::no_go()), "Launch checklist");
    assert!(
        text.contains("All live price IDs are copied | **fail** | `stripe/price-mode`, `stripe/price-terms` |"),
        "{text}"
    );
    assert_eq!(text.lines().filter(|line| line.starts_with('|')).count(), checklist::LINES.len() + 2);
}

#[test]
fn the_checklist_says_what_a_person_or_a_rehearsal_has_to_add() {
    let text = part(&render(&sample::no_go()), "Launch checklist");
    assert!(text.contains("**not checked** | by hand: sign up"), "{text}");
    assert!(text.contains("**not checked** | not yet: `preflight rehearse --events`"), "{text}");
}

#[test]
fn every_table_row_has_as_many_cells_as_its_heading() {
    for hostile in sample::HOSTILE {
        let text = render(&sample::hostile(hostile));
        let mut cells = 0;
        for line in text.lines() {
            let bars = line.replace("\\|", "").matches('|').count();
            match (line.starts_with('|'), cells) {
                (false, _) => cells = 0,
                (true, 0) => cells = bars,
                (true, _) => assert_eq!(bars, cells, "{line}"),
            }
        }
    }
}

#[test]
fn hostile_text_adds_no_heading_html_or_link() {
    for hostile in sample::HOSTILE {
        let text = render(&sample::hostile(hostile)).replace("\\]", "");
        assert!(!text.contains("<script") || is_code_only(&text, "<script"), "{text}");
        assert!(!text.contains("<img") || is_code_only(&text, "<img"), "{text}");
        assert!(!text.contains("](javascript") || is_code_only(&text, "](javascript"), "{text}");
        assert!(!text.lines().any(|line| line.starts_with("# GO") || line.starts_with("::")), "{text}");
        assert!(!text.chars().any(|character| character.is_control() && character != '\n'), "{text:?}");
    }
}

/// Whether every occurrence of `wanted` is inside code, where it is only text.
fn is_code_only(text: &str, wanted: &str) -> bool {
    let mut within_block = false;
    text.lines().all(|line| {
        if line.starts_with("```") {
            within_block = !within_block;
        }
        within_block || line.match_indices(wanted).all(|(at, _)| line[..at].matches('`').count() % 2 == 1)
    })
}

#[test]
fn a_name_of_ten_thousand_characters_is_clipped() {
    let text = render(&sample::hostile(&"x".repeat(10_000)));
    assert!(!text.contains(&"x".repeat(2001)) && text.contains("more characters)"));
}

#[test]
fn requests_without_a_response_say_why() {
    let text = part(&render(&sample::no_go()), "Requests");
    assert!(text.contains("| worker | `POST /webhook/stripe` | timed out after 10 s | 10.0 s | 3 |  |"), "{text}");
}

#[test]
fn a_report_without_failures_has_no_heading_for_them() {
    let text = render(&sample::go());
    assert!(
        !text.contains("## Failures") && !text.contains("## Waivers") && !text.contains("## Not verified"),
        "{text}"
    );
}
