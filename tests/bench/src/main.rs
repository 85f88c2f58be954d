//! Ratios of each plugin to the raw client.

fn main() {}
