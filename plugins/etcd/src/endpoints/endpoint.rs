//! One endpoint: a channel that is dialled when it is first needed.

use etcd_client::{
    AuthClient, Channel, Client, ClusterClient, ConnectOptions, GetOptions, KvClient, LeaseClient, MaintenanceClient,
    WatchClient,
};
use registry_plugin::{Effect, ErrorKind, Result};
use tokio::sync::OnceCell;
use tonic::transport;

use super::Credentials;
use crate::error::translate;

/// Answers are kept small by the size of the pages; a single event may carry all that one Txn wrote or deleted.
const LARGEST_ANSWER: usize = i32::MAX as usize;

/// A server's address, and the connection to it.
pub(crate) struct Endpoint {
    address: String,
    dial: transport::Endpoint,
    credentials: Option<Credentials>,
    connection: OnceCell<Connection>,
}

/// The clients of one connection; each is cheap to clone.
pub(crate) struct Connection {
    pub(crate) auth: AuthClient,
    pub(crate) kv: KvClient,
    pub(crate) lease: LeaseClient,
    pub(crate) watch: WatchClient,
    pub(crate) maintenance: MaintenanceClient,
    pub(crate) cluster: ClusterClient,
    client: Client,
}

impl Endpoint {
    pub(crate) fn new(address: String, dial: transport::Endpoint, credentials: Option<Credentials>) -> Self {
        Endpoint { address, dial, credentials, connection: OnceCell::new() }
    }

    /// `host:port`, for messages.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The connection; a user's name and password are shown to the server when it is first asked for.
    ///
    /// # Errors
    ///
    /// `Unavailable` or `Unauthenticated`, and the next call tries again.
    pub(crate) async fn connection(&self) -> Result<&Connection> {
        self.connection.get_or_try_init(|| self.connect()).await
    }

    /// Puts a small question to the server that it can answer only in contact with its leader.
    ///
    /// # Errors
    ///
    /// Those of the server. That the user may not read the key is an answer, too.
    ///
    /// # Cancellation
    ///
    /// A connection that was made for the question is closed, unless the server has answered.
    pub(super) async fn serves(&self, key: &[u8]) -> Result<()> {
        let made = match self.connection.get() {
            Some(_) => None,
            None => Some(self.connect().await?),
        };
        // It is set if it was not made.
        let Some(connection) = made.as_ref().or(self.connection.get()) else { return Ok(()) };
        let mut kv = connection.kv.clone();
        let answer = kv.get(key, Some(GetOptions::new().with_count_only())).await;
        match answer.map_err(|error| translate(error, Effect::Read)) {
            // The user is known, and may have rights to other keys.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
            answer => drop(answer?),
        }
        if let Some(made) = made {
            // Somebody may have made one meanwhile.
            let _ = self.connection.set(made);
        }
        Ok(())
    }

    async fn connect(&self) -> Result<Connection> {
        let channel = Channel::Tonic(self.dial.connect_lazy());
        // A server that has lost its cluster refuses at once, and another is asked.
        let mut options = ConnectOptions::new().with_require_leader(true);
        if let Some(Credentials { user, password }) = &self.credentials {
            options = options.with_user(user, password.expose()).with_auto_token_refresh(true);
        }
        let client = Client::from_channel(channel, Some(options)).await;
        let client = client.map_err(|error| translate(error, Effect::Read))?;
        Ok(Connection {
            auth: client.auth_client(),
            kv: client.kv_client().max_decoding_message_size(LARGEST_ANSWER),
            lease: client.lease_client(),
            watch: client.watch_client().max_decoding_message_size(LARGEST_ANSWER),
            maintenance: client.maintenance_client(),
            cluster: client.cluster_client(),
            client,
        })
    }
}

impl Connection {
    /// Shows name and password again; streams don't do so by themselves when their token has run out.
    pub(crate) async fn refresh_token(&self) -> Result<()> {
        self.client.refresh_token().await.map_err(|error| translate(error, Effect::Read))
    }
}
