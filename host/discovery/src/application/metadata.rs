//! What an application provides.

use std::{collections::BTreeMap, fmt::Write as _};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::proto;
use crate::{Service, ServiceUrl};

/// How many digits a revision has: as many as Java's.
const REVISION: usize = 32;

/// What the instances of an application provide that have the same revision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// The application.
    #[serde(rename = "app")]
    pub application: String,
    /// Changes with what it provides.
    pub revision: String,
    /// The services by `[group/]interface[:version]:protocol`.
    #[serde(default)]
    pub services: BTreeMap<String, ServiceInfo>,
}

/// One service of an application.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceInfo {
    /// The interface.
    pub name: String,
    /// Its group, or an empty text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Its version, or an empty text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// The protocol.
    pub protocol: String,
    /// Its port.
    pub port: u16,
    /// The path that it is served at.
    pub path: String,
    /// The other parameters.
    pub params: BTreeMap<String, String>,
}

impl Metadata {
    /// What these providers of an application are together.
    pub fn of(application: impl Into<String>, providers: &[ServiceUrl]) -> Self {
        let services: BTreeMap<String, ServiceInfo> = providers.iter().map(ServiceInfo::of).collect();
        let mut metadata = Metadata { application: application.into(), revision: String::new(), services };
        metadata.revision = metadata.fingerprint();
        metadata
    }

    /// The providers of a service that an instance at this host is.
    pub(crate) fn providers(&self, host: &str, service: &Service) -> Vec<ServiceUrl> {
        let url = |info: &ServiceInfo| {
            let mut url = ServiceUrl::new(&info.protocol, host, info.port, &info.path);
            url.parameters.clone_from(&info.params);
            let named = [
                ("interface", &info.name),
                ("group", &info.group),
                ("version", &info.version),
                ("application", &self.application),
            ];
            for (name, value) in named.into_iter().filter(|(_, value)| !value.is_empty()) {
                url.parameters.insert(name.to_owned(), value.clone());
            }
            url
        };
        self.services.values().map(url).filter(|url| service.includes(url)).collect()
    }

    /// What changes when what is provided changes, but not with each start.
    fn fingerprint(&self) -> String {
        let mut told = Sha256::new();
        told.update(&self.application);
        for (key, info) in &self.services {
            told.update(format!("\n{key}|{}|{}", info.port, info.path));
            for (name, value) in info.params.iter().filter(|(name, _)| *name != "timestamp") {
                told.update(format!("|{name}={value}"));
            }
        }
        let mut digits = String::with_capacity(REVISION);
        for byte in told.finalize().iter().take(REVISION / 2) {
            // Writing to a string can't fail.
            let _ = write!(digits, "{byte:02x}");
        }
        digits
    }
}

impl ServiceInfo {
    /// The service of a provider, and its key.
    fn of(url: &ServiceUrl) -> (String, Self) {
        let info = ServiceInfo {
            name: url.interface().to_owned(),
            group: url.group().unwrap_or_default().to_owned(),
            version: url.version().unwrap_or_default().to_owned(),
            protocol: url.protocol.clone(),
            port: url.port.unwrap_or_default(),
            path: url.path.clone(),
            params: url.parameters.clone(),
        };
        (format!("{}:{}", url.service_key(), url.protocol), info)
    }
}

impl From<&Metadata> for proto::MetadataInfoV2 {
    fn from(metadata: &Metadata) -> Self {
        let service = |(key, info): (&String, &ServiceInfo)| {
            let info = info.clone();
            let service = proto::ServiceInfoV2 {
                name: info.name,
                group: info.group,
                version: info.version,
                protocol: info.protocol,
                port: info.port.into(),
                path: info.path,
                params: info.params.into_iter().collect(),
            };
            (key.clone(), service)
        };
        proto::MetadataInfoV2 {
            app: metadata.application.clone(),
            version: metadata.revision.clone(),
            services: metadata.services.iter().map(service).collect(),
            tag: String::new(),
        }
    }
}

impl From<proto::MetadataInfoV2> for Metadata {
    fn from(told: proto::MetadataInfoV2) -> Self {
        let service = |(key, info): (String, proto::ServiceInfoV2)| {
            let service = ServiceInfo {
                name: info.name,
                group: info.group,
                version: info.version,
                protocol: info.protocol,
                port: u16::try_from(info.port).unwrap_or_default(),
                path: info.path,
                params: info.params.into_iter().collect(),
            };
            (key, service)
        };
        Metadata {
            application: told.app,
            revision: told.version,
            services: told.services.into_iter().map(service).collect(),
        }
    }
}
