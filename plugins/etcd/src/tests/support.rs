//! Connections to test servers.

use registry_plugin::{Options, Result};
pub(crate) use registry_test_client::{LIMIT, delete, ephemeral, fresh, key, put, until, watch};
use registry_test_servers::Etcd as Server;
use serde_json::{Value, json};

use crate::Etcd;

pub(crate) type Client = registry_test_client::Client<Etcd>;

/// The server that tests share which break nothing.
pub(crate) fn server() -> &'static Server {
    Server::shared().expect("an etcd server")
}

/// Options with that namespace and a session timeout of 6 s.
pub(crate) fn options(namespace: &str) -> Options {
    registry_test_client::options::<Etcd>(namespace)
}

pub(crate) async fn connect_with(section: Value, options: Options) -> Result<Client> {
    Client::connect(section, options).await
}

/// A connection to the shared server with that namespace.
pub(crate) async fn connect_to(namespace: &str) -> Client {
    let section = json!({ "endpoints": server().endpoint() });
    connect_with(section, options(namespace)).await.expect("a connection")
}

pub(crate) async fn connect() -> Client {
    connect_to(&fresh()).await
}
