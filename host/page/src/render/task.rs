//! One task: what it is, how it came to stand as it does, its attempts and its output.

use maud::{Markup, html};
use registry_tasks::record::Record;

use super::{
    document,
    shared::{badge, clock, encoded, since},
};

/// The page of one task; `may_change` shows what needs the token.
pub(crate) fn task(record: &Record, may_change: bool) -> Markup {
    let path = format!("/tasks/{}", encoded(record.id.as_str()));
    let body = html! {
        section id="task" { (task_section(record, may_change)) }
        h2 { "Output" }
        pre id="log" data-log=(format!("{path}/log")) tabindex="0" { (record.tail.as_deref().unwrap_or_default()) }
    };
    document(record.id.as_str(), body, Some(&format!("{path}/events")))
}

/// All of it but the output.
pub(crate) fn task_section(record: &Record, may_change: bool) -> Markup {
    let path = format!("/tasks/{}", encoded(record.id.as_str()));
    let moments = [
        ("submitted", Some(record.submitted)),
        ("queued", Some(record.queued)),
        ("started", record.started),
        ("ended", record.ended),
        ("in this state", Some(record.since)),
    ];
    html! {
        h1 { "Task " (record.id.as_str()) " " (badge(record.state.name())) }
        @if let Some(why) = &record.why { p { (why) } }
        dl {
            dt { "Command" } dd { @for word in &record.spec.command { code { (word) } " " } }
            dt { "Group" } dd { (record.spec.group) }
            dt { "Priority" } dd { (record.spec.priority) }
            dt { "Attempt" } dd { (record.attempt) }
            @if let Some(worker) = &record.worker { dt { "Worker" } dd { (worker.address) } }
            @if let Some(code) = record.exit_code { dt { "Exit code" } dd { (code) } }
        }
        h2 { "Timeline" }
        ol { @for (what, at) in moments { @if let Some(at) = at {
            li { (what) " at " (clock(at)) ", " (since(at)) }
        } } }
        @if !record.earlier.is_empty() {
            h2 { "Former attempts" }
            div.wide { table {
                thead { tr { th { "Attempt" } th { "Worker" } th { "State" } th { "Exit code" } th { "Why" } } }
                tbody { @for attempt in &record.earlier { tr {
                    td { (attempt.attempt) }
                    td { @if let Some(worker) = &attempt.worker { (worker.address) } }
                    td { (badge(attempt.state.name())) @if attempt.superseded { " superseded" } }
                    td { @if let Some(code) = attempt.exit_code { (code) } }
                    td { @if let Some(why) = &attempt.why { (why) } }
                } } }
            } }
        }
        @if may_change {
            @if record.state.has_ended() {
                form method="post" action=(format!("{path}/retry")) { button { "Run it again" } }
            } @else {
                form method="post" action=(format!("{path}/cancel")) { button { "Cancel" } }
            }
        }
    }
}
