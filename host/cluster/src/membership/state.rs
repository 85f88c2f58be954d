//! What a server may do.

use std::{fmt, sync::Arc};

use registry_host::Error;

use crate::Incarnation;

/// How a registered server stands.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum MembershipState {
    /// It is registered, as far as it knows.
    Serving,
    /// Its session is lost and it waits for another: it does nothing that needs the registry, as others may take over
    /// for it.
    Waiting,
    /// It is to stop.
    Stopped(Arc<Stop>),
}

/// Why a server is to stop.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Stop {
    /// Somebody has put its dead mark: a person, or a master that has seen the server's entries go and has taken over
    /// for it.
    ///
    /// A mark says neither who has put it nor which incarnation it is about. A host that goes on drops all its work
    /// first, as another may do it by now, and then [registers](crate::Cluster::register) again, which clears the mark
    /// and is another incarnation.
    DeclaredDead,
    /// Somebody takes over for it, or has.
    FailedOver,
    /// Somebody has deleted this entry of its own.
    EntryGone {
        /// The entry's key.
        key: String,
    },
    /// The registry's data were deleted, or a part of them that is not this server's alone, and its entries with them.
    Emptied {
        /// What is gone, or is another than before.
        key: String,
    },
    /// Another process is registered at its address.
    Replaced {
        /// The entry's key.
        key: String,
        /// The other process, if its heartbeat can be read.
        by: Option<Incarnation>,
    },
    /// It has been without a session for longer than `registry.disconnect-strategy` allows, or its registry was closed.
    Disconnected(Error),
    /// The task that sends its heartbeats panicked, so that nobody looks after its entries any more.
    Panicked {
        /// What the panic said.
        message: String,
    },
    /// It has left by itself.
    Left,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stop::DeclaredDead => f.write_str("the server was declared dead"),
            Stop::FailedOver => f.write_str("another server has taken over for this one"),
            Stop::EntryGone { key } => write!(f, "the server's entry {key} was deleted"),
            Stop::Emptied { key } => write!(
                f,
                "the registry's data were deleted and this server's entries with them: {key} is gone, or another than before; \
                 with registry.disconnect-strategy 'wait' it would register again"
            ),
            Stop::Replaced { key, by: Some(by) } => {
                write!(f, "process {} has taken the server's entry {key}", by.process_id)
            }
            Stop::Replaced { key, by: None } => write!(f, "somebody else has taken the server's entry {key}"),
            Stop::Disconnected(error) => error.fmt(f),
            Stop::Panicked { message } => write!(f, "the server's heartbeats panicked, report it: {message}"),
            Stop::Left => f.write_str("the server has left"),
        }
    }
}
