//! Making sure that a session can be used before anybody relies on it.

use registry_plugin::{Error, ErrorKind, Outcome, Result};
use zookeeper_client::{Client, Error as ZkError};

use crate::{config::Dial, error::of_read, paths::Paths};

/// Makes sure that the session has seen what was written before, that it acts as the configured user, and that this
/// user may read. What the keys lie below need not be there: the first write makes it.
///
/// # Errors
///
/// `Unauthenticated` and `PermissionDenied`, naming what to look at; others as the server's.
pub(super) async fn prepare(client: &Client, dial: &Dial, paths: &Paths) -> Result<()> {
    // The server may lag behind what this client's last session, or another client, has written.
    let synced = client.sync(paths.root());
    let users = dial.uses_sasl().then(|| client.list_auth_users());
    let read = client.get_data(paths.root());
    synced.await.map_err(|error| refused(dial, error))?;
    if let Some(users) = users {
        match users.await {
            Ok(users) if users.iter().any(|user| user.scheme() == "sasl") => {}
            // Before 3.7 nobody can ask.
            Err(ZkError::Unimplemented) => {}
            // A server that knows no users lets everybody in as nobody.
            Ok(_) => return Err(unknown(dial)),
            Err(error) => return Err(refused(dial, error)),
        }
    }
    match read.await {
        Ok(_) | Err(ZkError::NoNode) => Ok(()),
        // The digest scheme knows no wrong password: it only makes another user of it.
        Err(error @ ZkError::NoAuth) => Err(denied(dial, paths.root(), error)),
        Err(error) => Err(refused(dial, error)),
    }
}

/// The error of a session that doesn't come about.
pub(super) fn refused(dial: &Dial, error: ZkError) -> Error {
    match error {
        ZkError::AuthFailed => unknown(dial).with_cause(&error),
        error => of_read(error),
    }
}

/// The servers don't know the user.
fn unknown(dial: &Dial) -> Error {
    let message = match dial.is_nobody() {
        true => format!("the ZooKeeper servers let nobody in without a user; set {}", dial.user_keys()),
        false => format!("the ZooKeeper servers refuse the user or password; check {}", dial.user_keys()),
    };
    Error::new(ErrorKind::Unauthenticated, message).set_outcome(Outcome::NotApplied)
}

/// The servers don't let the user read a path.
fn denied(dial: &Dial, path: &str, cause: ZkError) -> Error {
    let set = if dial.is_nobody() { "set" } else { "check" };
    let message = format!(
        "{path}, which the keys lie below, may not be read by this user; {set} {} and its access list",
        dial.user_keys()
    );
    Error::new(ErrorKind::PermissionDenied, message).set_outcome(Outcome::NotApplied).with_cause(&cause)
}
