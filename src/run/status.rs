//! The status of a check.

/// The status of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// Passed.
    Pass,
    /// Passed with a warning.
    Warn,
    /// Failed.
    Fail,
    /// Could not be verified.
    Unknown,
    /// Blocked by another check's finding, or excluded on the command line.
    Skipped,
    /// Does not apply.
    NotApplicable,
    /// Failed or not verified, but covered by a waiver.
    Waived,
    /// Passed, but a request was retried.
    Flaky,
}

impl Status {
    /// All statuses, in the order of summaries.
    pub const ALL: [Self; 8] = [
        Self::Pass,
        Self::Warn,
        Self::Fail,
        Self::Unknown,
        Self::Skipped,
        Self::NotApplicable,
        Self::Waived,
        Self::Flaky,
    ];

    /// The name that every report uses.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Unknown => "unknown",
            Self::Skipped => "skipped",
            Self::NotApplicable => "na",
            Self::Waived => "waived",
            Self::Flaky => "flaky",
        }
    }

    /// Whether the check looked at everything and nothing failed.
    #[must_use]
    pub const fn is_verified(self) -> bool {
        matches!(self, Self::Pass | Self::Warn | Self::Flaky)
    }
}
