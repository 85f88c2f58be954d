//! The tests: conformance, loading, faults, end to end.

/// The README's host example compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
pub struct Readme;
