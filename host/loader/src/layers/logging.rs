//! The plugins' log lines, handed to the host's own `tracing` subscriber.

use std::panic::{AssertUnwindSafe, catch_unwind};

use registry_abi::{RawLevel, RawLog};
use tracing::Level;

/// Runs the host's code for a plugin; a panic must not reach it.
pub(crate) fn quietly(code: impl FnOnce()) {
    // The host's own panic hook has told of it.
    let _ = catch_unwind(AssertUnwindSafe(code));
}

pub(crate) fn enabled(level: RawLevel) -> bool {
    catch_unwind(|| match read(level) {
        Level::ERROR => tracing::enabled!(target: "registry_plugin", Level::ERROR),
        Level::WARN => tracing::enabled!(target: "registry_plugin", Level::WARN),
        Level::INFO => tracing::enabled!(target: "registry_plugin", Level::INFO),
        Level::DEBUG => tracing::enabled!(target: "registry_plugin", Level::DEBUG),
        Level::TRACE => tracing::enabled!(target: "registry_plugin", Level::TRACE),
    })
    .unwrap_or(false)
}

/// Every line has the target `registry_plugin`: a call site's target is fixed, and the plugin's own goes with it as a field.
pub(crate) fn forward(plugin: &str, log: &RawLog<'_>) {
    let (module, message) = (log.target.as_str(), log.message.as_str());
    let fields: String = log.fields.iter().map(|field| format!(" {}={}", field.0, field.1)).collect();
    match read(log.level) {
        Level::ERROR => tracing::error!(target: "registry_plugin", plugin, module, "{message}{fields}"),
        Level::WARN => tracing::warn!(target: "registry_plugin", plugin, module, "{message}{fields}"),
        Level::INFO => tracing::info!(target: "registry_plugin", plugin, module, "{message}{fields}"),
        Level::DEBUG => tracing::debug!(target: "registry_plugin", plugin, module, "{message}{fields}"),
        Level::TRACE => tracing::trace!(target: "registry_plugin", plugin, module, "{message}{fields}"),
    }
}

fn read(level: RawLevel) -> Level {
    match level {
        RawLevel::ERROR => Level::ERROR,
        RawLevel::WARN => Level::WARN,
        RawLevel::DEBUG => Level::DEBUG,
        RawLevel::TRACE => Level::TRACE,
        _ => Level::INFO,
    }
}
