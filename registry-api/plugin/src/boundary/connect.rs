//! Opening a connection: configuration, runtime, session, backend.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicU64},
};

use registry_abi::{Connection, FfiFuture, Host, RResult, RawConnection_TO, RawError, RawOptions, RawSession};
use registry_api::Result;

use super::{
    connection::{Connected, Live},
    guarded::guarded,
    logging,
    runtime::PluginRuntime,
};
use crate::{Backend, Context, Options, SessionReporter, config, tasks::Tasks};

/// How many threads a plugin's runtime has, unless `worker-threads` says otherwise.
const WORKERS: usize = 2;

/// Opens a connection of backend `B`; its log lines go to the host where `forward` says so.
pub(super) fn connect<B: Backend>(
    options: RawOptions,
    host: Host,
    forward: bool,
) -> FfiFuture<RResult<Connection, RawError>> {
    let host = Arc::new(host);
    if forward {
        logging::forward_to(&host);
    }
    let runtime = match PluginRuntime::share(B::NAME, WORKERS) {
        Ok(runtime) => runtime,
        Err(error) => return FfiFuture::new(std::future::ready(RResult::RErr(error.into()))),
    };
    let handle = runtime.handle().clone();
    guarded(handle, async move {
        let live = open::<B>(options, host, runtime).await?;
        Ok(RawConnection_TO::from_value(Connected(live), registry_abi::TD_Opaque))
    })
}

async fn open<B: Backend>(options: RawOptions, host: Arc<Host>, runtime: Arc<PluginRuntime>) -> Result<Arc<Live<B>>> {
    let config: B::Config = config::from_slice(options.config.as_bytes(), &options.prefix)?;
    let options = Options {
        namespace: options.namespace.into(),
        session_timeout: options.session_timeout.into(),
        operation_timeout: options.operation_timeout.into(),
        base: PathBuf::from(options.base.as_str()),
        prefix: options.prefix.into(),
    };
    let session = SessionReporter::new(Box::new(move |now| {
        host.session(RawSession::new(now.state, now.id, now.timeout));
    }));
    let tasks = Tasks::new(runtime.handle().clone());
    // Until there is a connection to own them, whatever was started ends with this call.
    let mut owned = EndOnDrop(Some(tasks.clone()));
    tasks.spawn(session.clone().keep_clock());
    let context = Context::new(options, session, tasks);
    let backend = B::connect(config, context.clone()).await?;
    owned.0 = None;
    Ok(Arc::new(Live { backend: Arc::new(backend), context, requests: AtomicU64::new(0), runtime }))
}

struct EndOnDrop(Option<Tasks>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        if let Some(tasks) = self.0.take() {
            tasks.abort();
        }
    }
}
