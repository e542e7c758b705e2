//! `preflight.toml` into a [`Config`](super::Config).
