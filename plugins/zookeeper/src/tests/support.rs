//! Connections to test servers.

use registry_plugin::{Options, Result};
pub(crate) use registry_test_client::{LIMIT, Running, delete, ephemeral, fresh, key, put, until, watch};
use registry_test_servers::ZooKeeper as Server;
use serde_json::{Value, json};

use crate::Zookeeper;

pub(crate) type Client = registry_test_client::Client<Zookeeper>;

/// The server that tests share which break nothing.
pub(crate) fn server() -> &'static Server {
    Server::shared().expect("a ZooKeeper server")
}

/// Options with that namespace and a session timeout of 10 s.
pub(crate) fn options(namespace: &str) -> Options {
    registry_test_client::options::<Zookeeper>(namespace)
}

pub(crate) async fn connect_with(section: Value, options: Options) -> Result<Client> {
    Client::connect(section, options).await
}

/// A connection to the shared server with that namespace.
pub(crate) async fn connect_to(namespace: &str) -> Client {
    let section = json!({ "connect-string": server().connect_string() });
    connect_with(section, options(namespace)).await.expect("a connection")
}

pub(crate) async fn connect() -> Client {
    connect_to(&fresh()).await
}
