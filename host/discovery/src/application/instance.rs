//! One process of an application.

use std::{collections::BTreeMap, fmt};

use serde_json::{Map, Value, json};

/// A process of an application, as it stands in the registry.
///
/// Dubbo writes it in two ways, Curator's on ZooKeeper and one of dubbo-go's own on etcd. Both are read everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// The application.
    pub application: String,
    /// Where it is.
    pub host: String,
    /// The port that it is known by.
    pub port: u16,
    /// What it says of itself.
    pub metadata: BTreeMap<String, String>,
}

/// Where the metadata of an instance is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Storage {
    /// It answers itself, at this port, by `MetadataServiceV2` of Triple.
    Local(u16),
    /// It answers itself, by a protocol that is not spoken here, as dubbo-go does unless it is told otherwise.
    Foreign,
    /// In the registry.
    Remote,
}

/// Why a value is no instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceError(String);

impl fmt::Display for InstanceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InstanceError {}

pub(super) const ENDPOINTS: &str = "dubbo.endpoints";
pub(super) const REVISION: &str = "dubbo.metadata.revision";
pub(super) const STORAGE: &str = "dubbo.metadata.storage-type";
pub(super) const SERVICE: &str = "dubbo.metadata-service.url-params";

/// The version of the metadata service that is spoken here.
pub(super) const SERVICE_VERSION: &str = "2.0.0";

impl Instance {
    /// Reads an instance in either way.
    ///
    /// # Errors
    ///
    /// Names the field that is missing or can't be read.
    pub fn parse(value: &[u8]) -> Result<Self, InstanceError> {
        let value: Value =
            serde_json::from_slice(value).map_err(|error| InstanceError(format!("is not JSON: {error}")))?;
        let curators = value.get("payload").is_some_and(Value::is_object);
        let names = if curators { ["name", "address", "port"] } else { ["ServiceName", "Host", "Port"] };
        let missing = |name: &str| InstanceError(format!("has no {name}, or it can't be read"));
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| missing(name));
        let port = value.get(names[2]).and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok());
        let metadata = if curators { value.pointer("/payload/metadata") } else { value.get("Metadata") };
        let metadata = metadata.and_then(Value::as_object).into_iter().flatten();
        let metadata = metadata.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
        Ok(Instance {
            application: text(names[0])?,
            host: text(names[1])?,
            port: port.ok_or_else(|| missing(names[2]))?,
            metadata: metadata.collect(),
        })
    }

    /// As Curator writes it, with the time in milliseconds since 1970.
    pub fn to_curator(&self, now_ms: u64) -> String {
        json!({
            "name": self.application,
            "id": self.id(),
            "address": self.host,
            "port": self.port,
            "sslPort": null,
            "payload": {
                "@class": "org.apache.dubbo.registry.zookeeper.ZookeeperInstance",
                "id": self.id(),
                "name": self.application,
                "metadata": self.metadata,
            },
            "registrationTimeUTC": now_ms,
            "serviceType": "DYNAMIC",
            "uriSpec": null,
        })
        .to_string()
    }

    /// As dubbo-go writes it on etcd.
    pub fn to_go(&self) -> String {
        let value = json!({
            "ID": self.id(),
            "ServiceName": self.application,
            "Host": self.host,
            "Port": self.port,
            "Weight": 0,
            "Enable": true,
            "Healthy": true,
            "Metadata": self.metadata,
            "ServiceMetadata": null,
            "Address": "",
            "GroupName": "",
            "Tag": "",
        });
        format!("{value}\n")
    }

    /// `host:port`, the last segment of its key.
    pub fn id(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// The protocols that it speaks, each with its port.
    pub fn endpoints(&self) -> Vec<(String, u16)> {
        let written = self.metadata.get(ENDPOINTS).and_then(|text| serde_json::from_str::<Vec<Value>>(text).ok());
        let endpoint = |endpoint: &Value| {
            let port = u16::try_from(endpoint.get("port")?.as_u64()?).ok()?;
            Some((endpoint.get("protocol")?.as_str()?.to_owned(), port))
        };
        written.unwrap_or_default().iter().filter_map(endpoint).collect()
    }

    /// By what its metadata is known; `None` if it provides nothing.
    pub fn revision(&self) -> Option<&str> {
        self.metadata.get(REVISION).map(String::as_str).filter(|revision| !matches!(*revision, "" | "0"))
    }

    /// Where its metadata is.
    pub fn storage(&self) -> Storage {
        if self.metadata.get(STORAGE).is_some_and(|storage| storage == "remote") {
            return Storage::Remote;
        }
        let written = self.metadata.get(SERVICE).and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok());
        let written = written.unwrap_or_default();
        let text = |name: &str| written.get(name).and_then(Value::as_str).unwrap_or_default();
        match (text("protocol"), text("version"), text("port").parse()) {
            ("tri", SERVICE_VERSION, Ok(port)) => Storage::Local(port),
            _ => Storage::Foreign,
        }
    }
}
