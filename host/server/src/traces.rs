//! Sending the traces of tasks to an OpenTelemetry collector.

use std::time::Duration;

use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use registry_host::{Error, ErrorKind, Result};
use registry_tasks::settings::ServersSettings;

/// How long a collector may take for what it is sent, and for the last of it at the end.
const LIMIT: Duration = Duration::from_secs(3);

/// Sends traces for as long as it is kept, and the rest when it is dropped.
pub(crate) struct Traces(SdkTracerProvider);

impl Traces {
    /// Begins to, if a collector is configured, from within the runtime.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` for an address that can't be spoken to.
    pub(crate) fn begin(servers: &ServersSettings, role: &'static str) -> Result<Option<Self>> {
        let Some(endpoint) = &servers.traces_endpoint else { return Ok(None) };
        let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint).with_timeout(LIMIT).build();
        let exporter = exporter.map_err(|error| {
            let message = format!("{endpoint:?} is no address of a collector; accepted: such as http://127.0.0.1:4317");
            Error::new(ErrorKind::InvalidConfig, message).or_key("servers.traces-endpoint").with_cause(&error)
        })?;
        let resource = Resource::builder().with_service_name(format!("registry-{role}")).build();
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
        opentelemetry::global::set_tracer_provider(provider.clone());
        Ok(Some(Traces(provider)))
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        // A collector that is away costs traces, and nothing else.
        if let Err(error) = tokio::task::block_in_place(|| self.0.shutdown_with_timeout(LIMIT)) {
            tracing::debug!(%error, "the last traces are not sent");
        }
    }
}
