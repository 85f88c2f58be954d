//! Log lines, the plugins' among them, on standard error.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::output::wants_colour;

/// Begins to log: what `RUST_LOG` asks for, else warnings, and more with each `-v`.
pub(crate) fn start(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let filter = match std::env::var("RUST_LOG") {
        Ok(asked) if !asked.is_empty() && verbose == 0 => EnvFilter::new(asked),
        _ => EnvFilter::new(level),
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(wants_colour(io::stderr().is_terminal()))
        .with_writer(io::stderr)
        .init();
}
