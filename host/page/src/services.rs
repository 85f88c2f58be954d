//! What keeps the board up to date on services.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use registry_discovery::{Discovery, ListedChange, ListedChanges};
use registry_host::Result;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use crate::board::Board;

/// How long to wait before services that can't be followed any more are followed again.
const PAUSE: Duration = Duration::from_secs(1);

/// Follows all that is registered of services, and begins again if that ends.
///
/// # Errors
///
/// As [`Discovery::listed_changes`].
pub(crate) async fn follow(discovery: Discovery, board: Arc<Board>) -> Result<AbortOnDropHandle<()>> {
    let mut changes = discovery.listed_changes().await?;
    Ok(AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            board.change(|known| known.services = Some(BTreeMap::new()));
            let Some(cause) = hear(changes, &board).await else { return };
            tracing::warn!(cause, "services are not followed any more, it is begun again");
            changes = loop {
                sleep(PAUSE).await;
                if let Ok(changes) = discovery.listed_changes().await {
                    break changes;
                }
            };
        }
    })))
}

/// Why it has ended; `None` once the registry is closed.
async fn hear(mut changes: ListedChanges, board: &Board) -> Option<String> {
    while let Some(change) = changes.next().await {
        let change = match change {
            Ok(change) => change,
            Err(error) => return Some(error.to_string()),
        };
        board.change(|known| {
            let services = known.services.get_or_insert_default();
            match change {
                ListedChange::Joined(listed) | ListedChange::Changed(listed) => {
                    services.insert(listed.key.clone(), listed);
                }
                ListedChange::Left(listed) => {
                    services.remove(&listed.key);
                }
                _ => {}
            }
        });
    }
    None
}
