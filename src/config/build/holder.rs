//! `[entitlement]`, and the organization for checks: what depends on who has a plan.

use super::super::raw::{self, At, PublicVariable};
use super::super::source::Diagnostic;
use super::super::{Entitlement, Kind, Variable};
use super::{Build, Need};
use crate::holder::HolderKind;

impl Build<'_, '_> {
    pub(super) fn entitlement(&mut self, entitlement: raw::Entitlement) -> Entitlement {
        let holder = entitlement.holder;
        for At { value, span } in &entitlement.comped {
            if HolderKind::of_id(&value.0) != holder {
                let message = format!("this is not the ID of {}, {}", holder.one(), holder.blank_id());
                let diagnostic = Diagnostic::at(span.clone(), message);
                let label = format!("`entitlement.holder` is \"{}\"", holder.word());
                self.diagnostics.add(diagnostic.label(label));
            }
        }
        Entitlement {
            source: entitlement.source,
            key: entitlement.key.0,
            holder,
            user_from: entitlement.user_from,
            user_key: entitlement.user_key.map_or_else(|| holder.usual_key().to_owned(), |key| key.0),
            tier_key: entitlement.tier_key.0,
            entitling_statuses: entitlement.entitling_statuses.into_iter().map(|status| status.0).collect(),
            comped: entitlement.comped.into_iter().map(|comped| comped.value.0).collect(),
        }
    }

    /// The organization for checks. `None` where users have the plans.
    pub(super) fn canary_organization(
        &mut self,
        written: Option<&At<PublicVariable>>,
        holder: HolderKind,
    ) -> Option<Variable<String>> {
        const DEFAULT: &str = "PREFLIGHT_CANARY_ORGANIZATION";
        if holder == HolderKind::User {
            if let Some(At { span, .. }) = written {
                let message = "an organization for checks is only used where organizations have the plans";
                let diagnostic = Diagnostic::at(span.clone(), message).label("`entitlement.holder` is \"user\"");
                self.diagnostics
                    .add(diagnostic.help("write entitlement.holder = \"organization\", or remove this key"));
            }
            return None;
        }
        let default = At::unwritten(DEFAULT);
        let given = written.unwrap_or(&default);
        Some(self.public("clerk.canary_organization", given, DEFAULT, Kind::ClerkOrganizationId, Need::Optional))
    }
}

#[cfg(test)]
mod tests {
    use crate::config::sample::{MINIMAL, loaded, refused};
    use crate::holder::HolderKind;

    #[test]
    fn an_organization_has_a_key_and_a_canary_of_its_kind() {
        let config = loaded(&format!("{MINIMAL}\n[entitlement]\nholder = \"organization\"\n"));
        assert_eq!(config.entitlement.holder, HolderKind::Organization);
        assert_eq!(config.entitlement.user_key, "orgId");
        assert_eq!(config.clerk.canary_organization.unwrap().name, "PREFLIGHT_CANARY_ORGANIZATION");
        let config = loaded(MINIMAL);
        assert_eq!(config.entitlement.user_key, "userId");
        assert!(config.clerk.canary_organization.is_none());
    }

    #[test]
    fn an_organization_for_checks_needs_organizations_with_plans() {
        let shown = refused(&format!("{MINIMAL}\n[clerk]\ncanary_organization = \"org_2canary\"\n"));
        assert!(shown.contains("only used where organizations have the plans"), "{shown}");
        assert!(shown.contains("entitlement.holder = \"organization\""), "{shown}");
    }

    #[test]
    fn who_has_a_tier_for_free_is_of_the_kind_that_has_plans() {
        let entitlement = "[entitlement]\nholder = \"organization\"\ncomped = [\"org_2staff\", \"user_2staff\"]\n";
        let shown = refused(&format!("{MINIMAL}\n{entitlement}"));
        assert!(shown.contains("this is not the ID of an organization, org_…"), "{shown}");
        assert_eq!(shown.matches("this is not").count(), 1, "{shown}");
    }
}
