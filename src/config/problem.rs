//! An error in the configuration, at its place.
