//! The registry binary: command line and host servers.

fn main() {}
