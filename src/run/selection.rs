//! Which checks to run: `--only`, `--skip` and `--failed`.

use std::collections::BTreeSet;

use globset::{Glob, GlobMatcher};

use super::report::Scope;
use crate::check::Check;
use crate::checks;
use crate::config::Config;
use crate::world::Depth;

/// Which checks to run.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    only: Vec<GlobMatcher>,
    skip: Vec<GlobMatcher>,
    failed: Option<BTreeSet<String>>,
    spared: BTreeSet<String>,
    rehearsal: Option<Depth>,
    flags: String,
}

/// The groups of the checks that only a rehearsal runs, each with the flag of `preflight rehearse`.
const REHEARSALS: [(&str, Depth); 2] = [("rehearsal", Depth::Events), ("billing", Depth::Live)];

/// A name that matches no check and no group.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown check or group `{name}`; {hint}")]
pub struct UnknownName {
    name: String,
    hint: String,
}

impl UnknownName {
    /// The error for `name`, which suggests the closest of `checks`.
    #[must_use]
    pub fn new(checks: &[Check], name: &str) -> Self {
        let hint = match nearest(checks, name) {
            _ if depth_of(name)
                .is_some_and(|of| !checks.iter().any(|check| depth_of(check.id.as_str()) == Some(of))) =>
            {
                let flag = depth_of(name).map_or("", Depth::flag);
                format!("`preflight rehearse {flag}` runs this group")
            }
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => "to list them, run `preflight list`".to_owned(),
        };
        Self { name: name.to_owned(), hint }
    }
}

impl Selection {
    /// Selects from `checks` by ID, group or glob. An empty `only` selects all.
    ///
    /// # Errors
    /// The first name that matches no check.
    pub fn new(checks: &[Check], only: &[String], skip: &[String]) -> Result<Self, UnknownName> {
        let matchers = |names: &[String]| names.iter().map(|name| matcher(checks, name)).collect::<Result<_, _>>();
        Ok(Self { only: matchers(only)?, skip: matchers(skip)?, ..Self::default() })
    }

    /// The checks of a rehearsal, and those that say why one is blocked.
    #[must_use]
    pub fn rehearsal(depth: Depth) -> Self {
        Self { rehearsal: Some(depth), ..Self::default() }
    }

    /// The depth, if it is [`Selection::rehearsal`].
    #[must_use]
    pub const fn depth(&self) -> Option<Depth> {
        self.rehearsal
    }

    /// Every check that can be selected.
    #[must_use]
    pub fn checks(&self, config: &Config) -> Vec<Check> {
        let rehearsal: &[Check] = match self.rehearsal {
            None => &[],
            Some(Depth::Events) => checks::REHEARSAL,
            Some(Depth::Live | Depth::Guided) => checks::BILLING,
        };
        rehearsal.iter().cloned().chain(checks::all(config)).collect()
    }

    /// Of the same checks, only those that `failed`, by ID.
    #[must_use]
    pub fn among(self, failed: impl IntoIterator<Item = String>) -> Self {
        Self { failed: Some(failed.into_iter().collect()), ..self }
    }

    /// The same checks without those, by ID, which `--profile nightly` does without.
    #[must_use]
    pub fn sparing(self, spared: impl IntoIterator<Item = String>) -> Self {
        Self { spared: spared.into_iter().collect(), ..self }
    }

    /// The same checks, with the flags of this run, such as ` -c acme.toml`, for the commands that verify a fix.
    #[must_use]
    pub fn with_flags(self, flags: String) -> Self {
        Self { flags, ..self }
    }

    /// The flags of this run.
    #[must_use]
    pub fn flags(&self) -> &str {
        &self.flags
    }

    /// The command that runs one check with the flags of this run.
    #[must_use]
    pub fn command(&self, id: &str) -> String {
        if let Some(depth) = self.rehearsal.filter(|_| depth_of(id).is_some()) {
            return format!("preflight rehearse {}{}", depth.flag(), self.flags);
        }
        format!("preflight run{} --only {id}", self.flags)
    }

