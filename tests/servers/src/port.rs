//! Ports that no other test takes, in this process or in another.

use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixListener};

use crate::{Error, Result};

/// Below the ports that Linux gives to outgoing connections, so that no client sits on a stopped server's port.
const PORTS: Range<u16> = 20_000..32_000;

/// How often a start is tried when something else took a port in the moment between its choice and its use.
const ATTEMPTS: usize = 3;

/// A port on 127.0.0.1, free when taken, and nobody else's until dropped.
///
/// "Bind port 0, close, hand the number on" lets two tests get one number. The claim here is an abstract Unix socket
/// named after the port: exclusive among all processes that share the network, and gone with its owner.
pub struct Port {
    number: u16,
    _claim: UnixListener,
}

impl Port {
    /// Takes one.
    ///
    /// # Errors
    ///
    /// If none is free.
    pub fn take() -> Result<Self> {
        let count = usize::from(PORTS.end - PORTS.start);
        let start = RandomState::new().hash_one(()) as usize % count;
        PORTS
            .cycle()
            .skip(start)
            .take(count)
            .find_map(Self::claim)
            .ok_or_else(|| Error::new(format!("no port from {} to {} is free", PORTS.start, PORTS.end - 1)))
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.number).into()
    }

    fn claim(number: u16) -> Option<Self> {
        let name = UnixAddr::from_abstract_name(format!("registry-test-port-{number}")).ok()?;
        let claim = UnixListener::bind_addr(&name).ok()?;
        TcpListener::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
        Some(Self { number, _claim: claim })
    }
}

/// Starts a server, again on other ports if one of its own was taken in the last moment.
pub(crate) fn retried<T>(mut start: impl FnMut() -> Result<T>) -> Result<T> {
    let mut attempt = 1;
    loop {
        match start() {
            Err(error) if attempt < ATTEMPTS && is_taken(&error) => attempt += 1,
            started => return started,
        }
    }
}

/// Go says it with a small letter, Java with a capital.
fn is_taken(error: &Error) -> bool {
    error.to_string().to_ascii_lowercase().contains("address already in use")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claimed_port_is_not_claimed_again_until_dropped() {
        let port = Port::take().unwrap();
        assert!(Port::claim(port.number).is_none());
        let number = port.number;
        drop(port);
        assert!(Port::claim(number).is_some());
    }

    #[test]
    fn a_port_that_something_else_listens_on_is_not_claimed() {
        let port = Port::take().unwrap();
        let number = port.number;
        let _listener = TcpListener::bind(port.address()).unwrap();
        drop(port);
        assert!(Port::claim(number).is_none());
    }
}
