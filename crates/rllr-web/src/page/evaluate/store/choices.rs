//! What can be chosen.

use crate::delivery::manifest::Catalog;

/// What is known of the host's models.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::page) enum CatalogState {
    /// It is being fetched.
    Loading,
    /// It is here.
    Ready(Catalog),
    /// It cannot be used: why.
    Broken(String),
}

/// Which model is chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::page) enum ModelChoice {
    /// The host's model of this name.
    Shipped(String),
    /// The visitor's.
    Own,
}

/// Which examples are chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::page) enum DataChoice {
    /// The embedded test set of this task.
    Embedded(String),
    /// The visitor's file.
    Own,
}
