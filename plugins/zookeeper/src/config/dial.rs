//! From the configuration to what is dialled, all checked before anything is sent (contract 7.3).

use std::{fmt, time::Duration};

use backon::{BackoffBuilder, ExponentialBuilder};
use registry_plugin::{Context, Error, ErrorKind, Result};
use zookeeper_client::{Acls, Client, Connector, Error as ZkError, SessionInfo};

use super::Config;

/// A configuration that was checked.
pub(crate) struct Settings {
    pub(crate) dial: Dial,
    pub(crate) chroot: String,
    pub(crate) block_until_connected: Duration,
}

/// How to reach the servers, as whom, and who may see what is put.
pub(crate) struct Dial {
    servers: String,
    digest: Option<Vec<u8>>,
    session_timeout: Duration,
    connection_timeout: Duration,
}

impl Settings {
    /// Checks the configuration.
    ///
    /// # Errors
    ///
    /// `InvalidConfig`, naming the key.
    pub(crate) fn new(config: Config, context: &Context) -> Result<Self> {
        let text = config.connect_string.trim();
        let (servers, chroot) = text.find('/').map_or((text, ""), |at| text.split_at(at));
        if servers.is_empty() {
            return Err(invalid(context, "connect-string", "names no server; accepted: host:port,host:port/chroot"));
        }
        let session_timeout = context.session_timeout();
        Ok(Settings {
            dial: Dial {
                servers: servers.to_owned(),
                digest: config.digest.as_ref().map(|digest| digest.expose().as_bytes().to_vec()),
                session_timeout,
                // A server that is silent for longer leaves no time to try another before the session is lost.
                connection_timeout: config.connection_timeout.min(session_timeout / 4),
            },
            chroot: chroot.trim_end_matches('/').to_owned(),
            block_until_connected: config.block_until_connected,
        })
    }
}

impl Dial {
    /// The servers, for messages.
    pub(crate) fn servers(&self) -> &str {
        &self.servers
    }

    /// The access list of all that is put.
    pub(crate) fn acls(&self) -> Acls<'static> {
        if self.digest.is_some() { Acls::creator_all() } else { Acls::anyone_all() }
    }

    /// Tries every server once to open a session.
    pub(crate) async fn open(&self) -> Result<Client, ZkError> {
        // Dropped, a client ends no session: whatever drops it has not been told to.
        self.connector().with_detached().connect(&self.servers).await
    }

    /// Tries every server once to take a session over from a client that has dropped it; the new client ends it when it is dropped.
    pub(crate) async fn resume(&self, session: SessionInfo) -> Result<Client, ZkError> {
        self.connector().with_session(session).connect(&self.servers).await
    }

    /// Pauses between attempts, without end.
    pub(crate) fn pauses(&self) -> impl Iterator<Item = Duration> + Send {
        ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(60))
            .with_max_delay(Duration::from_millis(300))
            .without_max_times()
            .with_jitter()
            .build()
    }

    fn connector(&self) -> Connector {
        let connector = Client::connector()
            .with_fail_eagerly()
            .with_session_timeout(self.session_timeout)
            .with_connection_timeout(self.connection_timeout);
        match &self.digest {
            Some(digest) => connector.with_auth("digest", digest),
            None => connector,
        }
    }
}

/// A configuration key that is refused, by its full path.
fn invalid(context: &Context, name: &str, what: impl fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidConfig, format!("{} {what}", context.config_key(name)))
}
