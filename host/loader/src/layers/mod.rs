//! What is laid round every call: a turn for others, a deadline, metrics, a span, and the error's whole context.

mod deadline;
pub(crate) mod logging;
mod metrics;
mod operation;

use std::time::Duration;

use registry_abi::{RResult, RawError};
use registry_api::{Error, Key, Result};
use tracing::Instrument as _;

pub(crate) use self::operation::Operation;
use self::{deadline::Deadline, metrics::Metrics};

/// The layers of one registry's calls.
pub(crate) struct Layers {
    plugin: String,
    metrics: Metrics,
}

impl Layers {
    pub(crate) fn new(plugin: &str) -> Self {
        Layers { plugin: plugin.to_owned(), metrics: Metrics::new(plugin) }
    }

    /// The name of the plugin that is called.
    pub(crate) fn plugin(&self) -> &str {
        &self.plugin
    }

    /// Runs a call of the plugin; `timeout` is the one that the plugin itself was given, if it was.
    pub(crate) async fn run<T>(
        &self,
        operation: Operation,
        key: Option<Key<'_>>,
        timeout: Option<Duration>,
        call: impl Future<Output = RResult<T, RawError>>,
    ) -> Result<T> {
        // A plugin that is always ready would else starve the tasks beside this one.
        tokio::task::coop::consume_budget().await;
        let measured = self.metrics.start(operation);
        let call = Deadline::new(call, timeout, operation);
        let result = if tracing::enabled!(target: "registry", tracing::Level::DEBUG) {
            let key = key.map_or("", Key::as_str);
            let span = tracing::debug_span!(target: "registry", "call", operation = operation.name(), key, plugin = self.plugin);
            call.instrument(span).await
        } else {
            call.await
        };
        let result = result.map_err(|error| failed(error, operation, key, &self.plugin));
        measured.end(&self.metrics, result.as_ref().err());
        result
    }
}

/// An error with the operation, the key and the plugin that it came of.
pub(crate) fn failed(error: Error, operation: Operation, key: Option<Key<'_>>, plugin: &str) -> Error {
    let error = error.with_operation(operation.name()).with_plugin(plugin);
    match key {
        Some(key) => error.with_key(key),
        None => error,
    }
}
