//! Starts and stops real coordination servers for tests.
