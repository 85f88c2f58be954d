//! What reaches the host's `tracing` subscriber.

use std::{
    fmt::{self, Write as _},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

/// A subscriber that keeps all it hears, spans and events alike, a line each.
#[derive(Clone, Default)]
pub struct Logs(Arc<Mutex<Vec<String>>>);

impl Logs {
    /// Makes it this process's subscriber.
    ///
    /// # Panics
    ///
    /// If there is one already.
    pub fn install() -> Self {
        let logs = Logs::default();
        tracing::subscriber::set_global_default(logs.clone()).expect("there is no other subscriber");
        logs
    }

    /// The lines with this text.
    pub fn with(&self, text: &str) -> Vec<String> {
        self.lines().iter().filter(|line| line.contains(text)).cloned().collect()
    }

    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscriber for Logs {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::DEBUG
    }

    fn new_span(&self, span: &span::Attributes<'_>) -> span::Id {
        let mut line = Line(format!("span {} {}", span.metadata().target(), span.metadata().name()));
        span.record(&mut line);
        let mut lines = self.lines();
        lines.push(line.0);
        span::Id::from_u64(lines.len() as u64)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(format!("{} {}", event.metadata().level(), event.metadata().target()));
        event.record(&mut line);
        self.lines().push(line.0);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string can't fail.
        let _ = write!(self.0, " {}={value:?}", field.name());
    }
}
