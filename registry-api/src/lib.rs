//! The registry contract's words in plain Rust.
