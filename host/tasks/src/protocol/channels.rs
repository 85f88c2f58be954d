//! Speaking to masters and workers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use registry_host::{Error, ErrorKind, Result};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::{Interceptor, interceptor::InterceptedService};
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Status};

use super::messages::{master_client, worker_client};
use super::{LARGEST, VERSION, VERSION_KEY};
use crate::settings::ServersSettings;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(3);

/// How long an answer may take, or the beginning of one that is streamed.
const ANSWER: Duration = Duration::from_secs(10);

/// How often a silent server is asked whether it lives.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// How many connections are kept.
const MOST: usize = 4_096;

/// A client of a master.
pub type MasterClient = master_client::MasterClient<InterceptedService<Channel, Introduced>>;

/// A client of a worker.
pub type WorkerClient = worker_client::WorkerClient<InterceptedService<Channel, Introduced>>;

/// Connections to servers, kept for the next time; all clones share them.
#[derive(Clone, Debug)]
pub struct Channels(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    tls: Option<ClientTlsConfig>,
    introduced: Introduced,
    open: Mutex<HashMap<String, Channel>>,
}

/// Says of each request which version of the protocol it is, and who sends it.
#[derive(Clone, Debug)]
pub struct Introduced {
    bearer: Option<MetadataValue<Ascii>>,
}

impl Interceptor for Introduced {
    fn call(&mut self, mut request: Request<()>) -> std::result::Result<Request<()>, Status> {
        request.metadata_mut().insert(VERSION_KEY, MetadataValue::from_static(VERSION));
        if let Some(bearer) = &self.bearer {
            request.metadata_mut().insert("authorization", bearer.clone());
        }
        Ok(request)
    }
}

impl Channels {
    /// None is open yet.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` for a file that can't be read.
    pub fn new(servers: &ServersSettings) -> Result<Self> {
        let introduced = Introduced { bearer: servers.bearer()? };
        Ok(Channels(Arc::new(Inner { tls: servers.client_tls()?, introduced, open: Mutex::default() })))
    }

    /// The master at an address.
    ///
    /// # Errors
    ///
    /// `InvalidKey` for what is not an address.
    pub fn master(&self, address: &str) -> Result<MasterClient> {
        let client = master_client::MasterClient::with_interceptor(self.channel(address)?, self.0.introduced.clone());
        Ok(client.max_decoding_message_size(LARGEST).max_encoding_message_size(LARGEST))
    }

    /// The worker at an address.
    ///
    /// # Errors
    ///
    /// `InvalidKey` for what is not an address.
    pub fn worker(&self, address: &str) -> Result<WorkerClient> {
        let client = worker_client::WorkerClient::with_interceptor(self.channel(address)?, self.0.introduced.clone());
        Ok(client.max_decoding_message_size(LARGEST).max_encoding_message_size(LARGEST))
    }

    fn channel(&self, address: &str) -> Result<Channel> {
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(channel) = open.get(address) {
            return Ok(channel.clone());
        }
        let refused = |error: tonic::transport::Error| {
            let message = format!("{address:?} can't be spoken to; accepted: host:port");
            Error::new(ErrorKind::InvalidKey, message).with_cause(&error)
        };
        let scheme = if self.0.tls.is_some() { "https" } else { "http" };
        let endpoint = Endpoint::from_shared(format!("{scheme}://{address}")).map_err(refused)?;
        let mut endpoint = endpoint
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEPALIVE)
            .keep_alive_timeout(KEEPALIVE);
        if let Some(tls) = &self.0.tls {
            endpoint = endpoint.tls_config(tls.clone()).map_err(refused)?;
        }
        if open.len() >= MOST {
            // Those in use go on; all are opened again when they are needed.
            open.clear();
        }
        let channel = endpoint.connect_lazy();
        open.insert(address.to_owned(), channel.clone());
        Ok(channel)
    }
}
