//! How much a read waits for what other clients have written (contract 2.1).

use std::pin::Pin;

use registry_plugin::{Capabilities, Capability};
use zookeeper_client::{Client, Error as ZkError, MultiWriteError};

use crate::config::SyncReads;

/// What reads promise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Freshness(Option<SyncReads>);

/// A request that is on its way already.
pub(crate) struct Ahead<'a>(Option<Answer<'a>>);

type Answer<'a> = Pin<Box<dyn Future<Output = Result<(), ZkError>> + Send + 'a>>;

impl Freshness {
    pub(crate) fn new(configured: Option<SyncReads>) -> Self {
        Freshness(configured)
    }

    /// Sends ahead what must be answered before a read is: whatever is sent on this connection afterwards sees all that
    /// the servers had agreed on by then.
    pub(crate) fn ahead(self, client: &Client) -> Ahead<'_> {
        Ahead(match self.0 {
            None => None,
            Some(SyncReads::Sync) => Some(Box::pin(client.sync("/"))),
            Some(SyncReads::Quorum) => Some(Box::pin(agree(client))),
        })
    }

    /// The capabilities, less what reads don't promise.
    pub(crate) fn within(self, capabilities: Capabilities) -> Capabilities {
        let promise = match self.0 {
            None => "a read may lag behind what other clients have written, never behind what this one has",
            Some(SyncReads::Sync) => {
                "a read sees what was written before, unless its leader was deposed and has not noticed yet; \
                 never less than this client has written"
            }
            Some(SyncReads::Quorum) => return capabilities,
        };
        capabilities.without(Capability::LinearizableReads, promise)
    }
}

impl Ahead<'_> {
    /// Waits for the answer.
    ///
    /// # Errors
    ///
    /// Those of the server.
    pub(crate) async fn answered(self) -> Result<(), ZkError> {
        match self.0 {
            Some(answer) => answer.await,
            None => Ok(()),
        }
    }
}

/// A Txn that changes nothing: the servers put it in order among all writes, as they don't a `sync`, so that only a
/// leader which a quorum still follows can answer it.
pub(crate) fn agree(client: &Client) -> impl Future<Output = Result<(), ZkError>> + Send + '_ {
    let mut writer = client.new_multi_writer();
    let added = writer.add_check_version("/", -1);
    let commit = writer.commit();
    async move {
        added?;
        match commit.await {
            // A check that fails is put in order, too; whether the root may be read does not matter.
            Ok(_) | Err(MultiWriteError::OperationFailed { .. }) => Ok(()),
            Err(MultiWriteError::RequestFailed { source }) => Err(source),
        }
    }
}
