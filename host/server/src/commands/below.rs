//! An entry and all below it, also from the root on.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use registry_host::{Entry, ErrorKind, Registry, Result};

/// How many lists are asked for at once.
const AT_ONCE: usize = 8;

/// The key's own entry and all below it, sorted by the bytes of the whole keys.
///
/// The root is not an entry, and a registry does not list it: its children are listed one by one, so that what they
/// show need not be of one moment.
pub(super) async fn below(registry: &Registry, key: &str) -> Result<Vec<Entry>> {
    if key != "/" {
        return registry.list(key).await;
    }
    let names = registry.children(key).await?;
    let lists = stream::iter(names).map(|name| async move {
        let key = format!("/{name}");
        match registry.list(&key).await {
            // As in any list, what this user may not read is passed over.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                tracing::warn!(key, "may not be read by this user, and is passed over");
                Ok(Vec::new())
            }
            listed => listed,
        }
    });
    let mut entries = lists.buffered(AT_ONCE).try_concat().await?;
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(entries)
}
