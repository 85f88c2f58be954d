//! A connection as the host sees it: each call gated, timed and guarded.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use registry_abi::{
    BorrowingFfiFuture, FfiFuture, Guard, RErr, RNone, ROk, ROption, RResult, RSome, RStr, RString, RVec, RawApplied,
    RawConnection, RawEntry, RawError, RawLockRequest, RawScope, RawTxn, Timeout, Tuple2, Watch,
};
use registry_api::{
    Capabilities, Capability, Check, Entry, Error, ErrorKind, Key, Listing, Operation, Outcome, Page, Result, Scope,
    Txn,
};

use super::{guards, live::Live, watches};
use crate::{
    Backend, LockRequest,
    call::{Effect, call},
    guarded::{caught, guarded},
    lock,
    session::closed,
};

/// How many entries one page of a listing asks for.
const PAGE: usize = 1_000;

/// The host's end of a connection; dropping it closes the connection in the background.
pub(super) struct Connected<B: Backend>(pub(super) Arc<Live<B>>);

impl<B: Backend> RawConnection for Connected<B> {
    fn lacking(&self) -> RVec<Tuple2<RString, RString>> {
        lacking(&claimed(|| self.0.backend.capabilities()))
    }

    fn server(&self, timeout: Timeout) -> BorrowingFfiFuture<'_, RResult<RString, RawError>> {
        self.0.guarded(self.0.read(timeout, B::server))
    }

    fn get<'a>(
        &'a self,
        key: RStr<'a>,
        timeout: Timeout,
    ) -> BorrowingFfiFuture<'a, RResult<ROption<RawEntry>, RawError>> {
        let get = self.0.read(timeout, move |backend| backend.get(Key::from_checked(key.as_str())));
        self.0.guarded::<ROption<RawEntry>, _, _>(async move { Ok(nameless(get.await?)) })
    }

    fn get_at_hand<'a>(&'a self, key: RStr<'a>) -> ROption<RResult<ROption<RawEntry>, RawError>> {
        if !self.0.context.session().may_send() {
            return RNone;
        }
        match caught(|| self.0.backend.get_at_hand(Key::from_checked(key.as_str()))) {
            Ok(None) => RNone,
            Ok(Some(Ok(found))) => RSome(ROk(nameless(found))),
            Ok(Some(Err(error))) | Err(error) => RSome(RErr(error.into())),
        }
    }

    fn children<'a>(
        &'a self,
        key: RStr<'a>,
        timeout: Timeout,
    ) -> BorrowingFfiFuture<'a, RResult<RVec<RString>, RawError>> {
        let children = self.0.read(timeout, move |backend| backend.children(Key::from_checked(key.as_str())));
        self.0.guarded::<RVec<RString>, _, _>(async move {
            let mut names = children.await?;
            names.sort_unstable();
            Ok(names.into_iter().map(RString::from).collect())
        })
    }

    fn list<'a>(
        &'a self,
        key: RStr<'a>,
        timeout: Timeout,
    ) -> BorrowingFfiFuture<'a, RResult<RVec<RawEntry>, RawError>> {
        let list = self.0.read(timeout, move |backend| list(backend, Key::from_checked(key.as_str())));
        self.0.guarded::<RVec<RawEntry>, _, _>(list)
    }

    fn commit<'a>(
        &'a self,
        txn: RawTxn<'a>,
        timeout: Timeout,
    ) -> BorrowingFfiFuture<'a, RResult<RVec<RawApplied>, RawError>> {
        self.0.guarded::<RVec<RawApplied>, _, _>(commit(&self.0, txn, timeout.into()))
    }

    fn watch<'a>(
        &'a self,
        key: RStr<'a>,
        scope: RawScope,
        timeout: Timeout,
    ) -> BorrowingFfiFuture<'a, RResult<Watch, RawError>> {
        self.0.guarded(async move {
            let scope = Scope::try_from(scope)?;
            watches::open(Arc::clone(&self.0), key.as_str(), scope, timeout.into()).await
        })
    }

    fn lock<'a>(&'a self, request: RawLockRequest<'a>) -> BorrowingFfiFuture<'a, RResult<Guard, RawError>> {
        self.0.guarded(async move {
            let live = &self.0;
            let limit = request.limit.into_option().map(Duration::from);
            let request = LockRequest::new(
                request.key.into(),
                Bytes::copy_from_slice(&request.value),
                request.wait,
                live.requests.fetch_add(1, Ordering::Relaxed),
                live.context.clone(),
            );
            let guard = lock::acquire(Arc::clone(&live.backend), request, limit).await?;
            Ok(guards::guard_for_host(Arc::clone(live), guard))
        })
    }

    fn close(&self, timeout: Timeout) -> FfiFuture<RResult<(), RawError>> {
        let closing = close(Arc::clone(&self.0), timeout.into());
        guarded(self.0.runtime.handle().clone(), closing)
    }

    fn abandon(&self) {
        self.0.context.tasks().abort();
        self.0.context.session().close();
    }
}

