//! The tests: conformance, loading, faults, end to end.
