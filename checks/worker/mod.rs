//! The deployed Worker.

pub mod auth;
pub mod bindings;
pub mod checkout;
pub mod cors;
pub mod deployed_version;
mod fixes;
pub mod health;
pub mod portal;
pub mod secrets;
pub mod tiers;
pub mod usage;

#[cfg(test)]
mod tests {
    use crate::run::{Selection, Status, run};
    use crate::sandbox::{self, Sandbox};
    use crate::world::{self, World};

    #[tokio::test]
    async fn with_no_probe_nothing_is_sent_to_the_worker() {
        let sandbox = Sandbox::start(&["healthy"], sandbox::Options::default()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal.jsonl");
        let options = world::Options { probe: false, journal, ..world::Options::default() };
        let world = World::new(sandbox.config(None).unwrap(), sandbox.options(options)).unwrap();
        let report = run(&world, &Selection::default(), None, std::future::pending()).await;
        let sent = sandbox.requests();
        assert!(!sent.iter().any(|(provider, _)| provider == "worker"), "{sent:?}");
        assert!(sandbox.effects().is_empty(), "{:?}", sandbox.effects());
        let worker = ["health", "tiers", "auth", "usage", "checkout", "portal", "cors"];
        let webhook = ["webhook/raw-body", "webhook/idempotent"].map(str::to_owned);
        for id in worker.map(|name| format!("worker/{name}")).into_iter().chain(webhook) {
            let check = report.checks.iter().find(|check| check.id.as_str() == id).unwrap();
            assert_eq!(check.status, Status::Skipped, "{id}: {:?}", check.reasons);
            assert_eq!(check.reasons, ["excluded by --no-probe"], "{id}");
        }
    }
}
