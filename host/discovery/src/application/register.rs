//! Registering an instance of an application.

use std::time::{SystemTime, UNIX_EPOCH};

use registry_host::{Error, ErrorKind, Registry, Result};
use serde_json::json;

use super::{
    Instance, Metadata, asking,
    instance::{ENDPOINTS, REVISION, SERVICE, SERVICE_VERSION, STORAGE},
    mapping,
};
use crate::Discovery;

/// An instance of an application that this process has registered. It goes with the session.
#[derive(Debug)]
#[must_use = "it can be unregistered by this alone"]
pub struct RegisteredApplication {
    registry: Registry,
    key: String,
}

impl Discovery {
    /// Registers this process as an instance of an application, at `host:port`, where it speaks these protocols.
    ///
    /// # Behavior
    ///
    /// It is registered again after a lost session. Its interfaces are mapped to the application, and stay so.
    /// Consumers ask it what it provides, by the [`metadata_service`](super::metadata_service) at that port. With
    /// `remote` its metadata stands in the registry instead, where each revision stays.
    ///
    /// # Errors
    ///
    /// `InvalidKey` if the application has no name that can be a key, or provides nothing. Else as of a put.
    pub async fn register_application(
        &self,
        metadata: &Metadata,
        host: &str,
        port: u16,
        remote: bool,
    ) -> Result<RegisteredApplication> {
        let application = &metadata.application;
        if application.is_empty() || application.contains('/') {
            let message = format!("application {application:?} can't be registered; accepted: a name without '/'");
            return Err(Error::new(ErrorKind::InvalidKey, message));
        }
        if metadata.services.is_empty() {
            let message = format!("application {application:?} provides no service: there is nothing to register");
            return Err(Error::new(ErrorKind::InvalidKey, message));
        }
        let (registry, options) = (self.registry().clone(), self.options());
        let mut interfaces: Vec<_> = metadata.services.values().map(|service| service.name.as_str()).collect();
        interfaces.dedup();
        if remote {
            let written = serde_json::to_string(metadata).unwrap_or_default();
            for key in asking::places(&options.root, application, &metadata.revision) {
                registry.put(&key, &written).await?;
            }
        }
        for interface in interfaces {
            mapping::add(&registry, &options.root, interface, application).await?;
        }
        let instance = instance(metadata, host, port, remote);
        let key = format!("/{}/{application}/{}", options.instances_root, instance.id());
        // Each backend has its own writers, and these their own form.
        let value = match registry.plugin().metadata().name.as_str() {
            "etcd" => instance.to_go(),
            _ => instance.to_curator(now()),
        };
        registry.put(&key, &value).ephemeral().recreate_if_deleted().await?;
        Ok(RegisteredApplication { registry, key })
    }
}

impl RegisteredApplication {
    /// The key that it stands at.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Unregisters it.
    ///
    /// # Errors
    ///
    /// As of a delete.
    pub async fn unregister(self) -> Result<()> {
        self.registry.delete(&self.key).await.map(drop)
    }
}

fn instance(metadata: &Metadata, host: &str, port: u16, remote: bool) -> Instance {
    let mut endpoints: Vec<_> = metadata.services.values().map(|service| (service.port, &service.protocol)).collect();
    endpoints.sort_unstable();
    endpoints.dedup();
    let endpoints: Vec<_> =
        endpoints.into_iter().map(|(port, protocol)| json!({ "port": port, "protocol": protocol })).collect();
    let text = |text: &str| text.to_owned();
    let mut told = [
        (text(ENDPOINTS), json!(endpoints).to_string()),
        (text(REVISION), metadata.revision.clone()),
        (text(STORAGE), text(if remote { "remote" } else { "local" })),
        (text("timestamp"), now().to_string()),
    ]
    .into_iter()
    .collect::<std::collections::BTreeMap<_, _>>();
    if !remote {
        let service = json!({ "protocol": "tri", "port": port.to_string(), "version": SERVICE_VERSION });
        told.insert(text(SERVICE), service.to_string());
        told.insert(text("meta-v"), text(SERVICE_VERSION));
    }
    Instance { application: metadata.application.clone(), host: host.to_owned(), port, metadata: told }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
