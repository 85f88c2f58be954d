//! What is laid round every call: a turn for others, a deadline, metrics, a span, and the error's whole context.

mod deadline;
pub(crate) mod logging;
mod metrics;
mod operation;

use std::time::Duration;

use registry_abi::{RErr, RNone, ROk, ROption, RResult, RSome, RawError};
use registry_api::{Error, Key, Result};
use tokio::runtime::Handle;
use tracing::Instrument as _;

pub(crate) use self::deadline::sleep;
pub(crate) use self::operation::Operation;
use self::{deadline::Deadline, metrics::Metrics};

/// The layers of one registry's calls.
pub(crate) struct Layers {
    plugin: String,
    metrics: Metrics,
    /// What the registry was opened on.
    runtime: Handle,
}

impl Layers {
    pub(crate) fn new(plugin: &str, runtime: Handle) -> Self {
        Layers { plugin: plugin.to_owned(), metrics: Metrics::new(plugin), runtime }
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
        let call = Deadline::new(&self.runtime, call, timeout, operation);
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

    /// Runs a call of the plugin whose answer may be at hand; `None` if it isn't.
    pub(crate) fn at_hand<T>(
        &self,
        operation: Operation,
        key: Key<'_>,
        call: impl FnOnce() -> ROption<RResult<T, RawError>>,
    ) -> Option<Result<T>> {
        // A reader of spans is to see every call in one.
        if tracing::enabled!(target: "registry", tracing::Level::DEBUG) {
            return None;
        }
        let measured = self.metrics.start(operation);
        let result = match call() {
            RNone => return None,
            RSome(ROk(answer)) => Ok(answer),
            RSome(RErr(error)) => Err(failed(error.into(), operation, Some(key), &self.plugin)),
        };
        measured.end(&self.metrics, result.as_ref().err());
        Some(result)
    }
}

/// An error with the operation, the key and the plugin that it came of.
pub(crate) fn failed(error: Error, operation: Operation, key: Option<Key<'_>>, plugin: &str) -> Error {
    let error = error.or_operation(operation.name()).or_plugin(plugin);
    let error = match key {
        Some(key) => error.or_key(key),
        None => error,
    };
    error.with_key_in_message()
}
