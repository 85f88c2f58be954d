//! A connection to a registry, as the host sees it.

#![allow(non_local_definitions, non_camel_case_types, missing_docs, clippy::all, reason = "the macro's code")]

use std::time::Duration;

use abi_stable::{
    StableAbi, sabi_trait,
    std_types::{RBox, ROption, RResult, RSlice, RStr, RString, RVec, Tuple2},
};
use async_ffi::{BorrowingFfiFuture, FfiFuture};

use crate::{Guard, RawApplied, RawEntry, RawError, RawScope, RawTxn, Watch};

/// A length of time in nanoseconds.
#[repr(transparent)]
#[derive(StableAbi, Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeout(pub u64);

impl From<Duration> for Timeout {
    fn from(duration: Duration) -> Self {
        Timeout(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<Timeout> for Duration {
    fn from(timeout: Timeout) -> Self {
        Duration::from_nanos(timeout.0)
    }
}

/// What a lock is asked for.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RawLockRequest<'a> {
    /// The lock's key.
    pub key: RStr<'a>,
    /// The queue entry's value.
    pub value: RSlice<'a, u8>,
    /// Whether to wait in the queue.
    pub wait: bool,
    /// How long to wait; `None` waits until the lock is acquired or the session has ended.
    pub limit: ROption<Timeout>,
}

/// A connection: one session. Every call ends by its timeout; dropping the connection closes it in the background.
#[sabi_trait]
pub trait RawConnection: Send + Sync {
    /// The capabilities that are lacking, by name, each with its weaker promise.
    fn lacking(&self) -> RVec<Tuple2<RString, RString>>;

    /// The server's name and version.
    fn server(&self, timeout: Timeout) -> BorrowingFfiFuture<'_, RResult<RString, RawError>>;

    /// Reads one entry; its key is left empty.
    fn get<'a>(
        &'a self,
        key: RStr<'a>,
        timeout: Timeout,
    ) -> BorrowingFfiFuture<'a, RResult<ROption<RawEntry>, RawError>>;

    /// Names the direct children, sorted by bytes.
    fn children<'a>(
        &'a self,
        key: RStr<'a>,
        timeout: Timeout,
    ) -> BorrowingFfiFuture<'a, RResult<RVec<RString>, RawError>>;

    /// Reads the key's own entry and all below it, sorted by bytes.
    fn list<'a>(&'a self, key: RStr<'a>, timeout: Timeout)
    -> BorrowingFfiFuture<'a, RResult<RVec<RawEntry>, RawError>>;

    /// Applies a Txn whole or not at all.
    fn commit<'a>(
        &'a self,
        txn: RawTxn<'a>,
        timeout: Timeout,
    ) -> BorrowingFfiFuture<'a, RResult<RVec<RawApplied>, RawError>>;

    /// Opens a watch; ready when the present state has been read.
    fn watch<'a>(
        &'a self,
        key: RStr<'a>,
        scope: RawScope,
        timeout: Timeout,
    ) -> BorrowingFfiFuture<'a, RResult<Watch, RawError>>;

    /// Waits for a lock.
    fn lock<'a>(&'a self, request: RawLockRequest<'a>) -> BorrowingFfiFuture<'a, RResult<Guard, RawError>>;

    /// Ends the session and every task of the connection.
    fn close(&self, timeout: Timeout) -> FfiFuture<RResult<(), RawError>>;

    /// Ends every task of the connection at once and sends nothing, as if the process had died.
    #[sabi(last_prefix_field)]
    fn abandon(&self);

    /// Reads one entry if the answer is at hand; its key is left empty. `None` if `get` has to be asked, as of any
    /// plugin older than 1.1.
    fn get_at_hand<'a>(&'a self, _key: RStr<'a>) -> ROption<RResult<ROption<RawEntry>, RawError>> {
        ROption::RNone
    }
}

/// An owned [`RawConnection`].
pub type Connection = RawConnection_TO<'static, RBox<()>>;
