//! A service: an interface, in a group and a version.

use std::{fmt, str::FromStr};

use super::{ServiceUrl, UrlError, error::shown};

/// Any group, or any version.
const ANY: &str = "*";

/// A service: an interface, in a group and a version. Written `[group/]interface[:version]`.
///
/// ```
/// use registry_discovery::{Service, ServiceUrl};
///
/// let service: Service = "blue/demo.EchoService:1.2.0".parse()?;
/// assert_eq!(service, Service::new("demo.EchoService").in_group("blue").of_version("1.2.0"));
/// let provider = ServiceUrl::parse("tri://10.0.0.7:50051/demo.EchoService?group=blue&version=1.2.0")?;
/// assert!(service.includes(&provider) && !Service::new("demo.EchoService").includes(&provider));
/// # Ok::<(), registry_discovery::UrlError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Service {
    /// The interface.
    pub interface: String,
    /// The group; `*` is any, and several have commas between.
    pub group: Option<String>,
    /// The version; `*` is any.
    pub version: Option<String>,
}

impl Service {
    /// A service without group and version.
    pub fn new(interface: impl Into<String>) -> Self {
        Service { interface: interface.into(), group: None, version: None }
    }

    /// The same in a group.
    pub fn in_group(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into()).filter(|group| !group.is_empty());
        self
    }

    /// The same in a version.
    pub fn of_version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into()).filter(|version| !is_none(version));
        self
    }

    /// Whether a provider or consumer is of this service. One of a group or version is not of the service without.
    pub fn includes(&self, url: &ServiceUrl) -> bool {
        let group = match self.group.as_deref() {
            Some(ANY) => true,
            Some(groups) => groups.split(',').any(|group| Some(group.trim()) == url.group()),
            None => url.group().is_none(),
        };
        let version = match self.version.as_deref() {
            Some(ANY) => true,
            version => version.filter(|version| !is_none(version)) == url.version(),
        };
        group && version && self.interface == url.interface()
    }
}

/// Whether a version is the same as none.
pub(super) fn is_none(version: &str) -> bool {
    version.is_empty() || version == "0.0.0"
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(group) = &self.group {
            write!(f, "{group}/")?;
        }
        f.write_str(&self.interface)?;
        match &self.version {
            Some(version) => write!(f, ":{version}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Service {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let (group, rest) = text.split_once('/').map_or((None, text), |(group, rest)| (Some(group), rest));
        let (interface, version) = rest.split_once(':').unwrap_or((rest, ""));
        if interface.is_empty() || group == Some("") || interface.contains('/') {
            let accepted = "accepted: [group/]interface[:version]";
            return Err(UrlError::new("service", format!("{} is none; {accepted}", shown(text))));
        }
        Ok(Service::new(interface).in_group(group.unwrap_or_default()).of_version(version))
    }
}
