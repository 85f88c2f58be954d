//! Traces of tasks, in OpenTelemetry's words: the submission, each sending, each run, and the recording of each result
//! are spans of one trace.
//!
//! Whose context a task has stands in its record, so that a trace goes on when a master dies. Without a tracer, which
//! the program that these servers are part of installs, nothing is kept and nothing is sent.

use std::env;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::global::{self, BoxedSpan};
use opentelemetry::trace::{
    Span as _, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceId, TraceState,
    Tracer as _,
};
use opentelemetry::{Context, KeyValue};

use crate::record::{Record, TaskId};

/// The name of the field of a record, and of a request's metadata, as the W3C names it.
pub(crate) const TRACEPARENT: &str = "traceparent";

/// The longest that is taken from others.
const LONGEST: usize = 64;

/// A part of a task's trace that has not ended.
pub(crate) struct Step(BoxedSpan);

impl Step {
    /// A task is about to be submitted: as a part of the trace that the environment names, if it names one.
    pub(crate) fn submitting(id: &TaskId) -> Self {
        let parent = env::var("TRACEPARENT").ok();
        Step::begin("submit", SpanKind::Client, parent.as_deref(), None).about(id)
    }

    /// A task is sent to a worker.
    pub(crate) fn sending(record: &Record) -> Self {
        let step = Step::begin("send", SpanKind::Producer, record.trace(), None).of(record);
        step.with("registry.task.queued_ms", millis_since(record.queued))
    }

    /// A command runs.
    pub(crate) fn running(record: &Record) -> Self {
        Step::begin("run", SpanKind::Consumer, record.trace(), None).of(record)
    }

    /// A result is recorded.
    pub(crate) fn recording(record: &Record, since: SystemTime) -> Self {
        Step::begin("record", SpanKind::Server, record.trace(), Some(since)).of(record)
    }

    fn begin(name: &'static str, kind: SpanKind, parent: Option<&str>, since: Option<SystemTime>) -> Self {
        let tracer = global::tracer("registry");
        let parent = parent.and_then(parse).map(|parent| Context::new().with_remote_span_context(parent));
        let builder = tracer.span_builder(name).with_kind(kind);
        let builder = match since {
            Some(since) => builder.with_start_time(since),
            None => builder,
        };
        Step(builder.start_with_context(&tracer, &parent.unwrap_or_default()))
    }

    fn about(self, id: &TaskId) -> Self {
        self.with("registry.task.id", id.as_str().to_owned())
    }

    fn of(self, record: &Record) -> Self {
        let worker = record.worker.as_ref().map(|worker| worker.address.clone()).unwrap_or_default();
        let step = self.about(&record.id).with("registry.task.attempt", i64::from(record.attempt));
        step.with("registry.task.group", record.spec.group.clone()).with("registry.worker", worker)
    }

    /// Adds what is known by now.
    pub(crate) fn with(mut self, key: &'static str, value: impl Into<opentelemetry::Value>) -> Self {
        self.0.set_attribute(KeyValue::new(key, value));
        self
    }

    /// It ends with this failure.
    pub(crate) fn failed(mut self, why: impl Into<String>) {
        self.0.set_status(Status::error(why.into()));
    }

    /// What others are told, so that what they do is a part of the same trace; `None` without a tracer.
    pub(crate) fn traceparent(&self) -> Option<String> {
        let context = self.0.span_context();
        let flags = context.trace_flags().to_u8();
        context.is_valid().then(|| format!("00-{}-{}-{flags:02x}", context.trace_id(), context.span_id()))
    }
}

/// A context as the W3C writes it: `00-<trace>-<span>-<flags>`.
fn parse(text: &str) -> Option<SpanContext> {
    let mut parts = text.split('-').take(4);
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if version.len() != 2 || trace.len() != 32 || span.len() != 16 || text.len() > LONGEST {
        return None;
    }
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?);
    Some(SpanContext::new(trace, span, flags, true, TraceState::default())).filter(SpanContext::is_valid)
}

fn millis_since(at: i64) -> i64 {
    let at = UNIX_EPOCH + Duration::from_millis(u64::try_from(at).unwrap_or_default());
    SystemTime::now().duration_since(at).map_or(0, |passed| i64::try_from(passed.as_millis()).unwrap_or(i64::MAX))
}

impl Record {
    /// The trace that the task is a part of.
    pub fn trace(&self) -> Option<&str> {
        self.more.get(TRACEPARENT)?.as_str()
    }

    /// The same task as a part of a trace, if this is one.
    pub(crate) fn traced(mut self, traceparent: Option<&str>) -> Self {
        if let Some(trace) = traceparent.filter(|text| parse(text).is_some()) {
            self.more.insert(TRACEPARENT.to_owned(), trace.into());
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Spec;

    #[test]
    fn only_what_is_a_context_is_kept() {
        let record = || Record::submitted(TaskId::random(), Spec::new(["true"]), 1);
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let kept = Record::parse(&record().traced(Some(good)).write()).unwrap();
        assert_eq!((kept.trace(), record().trace()), (Some(good), None));
        let zeros = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
        for bad in ["", "00", zeros, &good.replace('f', "x"), &format!("{good}-{}", "a".repeat(99))] {
            assert_eq!(record().traced(Some(bad)).trace(), None, "{bad}");
        }
    }
}
