//! Opening a connection: configuration, runtime, session, backend.

use std::{
    fmt::Display,
    path::PathBuf,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use registry_abi::{
    Connection, FfiFuture, Host, OPENING_TIMEOUT, RResult, RString, RVec, RawConnection_TO, RawError, RawOptions,
    RawSession, Tuple2,
};
use registry_api::Result;
use serde_json::Value;

use super::{connection::Connected, live::Live, logging, runtime::PluginRuntime};
use crate::{
    Backend, Context, Opening, Options, SessionReporter, config,
    guarded::{Kept, guarded},
    session::Snapshot,
    tasks::Tasks,
};

/// Opens a connection of backend `B`; its log lines go to the host where `forward` says so.
pub(super) fn connect<B: Backend>(
    options: RawOptions,
    host: Host,
    forward: bool,
) -> FfiFuture<RResult<Connection, RawError>> {
    let host = Arc::new(host);
    if forward {
        // A type's name begins with that of its crate.
        let own = std::any::type_name::<B>().split("::").next().unwrap_or_default();
        logging::forward_to(&host, own, B::QUIETED);
    }
    let (section, runtime) = match begin::<B>(&options) {
        Ok(begun) => begun,
        Err(error) => return FfiFuture::new(std::future::ready(RResult::RErr(error.into()))),
    };
    let handle = runtime.handle().clone();
    guarded(handle, async move {
        let live = open::<B>(options, &section, host, runtime).await?;
        Ok(RawConnection_TO::from_value(Connected(live), registry_abi::TD_Opaque))
    })
}

/// Reads what is needed before anything can run: the section, and from it the runtime.
fn begin<B: Backend>(options: &RawOptions) -> Result<(Value, Arc<PluginRuntime>)> {
    let mut section = config::reader::parse_json(options.config.as_bytes(), &options.prefix)?;
    let workers = config::take_worker_threads(&mut section, &options.prefix)?;
    Ok((section, PluginRuntime::share(B::NAME, workers)?))
}

async fn open<B: Backend>(
    options: RawOptions,
    section: &Value,
    host: Arc<Host>,
    runtime: Arc<PluginRuntime>,
) -> Result<Arc<Live<B>>> {
    let config: B::Config = config::from_value(section, &options.prefix)?;
    let opening = opening(&options.more, &host);
    let options = Options {
        namespace: options.namespace.into(),
        session_timeout: options.session_timeout.into(),
        operation_timeout: options.operation_timeout.into(),
        base: PathBuf::from(options.base.as_str()),
        prefix: options.prefix.into(),
    };
    const { assert!(B::MARGIN_DIVISOR > 1, "a margin of the whole timeout leaves no session") };
    let hears = move |now: Snapshot, cause: Option<&dyn Display>| {
        if let Some(cause) = cause {
            host.session_cause(cause.to_string().as_str().into());
        }
        host.session(RawSession::new(now.state, now.id, now.timeout));
    };
    let session = SessionReporter::new(Box::new(hears), B::MARGIN_DIVISOR);
    let tasks = Tasks::new(runtime.handle().clone());
    // Until there is a connection to own them, whatever was started ends with this call.
    let mut owned = EndOnDrop(Some(tasks.clone()));
    let clock = session.clone();
    tasks.keep("the session's clock", move || clock.clone().keep_clock());
    let context = Context::new(options, session, opening.clone(), tasks);
    let backend = opening.run(B::connect(config, context.clone())).await?;
    owned.0 = None;
    let backend = Kept::new(runtime.handle().clone(), Arc::new(backend));
    Ok(Arc::new(Live { backend, context, requests: AtomicU64::new(0), runtime }))
}

/// Tells the host how opening goes, for as long as it has not given it up.
fn opening(more: &RVec<Tuple2<RString, RString>>, host: &Arc<Host>) -> Opening {
    let limit = more.iter().find(|asked| asked.0 == OPENING_TIMEOUT).and_then(|asked| asked.1.parse().ok());
    let host = Arc::downgrade(host);
    let listener = move |server: &str, why: Option<&str>| {
        if let Some(host) = host.upgrade() {
            host.tried(server.into(), why.map(Into::into).into());
        }
    };
    Opening::new(limit.map(Duration::from_nanos), Box::new(listener))
}

struct EndOnDrop(Option<Tasks>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        if let Some(tasks) = self.0.take() {
            tasks.abort();
        }
    }
}
