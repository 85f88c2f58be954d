//! The plugins' log lines, handed to the host's own `tracing` subscriber.

use std::panic::{AssertUnwindSafe, catch_unwind};

use registry_abi::{DEPENDENCY_FIELD, RawLevel, RawLog};
use tracing::Level;

/// Runs the host's code for a plugin; a panic must not reach it.
pub(crate) fn quietly(code: impl FnOnce()) {
    // The host's own panic hook has told of it.
    let _ = catch_unwind(AssertUnwindSafe(code));
}

/// The target of what a plugin says, and its SDK. A call site's target is fixed, so that the module is a field.
const OWN: &str = "registry_plugin";

/// The target of what the libraries that a plugin is built with say.
const DEPENDENCY: &str = "registry_plugin::dependency";

/// Whether a line of this level may be wanted, from any source.
pub(crate) fn enabled(level: RawLevel) -> bool {
    macro_rules! enabled {
        ($level:ident) => {
            tracing::enabled!(target: OWN, Level::$level) || tracing::enabled!(target: DEPENDENCY, Level::$level)
        };
    }
    catch_unwind(|| match read(level) {
        Level::ERROR => enabled!(ERROR),
        Level::WARN => enabled!(WARN),
        Level::INFO => enabled!(INFO),
        Level::DEBUG => enabled!(DEBUG),
        Level::TRACE => enabled!(TRACE),
    })
    .unwrap_or(false)
}

/// Hands a line to the host's subscriber.
pub(crate) fn forward(plugin: &str, log: &RawLog<'_>) {
    let (module, message) = (log.target.as_str(), log.message.as_str());
    let dependency = log.fields.iter().any(|field| field.0 == DEPENDENCY_FIELD);
    let fields = log.fields.iter().filter(|field| field.0 != DEPENDENCY_FIELD);
    let fields: String = fields.map(|field| format!(" {}={}", field.0, field.1)).collect();
    macro_rules! say {
        ($level:ident) => {
            if dependency {
                tracing::event!(target: DEPENDENCY, Level::$level, plugin, module, "{message}{fields}")
            } else {
                tracing::event!(target: OWN, Level::$level, plugin, module, "{message}{fields}")
            }
        };
    }
    match read(log.level) {
        Level::ERROR => say!(ERROR),
        Level::WARN => say!(WARN),
        Level::INFO => say!(INFO),
        Level::DEBUG => say!(DEBUG),
        Level::TRACE => say!(TRACE),
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
