//! The laws of the registry contract, as functions over a Registry.
