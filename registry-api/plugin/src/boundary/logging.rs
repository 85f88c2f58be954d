//! Forwards the plugin's `tracing` events and panic messages to the host. Each library has a dispatcher and a panic
//! hook of its own and would otherwise be mute.

use std::{
    fmt::{self, Write},
    sync::{Arc, Once, PoisonError, RwLock, Weak},
};

use registry_abi::{DEPENDENCY_FIELD, Host, RSlice, RStr, RawLevel, RawLog, Tuple2};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

/// The hosts' ends of the open connections; lines go to the newest.
static HOSTS: RwLock<Vec<Weak<Host>>> = RwLock::new(Vec::new());

/// Sends what this library logs from now on to `host`, for as long as it lives; the crates `quieted` are no louder than
/// `debug`. Lines of other crates than `own` and the SDK's are marked as those of dependencies.
pub(crate) fn forward_to(host: &Arc<Host>, own: &'static str, quieted: &'static [&'static str]) {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // Only a library that was linked in can have one already, and then the lines go there.
        let _ = tracing::subscriber::set_global_default(Forwarder { own, quieted });
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            tracing::error!(target: PANIC, place, "{}", panic.payload_as_str().unwrap_or("no message"));
        }));
    });
    let mut hosts = HOSTS.write().unwrap_or_else(PoisonError::into_inner);
    hosts.retain(|host| host.strong_count() > 0);
    hosts.push(Arc::downgrade(host));
}

fn newest() -> Option<Arc<Host>> {
    HOSTS.read().unwrap_or_else(PoisonError::into_inner).iter().rev().find_map(Weak::upgrade)
}

/// The target of a panic's line.
const PANIC: &str = "panic";

struct Forwarder {
    own: &'static str,
    quieted: &'static [&'static str],
}

impl Forwarder {
    /// The crate that a line is of, if that is neither the plugin nor its SDK.
    fn dependency<'a>(&self, metadata: &Metadata<'a>) -> Option<&'a str> {
        let of = metadata.target().split("::").next()?;
        (![self.own, env!("CARGO_CRATE_NAME"), PANIC].contains(&of)).then_some(of)
    }

    fn level(&self, metadata: &Metadata<'_>) -> RawLevel {
        let level = *metadata.level();
        let of = metadata.target().split("::").next();
        // The quieter a level, the greater.
        raw(if self.quieted.iter().any(|quieted| Some(*quieted) == of) { level.max(Level::DEBUG) } else { level })
    }
}

impl Subscriber for Forwarder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && newest().is_some_and(|host| host.log_enabled(self.level(metadata)))
    }

    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> tracing::subscriber::Interest {
        // The host's mind may change, and the hosts themselves come and go.
        if metadata.is_event() {
            tracing::subscriber::Interest::sometimes()
        } else {
            tracing::subscriber::Interest::never()
        }
    }

    fn event(&self, event: &Event<'_>) {
        let Some(host) = newest() else { return };
        let mut line = Line::default();
        event.record(&mut line);
        let dependency = self.dependency(event.metadata()).map(|of| Tuple2(DEPENDENCY_FIELD.into(), of.into()));
        let fields = line.fields.iter().map(|(name, value)| Tuple2(RStr::from_str(name), value.as_str().into()));
        let fields: Vec<_> = fields.chain(dependency).collect();
        host.log(RawLog {
            level: self.level(event.metadata()),
            target: event.metadata().target().into(),
            message: line.message.as_str().into(),
            fields: RSlice::from_slice(&fields),
        });
    }

    // Spans are never enabled.
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[derive(Default)]
struct Line {
    message: String,
    fields: Vec<(&'static str, String)>,
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            // Writing to a string can't fail.
            let _ = write!(self.message, "{value:?}");
        } else {
            self.fields.push((field.name(), format!("{value:?}")));
        }
    }
}

fn raw(level: Level) -> RawLevel {
    match level {
        Level::ERROR => RawLevel::ERROR,
        Level::WARN => RawLevel::WARN,
        Level::INFO => RawLevel::INFO,
        Level::DEBUG => RawLevel::DEBUG,
        Level::TRACE => RawLevel::TRACE,
    }
}
