//! Letting a lock go.

use registry_plugin::{Held, Key, Result};
use zookeeper_client::Error as ZkError;

use crate::{
    error::{Effect, of_read, translate},
    paths::Paths,
    read::{number, owner},
    session::Session,
};

/// Deletes a holder's entry, unless it is gone or has become another's.
///
/// # Errors
///
/// Those of the server; asked again, it goes on.
pub(crate) async fn release(session: &Session, paths: &Paths, held: &Held) -> Result<()> {
    let client = session.client()?;
    let path = paths.path(Key::from_checked(&held.entry));
    loop {
        let stat = session.watched(client.check_stat(&path).await.map_err(of_read))?;
        let mine = stat.filter(|stat| number(stat.czxid) == held.token && owner(stat).is_some());
        let Some(stat) = mine else { return Ok(()) };
        match client.delete(&path, Some(stat.version)).await {
            Ok(()) | Err(ZkError::NoNode | ZkError::NotEmpty) => return Ok(()),
            // It has got another value meanwhile, or another's entry has taken its place.
            Err(ZkError::BadVersion) => {}
            Err(error) => return session.watched(Err(translate(error, Effect::Write))),
        }
    }
}
