//! What a lock's queue looks like from one request's place in it.

use registry_api::{Held, Result, Revision};

use super::{LockRequest, leave::Leaving};

/// One request's place in a lock's queue: all that differs between backends that keep their queues differently.
///
/// # Behavior
///
/// A place that is dropped leaves the queue in the background, also if a request to take it is still on its way; only a
/// place that was [given up](QueuePlace::give_up) or left before does not.
pub trait QueuePlace: Send {
    /// The request whose place it is.
    fn request(&self) -> &LockRequest;

    /// Takes the place, if it is not known to be taken yet, and looks who is before it.
    ///
    /// # Behavior
    ///
    /// A request that does not wait takes no place where there is a queue already.
    ///
    /// # Errors
    ///
    /// [Taken](LockRequest::taken) and [lost](LockRequest::lost); `HasChildren` if the key has descendants that are no
    /// queue entries, `EphemeralParent`; those of the backend. After what can pass it is called again.
    fn stand(&mut self) -> impl Future<Output = Result<Turn>> + Send;

    /// Whether it may have been taken, but nobody knows: that has to be found out in any case.
    fn is_open(&self) -> bool;

    /// Starts to leave the queue; `None` if no place was ever asked for, or the place was left or given up already.
    fn leave(&mut self) -> Option<Leaving>;

    /// Gives up the place, whose entry is the holder's now.
    fn give_up(&mut self, held: &Held);
}

/// Whose turn it is, as a place sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Turn {
    /// One's own: nobody is before.
    Come(Held),
    /// Another's, or that of one before that.
    Behind {
        /// The key of the entry right before one's own.
        entry: String,
        /// When that was made.
        created: Revision,
    },
}
