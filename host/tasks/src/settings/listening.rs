//! Where a server listens, and how others find it.

use std::net::{IpAddr, SocketAddr};

use registry_host::{Error, ErrorKind, Result};
use tokio::net::TcpListener;

/// Where a server listens, and how others find it.
#[derive(Clone, Debug, PartialEq)]
pub struct Listening {
    /// The section that says it: `master` or `worker`.
    pub section: &'static str,
    /// The address to listen at.
    pub ip: IpAddr,
    /// The port; 0 is any that is free.
    pub port: u16,
    /// What others are told, `host` or `host:port`; where it listens without this.
    pub advertised: Option<String>,
}

impl Listening {
    /// Reads what its keys say.
    pub(super) fn of(
        section: &'static str,
        address: &str,
        port: u16,
        advertised: Option<&str>,
        prefix: &str,
    ) -> Result<Self> {
        let ip = address.parse().map_err(|_| {
            let message =
                format!("{address:?} is not accepted; accepted: an address of this machine, such as 127.0.0.1");
            Error::new(ErrorKind::InvalidConfig, message).or_key(format!("{prefix}.listen-address"))
        })?;
        Ok(Listening { section, ip, port, advertised: advertised.map(str::to_owned) })
    }

    /// Listens; gives the address that others are told.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` names the port that is taken, and the key that says it.
    pub async fn listen(&self) -> Result<(TcpListener, String)> {
        let Listening { section, ip, port, .. } = self;
        let refused = |error: std::io::Error| {
            let message = format!("can't listen at {}", SocketAddr::new(*ip, *port));
            Error::new(ErrorKind::InvalidConfig, message).or_key(format!("{section}.listen-port")).with_cause(&error)
        };
        let listener = TcpListener::bind((*ip, *port)).await.map_err(refused)?;
        let bound = listener.local_addr().map_err(refused)?;
        let address = match &self.advertised {
            Some(address) if has_port(address) => address.clone(),
            Some(host) => format!("{host}:{}", bound.port()),
            None if ip.is_unspecified() => {
                let message = format!("{ip} is every address of this machine; {section}.address says which others use");
                return Err(Error::new(ErrorKind::InvalidConfig, message).or_key(format!("{section}.listen-address")));
            }
            None => bound.to_string(),
        };
        Ok((listener, address))
    }
}

fn has_port(address: &str) -> bool {
    let after_host = match address.rsplit_once(']') {
        Some((_, rest)) => rest,
        None => address,
    };
    after_host.contains(':')
}
