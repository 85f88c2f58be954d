//! A provider or consumer of a service, as a URL.

mod error;
mod escape;
mod parse;
mod print;
mod service;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    time::{SystemTime, UNIX_EPOCH},
};

pub(crate) use self::escape::{escape, unescape};
pub use self::{error::UrlError, service::Service};

/// A provider or consumer of a service: where it is, what it is of, and whatever else it says of itself.
///
/// # Behavior
///
/// Parsed and printed, nothing is lost: parameters that are not known here are kept. Two are equal if they mean the
/// same, however they were written. Of the same provider or consumer are those of the same
/// [identity](ServiceUrl::identity).
///
/// ```
/// use registry_discovery::ServiceUrl;
///
/// let url = ServiceUrl::new("tri", "10.0.0.7", 50051, "demo.EchoService")
///     .with("methods", "Echo")
///     .with("version", "1.2.0");
/// assert_eq!(url.to_string(), "tri://10.0.0.7:50051/demo.EchoService?methods=Echo&version=1.2.0");
/// assert_eq!(ServiceUrl::parse(&url.to_string()), Ok(url));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceUrl {
    /// The protocol: `tri`, `dubbo`, `grpc`, `consumer` and so on.
    pub protocol: String,
    /// The host, an IPv6 address without brackets.
    pub host: String,
    /// The port; most consumers have none.
    pub port: Option<u16>,
    /// The path without the slash before it: usually the interface.
    pub path: String,
    /// What else it says of itself, by name.
    pub parameters: BTreeMap<String, String>,
}

/// What tells providers and consumers apart: two URLs of the same identity are of one and the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    protocol: String,
    host: String,
    port: Option<u16>,
    service: Service,
}

/// What Dubbo's processes say of the protocol that they speak.
const PROTOCOL_VERSION: &str = "2.0.2";

/// A number of seconds below this is beyond the year 5000; a number of milliseconds above it is after March 1973.
const MILLISECONDS_FROM: u64 = 100_000_000_000;

impl ServiceUrl {
    /// The URL of a provider without parameters.
    pub fn new(
        protocol: impl Into<String>,
        host: impl Into<String>,
        port: impl Into<Option<u16>>,
        interface: impl Into<String>,
    ) -> Self {
        ServiceUrl {
            protocol: protocol.into(),
            host: host.into(),
            port: port.into(),
            path: interface.into(),
            parameters: BTreeMap::new(),
        }
    }

    /// The URL of a provider that is called by gRPC (Dubbo's Triple), with what others expect of one: the interface,
    /// its methods, and when it was started. An `application` is expected as well.
    pub fn provider<M: AsRef<str>>(
        host: impl Into<String>,
        port: u16,
        interface: &str,
        methods: impl IntoIterator<Item = M>,
    ) -> Self {
        let methods: Vec<_> = methods.into_iter().map(|method| method.as_ref().to_owned()).collect();
        ServiceUrl::new("tri", host, port, interface).of_side("provider").with("methods", methods.join(","))
    }

    /// The URL of a consumer, with what others expect of one. An `application` is expected as well.
    pub fn consumer(host: impl Into<String>, interface: &str) -> Self {
        ServiceUrl::new("consumer", host, None, interface).of_side("consumer").with("category", "consumers")
    }

    fn of_side(self, side: &str) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let (interface, release) = (self.path.clone(), concat!("registry-", env!("CARGO_PKG_VERSION")));
        self.with("interface", interface)
            .with("side", side)
            .with("dubbo", PROTOCOL_VERSION)
            .with("release", release)
            .with("timestamp", now.to_string())
    }

    /// Sets a parameter.
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.insert(name.into(), value.into());
        self
    }

    /// What a parameter says; `None` if it is missing or empty, which means the same.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The interface: the parameter of that name, else the path.
    pub fn interface(&self) -> &str {
        self.parameter("interface").unwrap_or(&self.path)
    }

    /// The group of the service.
    pub fn group(&self) -> Option<&str> {
        self.parameter("group")
    }

    /// The version of the service; `0.0.0` is the same as none.
    pub fn version(&self) -> Option<&str> {
        self.parameter("version").filter(|version| !service::is_none(version))
    }

    /// The application that it belongs to.
    pub fn application(&self) -> Option<&str> {
        self.parameter("application")
    }

    /// The methods that it names.
    pub fn methods(&self) -> impl Iterator<Item = &str> {
        self.parameter("methods").into_iter().flat_map(|methods| methods.split(',')).filter(|method| !method.is_empty())
    }

    /// The weight that it was given; `None` also for 0, which dubbo-go writes where nobody has given one.
    pub fn weight(&self) -> Option<u32> {
        self.parameter("weight")?.parse().ok().filter(|weight| *weight > 0)
    }

    /// When it was started, in ms since 1970. Some write seconds, some milliseconds.
    pub fn timestamp_ms(&self) -> Option<u64> {
        let number: u64 = self.parameter("timestamp")?.parse().ok()?;
        Some(if number < MILLISECONDS_FROM { number * 1_000 } else { number })
    }

    /// Whether it takes calls: neither `disabled=true` nor `enabled=false`.
    pub fn is_enabled(&self) -> bool {
        self.parameter("disabled") != Some("true") && self.parameter("enabled") != Some("false")
    }

    /// Whether it goes with the session of whoever has registered it; not with `dynamic=false`.
    pub fn is_dynamic(&self) -> bool {
        self.parameter("dynamic") != Some("false")
    }

    /// `host:port`, or the host alone.
    pub fn address(&self) -> String {
        let host = print::Host(&self.host);
        match self.port {
            Some(port) => format!("{host}:{port}"),
            None => host.to_string(),
        }
    }

    /// The service: its interface, group and version.
    pub fn service(&self) -> Service {
        Service {
            interface: self.interface().to_owned(),
            group: self.group().map(str::to_owned),
            version: self.version().map(str::to_owned),
        }
    }

    /// `[group/]interface[:version]`.
    pub fn service_key(&self) -> String {
        self.service().to_string()
    }

    /// What tells it apart from others: protocol, address, interface, group and version.
    pub fn identity(&self) -> Identity {
        let ServiceUrl { protocol, host, port, .. } = self;
        Identity { protocol: protocol.clone(), host: host.clone(), port: *port, service: self.service() }
    }
}