impl<B: Backend> Drop for Connected<B> {
    fn drop(&mut self) {
        let live = Arc::clone(&self.0);
        let timeout = live.context.operation_timeout();
        // The task holds a share of the runtime until it is done.
        self.0.runtime.handle().spawn(async move {
            if let Err(error) = close(live, timeout).await
                && error.kind() != ErrorKind::Closed
            {
                tracing::warn!(%error, "the session could not be closed, it ends with its timeout");
            }
        });
    }
}

/// An entry as it crosses: the host knows its key.
fn nameless(found: Option<Entry>) -> ROption<RawEntry> {
    match found {
        Some(mut entry) => {
            entry.key = String::new();
            RSome(entry.into())
        }
        None => RNone,
    }
}

async fn commit<B: Backend>(live: &Live<B>, txn: RawTxn<'_>, timeout: Duration) -> Result<RVec<RawApplied>> {
    let committed = if let ([], [operation]) = (txn.checks.as_slice(), txn.operations.as_slice()) {
        // By far the most Txns are one operation.
        let operations = [Operation::try_from(*operation)?];
        let txn = Txn::new(&[], &operations);
        call(live.context.session(), timeout, Effect::Write, async { live.backend.commit(txn).await }).await?
    } else {
        let checks = txn.checks.iter().map(|check| Check::try_from(*check)).collect::<Result<Vec<_>>>()?;
        let operations =
            txn.operations.iter().map(|operation| Operation::try_from(*operation)).collect::<Result<Vec<_>>>()?;
        let txn = Txn::new(&checks, &operations);
        call(live.context.session(), timeout, Effect::Write, async { live.backend.commit(txn).await }).await?
    };
    Ok(committed.applied.into_iter().map(RawApplied::from).collect())
}

async fn list<B: Backend>(backend: &B, key: Key<'_>) -> Result<RVec<RawEntry>> {
    'retry: loop {
        let mut listed: RVec<RawEntry> = RVec::new();
        let mut page = Page::first(PAGE);
        loop {
            match backend.list(key, page).await? {
                Listing::Page { entries, next } => {
                    listed.extend(entries.into_iter().map(RawEntry::from));
                    match next {
                        Some(cursor) => page = Page::after(cursor, PAGE),
                        None => return Ok(listed),
                    }
                }
                _ => continue 'retry,
            }
        }
    }
}

/// Ends the session and then the tasks, in a task of its own that goes on when the caller is gone.
async fn close<B: Backend>(live: Arc<Live<B>>, timeout: Duration) -> Result<()> {
    if live.context.session().close() {
        let runtime = live.runtime.handle().clone();
        let closing = runtime.spawn(async move {
            let closing =
                crate::guarded::InRuntime::new(live.runtime.handle().clone(), async { live.backend.close().await });
            let closed = tokio::time::timeout(timeout, closing).await.unwrap_or_else(|_| {
                Err(Error::new(
                    ErrorKind::Timeout,
                    format!("no answer within {timeout:?}; the session ends with its own timeout"),
                )
                .set_outcome(Outcome::Unknown))
            });
            live.context.tasks().shutdown().await;
            closed
        });
        closing.await.map_err(|error| Error::new(ErrorKind::Other, "the closing was broken off").with_cause(&error))?
    } else {
        Err(closed())
    }
}

/// What a plugin says that it can do; if it panics over that, none of it.
pub(super) fn claimed(capabilities: impl FnOnce() -> Capabilities) -> Capabilities {
    caught(capabilities).unwrap_or_else(|error| {
        tracing::error!(%error, "the plugin's capabilities can't be asked for");
        let none = Capabilities::all();
        Capability::ALL.into_iter().fold(none, |none, capability| none.without(capability, error.message()))
    })
}

pub(super) fn lacking(capabilities: &Capabilities) -> RVec<Tuple2<RString, RString>> {
    capabilities.lacking().map(|(capability, promise)| Tuple2(capability.name().into(), promise.into())).collect()
}
