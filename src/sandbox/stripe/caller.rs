//! Who makes a request.

/// The account and mode that a key opens.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// The account's short name.
    pub(super) account: String,
    pub(super) livemode: bool,
}

impl Caller {
    /// `live` or `test`.
    pub(super) const fn mode(&self) -> &'static str {
        if self.livemode { "live" } else { "test" }
    }

    /// What the Dashboard's paths begin with.
    pub(super) const fn dashboard_path(&self) -> &'static str {
        if self.livemode { "" } else { "test/" }
    }
}
