//! Letting a lock go.

use std::sync::Arc;

use registry_plugin::{Held, Key, Result};
use zookeeper_client::Error as ZkError;

use crate::{
    error::{of_read, of_write},
    paths::Paths,
    read::{number, owner},
    session::{Link, Session},
};

/// Deletes a holder's entry, unless it is gone or has become another's.
///
/// # Errors
///
/// Those of the server; asked again, it goes on.
pub(crate) async fn release(session: &Session, paths: &Paths, held: &Held) -> Result<()> {
    let path = paths.path(Key::from_checked(&held.entry));
    session.ask(|link| delete(link, &path, held)).await
}

/// Asked twice, it does no more than once.
async fn delete(link: Arc<Link>, path: &str, held: &Held) -> Result<()> {
    loop {
        let stat = link.check_stat(path).await.map_err(of_read)?;
        let mine = stat.filter(|stat| held.token == number(stat.czxid) && owner(stat).is_some());
        let Some(stat) = mine else { return Ok(()) };
        match link.delete(path, Some(stat.version)).await {
            Ok(()) | Err(ZkError::NoNode | ZkError::NotEmpty) => return Ok(()),
            // It has got another value meanwhile, or another's entry has taken its place.
            Err(ZkError::BadVersion) => {}
            Err(error) => return Err(of_write(error, &link)),
        }
    }
}
