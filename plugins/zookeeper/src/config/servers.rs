//! The connect string: the servers and the chroot, as ZooKeeper's own clients write them.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

use registry_plugin::{Key, config::Value};
use serde::{Deserialize, Deserializer};

/// What is accepted as a connect string.
const ACCEPTED: &str =
    "host:port,host:port/chroot; without a port it is 2181, and an IPv6 address stands in brackets: [::1]:2181";

/// Where ZooKeeper listens if nothing else is said.
const PORT: u16 = 2181;

/// A connect string as it is written: one text, or a list of servers.
#[derive(Clone, Debug)]
pub struct Servers(pub String);

impl Value for Servers {
    const KIND: &'static str = "host:port,…/chroot";

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<String>::deserialize(deserializer).map(|servers| Servers(servers.join(",")))
    }
}

/// A server's host and port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Server {
    /// A name or an address, an IPv6 one without its brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// A connect string that was read.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct ConnectString {
    /// Never empty.
    pub(super) servers: Vec<Server>,
    /// Empty, or a path that begins with `/`.
    pub(super) chroot: String,
}

impl ConnectString {
    /// Reads a connect string.
    ///
    /// # Errors
    ///
    /// What is wrong with which part, and what is accepted.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let refused = |part: &str, what: &str| {
            // What stands before an '@' may be a password.
            let shown = if part.contains('@') { "<hidden>" } else { part };
            format!("{shown:?} {what}; accepted: {ACCEPTED}")
        };
        if text.contains("://") {
            return Err(refused(text, "has a scheme; TLS is configured by the keys below tls"));
        }
        let (listed, chroot) = text.find('/').map_or((text, ""), |at| text.split_at(at));
        if chroot.contains(',') {
            return Err(refused(text, "has a server after the chroot, which stands at the end, once"));
        }
        // A comma too many is passed over, as ZooKeeper's own client does.
        let parts = listed.split(',').map(str::trim).filter(|part| !part.is_empty());
        let servers: Result<Vec<_>, String> =
            parts.map(|part| server(part).map_err(|what| refused(part, what))).collect();
        let servers = servers?;
        if servers.is_empty() {
            return Err(refused(text, "names no server"));
        }
        // A slash at the end changes nothing.
        let chroot = chroot.trim_end().trim_end_matches('/');
        if !chroot.is_empty() {
            Key::new(chroot).map_err(|invalid| refused(chroot, &format!("is not a chroot: {}", invalid.reason())))?;
        }
        Ok(ConnectString { servers, chroot: chroot.to_owned() })
    }
}

fn server(text: &str) -> Result<Server, &'static str> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or("lacks a ]")?;
            host.parse::<Ipv6Addr>().map_err(|_| "has no IPv6 address in its brackets")?;
            let port = match port {
                "" => None,
                _ => Some(port.strip_prefix(':').ok_or("has something else than a port after its brackets")?),
            };
            (host, port)
        }
        None => match text.split_once(':') {
            Some((_, rest)) if rest.contains(':') => return Err("has more than a host and a port"),
            Some((host, port)) => (name(host)?, Some(port)),
            None => (name(text)?, None),
        },
    };
    let port = match port {
        Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or("has no port from 1 to 65535")?,
        None => PORT,
    };
    Ok(Server { host: host.to_owned(), port })
}

/// A name or an IPv4 address.
fn name(host: &str) -> Result<&str, &'static str> {
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    // What ends in a number is taken for an address by everybody who resolves it.
    let is_address = host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    match host {
        "" => Err("has no host"),
        _ if host.len() > 253 || !host.bytes().all(in_name) => Err("has a host that can be neither name nor address"),
        _ if is_address && host.parse::<Ipv4Addr>().is_err() => Err("has no IPv4 address for its host"),
        _ => Ok(host),
    }
}
