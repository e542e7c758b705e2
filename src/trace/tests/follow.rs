//! Purchases that are followed as they happen.

use std::time::Duration;

use super::super::{Asked, Happening, Link, Pace, Sighting, Verdict, follow};
use super::{FRIDA, traced_in};
use crate::sandbox::{Bought, Options, Sandbox};
use crate::world::{self, World};

/// Follows the next purchase in a sandbox, and does `next` after each thing that is seen, until it says that this is enough.
async fn followed(sandbox: &Sandbox, late: Duration, next: impl Fn(&Sighting) -> bool) -> Vec<Sighting> {
    let options = world::Options { deadline: None, probe: false, ..world::Options::default() };
    let world = World::new(sandbox.config(None).unwrap(), sandbox.options(options)).unwrap();
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let pace = Pace { interval: Duration::from_millis(5), late };
    let mut seen = Vec::new();
    let mut followed = std::pin::pin!(follow(&world, pace, &sender));
    loop {
        tokio::select! {
            biased;
            Some(sighting) = receiver.recv() => {
                let is_enough = next(&sighting);
                seen.push(sighting);
                if is_enough {
                    return seen;
                }
            }
            done = &mut followed => {
                assert!(matches!(done, Ok(Asked::Subscription(_))), "{done:?}");
                seen.extend(std::iter::from_fn(|| receiver.try_recv().ok()));
                return seen;
            }
        }
    }
}

/// A purchase that is made after the first look: the second one has begun.
async fn buys(sandbox: &Sandbox) -> Bought {
    let looks = || sandbox.requests().iter().filter(|(_, line)| line.contains("/v1/events")).count();
    while looks() < 2 {
        tokio::task::yield_now().await;
    }
    sandbox.buy(FRIDA, "price_1Rlivecme7LaunchProMonth").unwrap()
}

#[tokio::test]
async fn a_purchase_is_followed_until_the_user_has_the_plan() {
    let sandbox = Sandbox::start(&[], Options::default()).await.unwrap();
    let bought = std::cell::OnceCell::new();
    let purchase = async {
        bought.set(buys(&sandbox).await).unwrap();
    };
    let late = Duration::from_hours(1);
    let (seen, ()) = futures::join!(
        followed(&sandbox, late, |sighting| {
            let bought = bought.get().unwrap();
            match (sighting.happening, sighting.link) {
                (Happening::Reached, Link::Subscription) => assert!(sandbox.mark_delivered(bought)),
                (Happening::Reached, Link::Delivery) => sandbox.grant(bought, "pro"),
                _ => {}
            }
            false
        }),
        purchase
    );
    let links: Vec<(Happening, Link)> = seen.iter().map(|sighting| (sighting.happening, sighting.link)).collect();
    assert_eq!(links.first(), Some(&(Happening::Bought, Link::Checkout)), "{seen:#?}");
    assert_eq!(links.last(), Some(&(Happening::Reached, Link::Metadata)), "{seen:#?}");
    assert!(links.contains(&(Happening::Reached, Link::Delivery)), "{seen:#?}");
    assert!(seen[0].after <= Duration::from_secs(5), "{seen:#?}");
    assert!(!links.iter().any(|(happening, _)| *happening == Happening::Late), "{seen:#?}");
    let trace = traced_in(&sandbox, &bought.get().unwrap().subscription).await;
    assert!(matches!(trace.verdict, Verdict::Served(_)), "{trace:#?}");
    assert!(sandbox.requests().iter().all(|(_, line)| line.starts_with("GET ")));
}

#[tokio::test]
async fn a_link_that_is_not_reached_is_called_late_once_with_its_name() {
    for (is_delivered, link) in [(false, Link::Delivery), (true, Link::Metadata)] {
        let sandbox = Sandbox::start(&[], Options::default()).await.unwrap();
        let purchase = async {
            let bought = buys(&sandbox).await;
            if is_delivered {
                assert!(sandbox.mark_delivered(&bought));
            }
        };
        let is_late = |sighting: &Sighting| sighting.happening == Happening::Late;
        let (seen, ()) = futures::join!(followed(&sandbox, Duration::ZERO, is_late), purchase);
        assert_eq!(seen.last().map(|sighting| sighting.link), Some(link), "{seen:#?}");
    }
}

#[test]
fn a_purchase_is_seen_within_five_seconds() {
    assert!(Pace::default().interval <= Duration::from_secs(3));
}

#[tokio::test]
async fn a_purchase_that_no_endpoint_hears_of_is_late_at_once() {
    let sandbox = Sandbox::start(&["endpoint-none"], Options::default()).await.unwrap();
    let purchase = async {
        let bought = buys(&sandbox).await;
        assert!(!sandbox.mark_delivered(&bought));
    };
    let is_late = |sighting: &Sighting| sighting.happening == Happening::Late;
    let (seen, ()) = futures::join!(followed(&sandbox, Duration::from_hours(1), is_late), purchase);
    let first = seen.first().map(|sighting| (sighting.happening, sighting.link));
    assert_eq!(first, Some((Happening::Warning, Link::Endpoint)), "{seen:#?}");
    assert!(!seen.iter().any(|sighting| sighting.words.ends_with("was delivered")), "{seen:#?}");
}

#[tokio::test]
async fn without_a_list_of_events_there_is_nothing_to_wait_for() {
    let sandbox = Sandbox::start(&["stripe-key-revoked"], Options::default()).await.unwrap();
    let options = world::Options { deadline: None, probe: false, ..world::Options::default() };
    let world = World::new(sandbox.config(None).unwrap(), sandbox.options(options)).unwrap();
    let (sender, _receiver) = tokio::sync::mpsc::unbounded_channel();
    assert!(follow(&world, Pace::default(), &sender).await.is_err());
}
