//! Held locks on their way across.

#![allow(non_local_definitions, non_camel_case_types, missing_docs, clippy::all, reason = "the macro's code")]

use abi_stable::{
    sabi_trait,
    std_types::{RBox, RResult, RStr},
};
use async_ffi::FfiFuture;

use crate::{RawError, Timeout};

/// A held lock; dropping it releases the lock in the background.
#[sabi_trait]
pub trait RawGuard: Send + Sync {
    /// The holder's own entry in the queue.
    fn entry(&self) -> RStr<'_>;

    /// The fencing token.
    fn token(&self) -> u64;

    /// Whether the lock is known to be lost.
    fn is_lost(&self) -> bool;

    /// Ready when the lock is lost, with the reason; any number may wait.
    fn lost(&self) -> FfiFuture<RawError>;

    /// Releases the lock; a lock that was lost is not an error.
    #[sabi(last_prefix_field)]
    fn release(&self, timeout: Timeout) -> FfiFuture<RResult<(), RawError>>;
}

/// An owned [`RawGuard`].
pub type Guard = RawGuard_TO<'static, RBox<()>>;
