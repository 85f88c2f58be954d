//! What the registry logs, to find the cause of a finding.

use std::{fmt, io};

use registry_chaos::history::now;
use tracing_subscriber::{
    EnvFilter,
    fmt::{format::Writer, time::FormatTime},
};

/// Prints it to the standard error; `RUST_LOG` says what.
pub(crate) fn begin() {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("registry_host=debug,registry_plugin=info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(false)
        .with_timer(AsHistory)
        .init();
}

/// Times as the history has them.
struct AsHistory;

impl FormatTime for AsHistory {
    fn format_time(&self, to: &mut Writer<'_>) -> fmt::Result {
        write!(to, "{}", now())
    }
}
