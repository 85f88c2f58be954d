//! Reading the URL of a service.

use std::{collections::BTreeMap, str::FromStr};

use super::{
    ServiceUrl, UrlError,
    error::shown,
    escape::{unescape, unescape_value},
};

impl ServiceUrl {
    /// Reads a URL that is not escaped as a whole: `tri://10.0.0.7:50051/demo.EchoService?methods=Echo`.
    ///
    /// A user and a password in it are passed over.
    ///
    /// # Errors
    ///
    /// Names the part that is missing or can't be read.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let missing = |field, like| UrlError::new(field, format!("is missing in {}, such as {like}", shown(text)));
        let Some((protocol, rest)) = text.split_once("://") else {
            return Err(missing("protocol", "tri://host:port/interface"));
        };
        if !is_protocol(protocol) {
            return Err(UrlError::new(
                "protocol",
                format!("{} is none; accepted: letters, digits, '+', '-' and '.', a letter first", shown(protocol)),
            ));
        }
        let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = before.split_once('/').unwrap_or((before, ""));
        let address = authority.rsplit_once('@').map_or(authority, |(_, address)| address);
        let (host, port) = address_of(address)?;
        if host.is_empty() {
            return Err(missing("host", "tri://host:port/interface"));
        }
        let url = ServiceUrl {
            protocol: protocol.to_owned(),
            host: host.to_owned(),
            port,
            path: unescape_value(path).into_owned(),
            parameters: parameters(query),
        };
        match url.interface().is_empty() {
            true => Err(missing("path", "the interface in tri://host:port/interface")),
            false => Ok(url),
        }
    }

    /// Reads a URL as it stands in a registry: escaped, as a key's last segment.
    ///
    /// # Errors
    ///
    /// As [`parse`](ServiceUrl::parse); `escape` if it is no escaped text.
    pub fn from_leaf(leaf: &str) -> Result<Self, UrlError> {
        let text = unescape(leaf).ok_or_else(|| {
            UrlError::new("escape", format!("of {} can't be read: '%' and two digits, of UTF-8", shown(leaf)))
        })?;
        Self::parse(&text)
    }
}

impl FromStr for ServiceUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        Self::parse(text)
    }
}

pub(super) fn is_protocol(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// The host and the port of `host:port`, where an IPv6 address may stand in brackets, or as Java prints it, without.
fn address_of(address: &str) -> Result<(&str, Option<u16>), UrlError> {
    let (host, port) = match address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':').unwrap_or(port)),
        None => address.rsplit_once(':').unwrap_or((address, "")),
    };
    match port {
        "" => Ok((host, None)),
        port => {
            let refused = |_| UrlError::new("port", format!("{} is none; accepted: 0 to 65535", shown(port)));
            Ok((host, Some(port.parse().map_err(refused)?)))
        }
    }
}

fn parameters(query: &str) -> BTreeMap<String, String> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let pairs = pairs.filter(|(name, _)| !name.is_empty());
    pairs.map(|(name, value)| (unescape_value(name).into_owned(), unescape_value(value).into_owned())).collect()
}
