//! The registry: this process's session, locks, the sessions of others, events and the tree.

use std::time::Duration;

use maud::{Markup, html};
use registry_host::{Entry, Registry};
use registry_tasks::record::now;

use super::{
    document,
    shared::{badge, clock, encoded, key, more, none, since},
};
use crate::{
    board::{Known, text},
    filter::Filter,
};

/// How many locks, queue entries of each, and sessions are shown.
const MOST: usize = 100;

/// How many keys of a session, and events, are shown.
const KEYS: usize = 5;
const EVENTS: usize = 100;

/// How much of a value is shown, in bytes.
const VALUE: usize = 4 * 1024;

/// The session of this process.
pub(super) fn header(registry: &Registry, known: &Known) -> Markup {
    let session = registry.session();
    let timeout = session.timeout().as_millis();
    html! {
        h1 { "Registry on " (registry.plugin().name()) }
        p {
            @if let Some((state, at)) = known.session { (badge(&state.to_string())) " " (since(at)) }
            ", session " code { (session.id()) } ", lost after " (timeout) " ms without an answer"
            @if let Some((server, took)) = &known.server {
                ", server " (server) " answers in " (format!("{took:.1}")) " ms"
            }
            @if !registry.namespace().is_empty() { ", namespace " code { (registry.namespace()) } }
            ", " (known.entries) " entries"
        }
        @if let Some(broken) = &known.broken { p.alarm role="alert" { "What is shown is old: " (broken) } }
        p.note { "As of " time id="clock" data-now=(now()) { (clock(now())) } }
    }
}

/// Who holds each lock, and who waits.
pub(super) fn locks(known: &Known) -> Markup {
    let locks = known.locks();
    html! {
        h2 { "Locks" }
        @if locks.is_empty() { (none("No lock is held.")) } @else {
            div.wide { table {
                thead { tr { th { "Lock" } th { "State" } th { "Token" } th { "Session" } th { "Who" } } }
                tbody { @for (lock, queue) in locks.iter().take(MOST) {
                    @for (place, owned) in queue.iter().take(MOST).enumerate() { tr data-row=(lock) {
                        td { @if place == 0 { (key(lock)) } }
                        td { (badge(if place == 0 { "held" } else { "waiting" })) }
                        td { (owned.created) }
                        td { code { (owned.session) } }
                        td { (owned.value) }
                    } }
                } }
            } }
            (more(locks.len(), MOST))
        }
    }
}

/// What each session owns.
pub(super) fn sessions(registry: &Registry, known: &Known) -> Markup {
    let sessions = known.sessions();
    let own = registry.session().id().to_string();
    html! {
        h2 { "Sessions" }
        @if sessions.is_empty() { (none("No session owns an entry.")) } @else {
            div.wide { table {
                thead { tr { th { "Session" } th { "Entries" } th { "Keys" } } }
                tbody { @for (session, keys) in sessions.iter().take(MOST) { tr {
                    td { code { (session) } @if **session == *own { " this process" } }
                    td { (keys.len()) }
                    td {
                        @for owned in keys.iter().take(KEYS) { (key(owned)) " " }
                        @if keys.len() > KEYS { "and " (keys.len() - KEYS) " more" }
                    }
                } } }
            } }
            (more(sessions.len(), MOST))
        }
    }
}

/// What this process asks of the registry, and what its watches have told.
pub(super) fn operations(known: &Known) -> Markup {
    let limit = |limit: Option<Duration>| limit.map_or("more".to_owned(), |limit| format!("≤ {limit:?}"));
    let watches = known.watches;
    html! {
        h2 { "This process" }
        p {
            (watches.open) " watches, " (watches.events) " events, " (watches.resyncs) " resyncs"
            @if let Some(lag) = known.lag { ", lag " (format!("{lag:.1}")) " ms" }
        }
        @if known.operations.is_empty() { (none("Nothing is measured yet.")) } @else {
            div.wide { table {
                thead { tr {
                    th { "Operation" } th { "Per second" } th { "p50" } th { "p99" } th { "Errors so far" }
                } }
                tbody { @for operation in &known.operations { tr data-row=(operation.name) {
                    td { (operation.name) }
                    td { (format!("{:.1}", operation.per_second)) }
                    td { (limit(operation.p50)) }
                    td { (limit(operation.p99)) }
                    td { @for (kind, count) in &operation.errors { (kind) " " (count) " " } }
                } } }
            } }
        }
    }
}

/// What has happened last.
pub(super) fn events(known: &Known, filter: &Filter) -> Markup {
    let events: Vec<_> = known.events.iter().filter(|event| filter.takes_event(event)).take(EVENTS).collect();
    html! {
        h2 { "Events" }
        @if known.events.is_empty() { (none("Nothing has happened yet.")) }
        @else if events.is_empty() { (none("No event has these words.")) } @else {
            div.wide { table {
                thead { tr { th { "When" } th { "What" } th { "Key or server" } th { "More" } } }
                tbody { @for event in &events { tr {
                    td { (clock(event.at)) }
                    td { (event.what) }
                    td { (event.key) }
                    td { (event.more) }
                } } }
            } }
        }
    }
}

/// An entry and the keys directly below it; as a part of the page, or as one of its own.
pub(crate) fn tree(at: &str, entry: Option<&Entry>, children: &[String], is_part: bool) -> Markup {
    let below = |name: &str| if at == "/" { format!("/{name}") } else { format!("{at}/{name}") };
    let part = html! {
        @if let Some(entry) = entry {
            p.note {
                "version " (entry.version) ", created " (entry.created)
                @if let Some(session) = entry.ephemeral { ", ephemeral, of session " code { (session) } }
            }
            @if !entry.value.is_empty() { pre { (text(&entry.value, VALUE)) } }
        }
        @for name in children.iter().take(MOST) {
            @let child = below(name);
            details data-key=(child) {
                summary { a href=(format!("/tree?key={}", encoded(&child))) { (name) } }
                div {}
            }
        }
        (more(children.len(), MOST))
    };
    if is_part {
        return part;
    }
    let up = at.rsplit_once('/').map(|(up, _)| if up.is_empty() { "/" } else { up }).filter(|_| at != "/");
    document(
        at,
        html! {
            h1 { (at) }
            @if let Some(up) = up { p { a href=(format!("/tree?key={}", encoded(up))) { "Up to " (up) } } }
            @if entry.is_none() && children.is_empty() { (none("There is no such entry.")) }
            (part)
        },
        None,
    )
}