    /// Whether it leaves checks out.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        let has_names = !self.only.is_empty() || !self.skip.is_empty();
        self.rehearsal.is_some() || has_names || self.failed.is_some() || !self.spared.is_empty()
    }

    /// What the verdict is about.
    #[must_use]
    pub fn scope(&self) -> Scope {
        match (self.rehearsal.is_some() || !self.is_partial(), self.spared.is_empty()) {
            (true, _) => Scope::Full,
            (false, false) => Scope::Nightly,
            (false, true) => Scope::Selected,
        }
    }

    /// Whether a check that another one needs may run although it was not selected.
    #[must_use]
    pub fn admits(&self, id: &str) -> bool {
        !matches(&self.skip, id) && !self.spared.contains(id)
    }

    /// Whether the check runs.
    #[must_use]
    pub fn includes(&self, id: &str) -> bool {
        let has_failed = self.failed.as_ref().is_none_or(|failed| failed.contains(id));
        let is_meant = self.rehearsal.is_none() || depth_of(id).is_some();
        is_meant && has_failed && (self.only.is_empty() || matches(&self.only, id)) && self.admits(id)
    }

    /// The flags that excluded the checks that do not run.
    #[must_use]
    pub fn flag(&self) -> String {
        let used = [
            (self.rehearsal.is_some(), "rehearse"),
            (!self.only.is_empty(), "--only"),
            (!self.skip.is_empty(), "--skip"),
            (self.failed.is_some(), "--failed"),
            (!self.spared.is_empty(), "--profile nightly"),
        ];
        let used: Vec<&str> = used.into_iter().filter_map(|(is_used, flag)| is_used.then_some(flag)).collect();
        used.join(" and ")
    }
}

/// The depth of the rehearsal that runs a check.
fn depth_of(id: &str) -> Option<Depth> {
    let group = id.split('/').next()?;
    REHEARSALS.into_iter().find_map(|(name, depth)| (name == group).then_some(depth))
}

fn matches(matchers: &[GlobMatcher], id: &str) -> bool {
    let group = id.split('/').next().unwrap_or_default();
    matchers.iter().any(|matcher| matcher.is_match(id) || matcher.is_match(group))
}

fn matcher(checks: &[Check], name: &str) -> Result<GlobMatcher, UnknownName> {
    let unknown = || UnknownName::new(checks, name);
    let matcher = Glob::new(name).map_err(|_| unknown())?.compile_matcher();
    let known = checks.iter().any(|check| matches(std::slice::from_ref(&matcher), check.id.as_str()));
    if known { Ok(matcher) } else { Err(unknown()) }
}

/// The check or group with the closest name, if one is close.
fn nearest(checks: &[Check], name: &str) -> Option<String> {
    let ids = checks.iter().map(|check| check.id.as_str());
    let groups = checks.iter().map(|check| check.id.group());
    let distance = |known: &str| {
        // People often type only the part after the slash.
        let last = known.rsplit('/').next().unwrap_or(known);
        strsim::damerau_levenshtein(name, known).min(strsim::damerau_levenshtein(name, last))
    };
    let near = ids.chain(groups).map(|known| (distance(known), known)).min()?;
    (near.0 <= name.len() / 3 + 1).then(|| near.1.to_owned())
}

#[cfg(test)]
mod tests {
    use super::Selection;
    use crate::checks;

    fn selection(only: &[&str], skip: &[&str]) -> Selection {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        Selection::new(checks::ALL, &owned(only), &owned(skip)).unwrap()
    }

    #[test]
    fn every_check_runs_unless_it_is_excluded() {
        assert!(selection(&[], &[]).includes("stripe/price-mode"));
        assert!(!selection(&[], &["stripe"]).includes("stripe/price-mode"));
    }

    #[test]
    fn checks_can_be_selected_by_id_group_or_glob() {
        for name in ["stripe", "stripe/price-mode", "stripe/price-*", "*/price-mode"] {
            assert!(selection(&[name], &[]).includes("stripe/price-mode"), "{name}");
            assert!(!selection(&[name], &[]).includes("webhook/endpoint"), "{name}");
        }
    }

    #[test]
    fn what_failed_is_narrowed_down_by_the_other_flags() {
        let failed = ["stripe/price-mode", "clerk/metadata"].map(str::to_owned);
        let selection = selection(&["stripe"], &[]).among(failed);
        let ids = ["stripe/price-mode", "clerk/metadata", "stripe/account"];
        assert_eq!(ids.map(|id| selection.includes(id)), [true, false, false]);
        assert_eq!((selection.is_partial(), selection.flag().as_str()), (true, "--only and --failed"));
    }

    #[test]
    fn an_unknown_name_suggests_the_closest() {
        let unknown = Selection::new(checks::ALL, &["price-mod".to_owned()], &[]).unwrap_err();
        assert_eq!(unknown.to_string(), "unknown check or group `price-mod`; did you mean `stripe/price-mode`?");
    }
}
