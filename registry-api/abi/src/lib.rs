//! The stable ABI between a registry host and its plugins.
