//! Writing past the backend, as others do.

use zookeeper_client::{Acls, Client as Raw, CreateMode, Error as ZkError};

use super::support::*;

/// Another client of the server.
pub(crate) struct Writer {
    pub(crate) client: Raw,
    root: String,
}

impl Writer {
    pub(crate) async fn at(servers: &str, namespace: &str) -> Self {
        // It takes no part in the faults, nor in what a busy machine makes of short patience.
        let connector = Raw::connector().with_session_timeout(LIMIT);
        let client = connector.connect(servers).await.expect("a connection");
        let writer = Writer { client, root: format!("/{namespace}") };
        writer.create("", "").await;
        writer
    }

    pub(crate) async fn new(namespace: &str) -> Self {
        Self::at(&server().connect_string(), namespace).await
    }

    pub(crate) fn path(&self, at: &str) -> String {
        format!("{}{at}", self.root)
    }

    pub(crate) async fn create(&self, at: &str, value: &str) {
        let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
        match self.client.create(&self.path(at), value.as_bytes(), &options).await {
            Ok(_) | Err(ZkError::NodeExists) => {}
            Err(error) => panic!("{at}: {error}"),
        }
    }

    pub(crate) async fn set(&self, at: &str, value: &str) {
        self.client.set_data(&self.path(at), value.as_bytes(), None).await.expect(at);
    }

    pub(crate) async fn delete(&self, at: &str) {
        self.client.delete(&self.path(at), None).await.expect(at);
    }

    /// Deletes an entry and makes it again at once.
    pub(crate) async fn take_over(&self, at: &str, value: &str) {
        let mut multi = self.client.new_multi_writer();
        multi.add_delete(&self.path(at), None).expect(at);
        let options = CreateMode::Ephemeral.with_acls(Acls::anyone_all());
        multi.add_create(&self.path(at), value.as_bytes(), &options).expect(at);
        multi.commit().await.expect(at);
    }

    /// Makes many entries, a hundred at once.
    pub(crate) async fn create_all(&self, keys: &[String], value: &str) {
        let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
        for keys in keys.chunks(100) {
            let mut multi = self.client.new_multi_writer();
            keys.iter().for_each(|key| multi.add_create(&self.path(key), value.as_bytes(), &options).expect(key));
            multi.commit().await.expect("all are made");
        }
    }
}
