//! The list of tasks, and the form that submits one.

use std::collections::BTreeMap;

use maud::{Markup, html};
use registry_cluster::Cluster;
use registry_tasks::{
    client::Why,
    record::{PRIORITIES, Record, State, now},
};

use super::shared::{badge, encoded, more, none, since};
use crate::{board::Known, filter::Filter};

/// How many tasks are listed.
const MOST: usize = 200;

/// How much of a command is shown, in characters.
const COMMAND: usize = 80;

/// Counts per state, then the tasks that were changed last.
pub(super) fn list(cluster: &Cluster, known: &Known, filter: &Filter) -> Markup {
    let (why, at) = (Why::of(cluster, known.records()), now());
    let mut counts: BTreeMap<State, usize> = BTreeMap::new();
    known.records().for_each(|record| *counts.entry(record.state).or_default() += 1);
    let unreadable = known.tasks.values().filter_map(|stored| stored.as_ref().err());
    // What can't be read has nothing to look for.
    let unreadable: Vec<_> = unreadable.filter(|_| filter.tasks.trim().is_empty()).collect();
    let mut records: Vec<&Record> = known.records().filter(|record| filter.takes_task(record)).collect();
    records.sort_by_key(|record| (record.state.has_ended(), std::cmp::Reverse(record.since)));
    html! {
        h2 { "Tasks" }
        p { @for (state, count) in &counts { (badge(state.name())) " " (count) " " } }
        @if known.tasks.is_empty() { (none("No task was submitted.")) }
        @else if records.is_empty() && unreadable.is_empty() { (none("No task has these words.")) } @else {
            div.wide { table {
                thead { tr {
                    th { "Task" } th { "Command" } th { "Group" } th { "State" } th { "Attempt" } th { "Worker" }
                    th { "Since" } th { "Why" }
                } }
                tbody {
                    @for task in unreadable.iter().take(MOST) { tr data-row=(task.id) {
                        td { (task.id) } td colspan="2" {} td { (badge("unknown")) } td colspan="3" {} td { (task.why) }
                    } }
                    @for record in records.iter().take(MOST) { tr data-row=(record.id.as_str()) {
                        td { a href=(format!("/tasks/{}", encoded(record.id.as_str()))) { (record.id.as_str()) } }
                        td { code { (command(record)) } }
                        td { (record.spec.group) }
                        td { (badge(record.state.name())) }
                        td { (record.attempt) }
                        td { @if let Some(worker) = &record.worker { (worker.address) } }
                        td { (since(record.since)) }
                        td { @if let Some(why) = why.it_waits(record, at) { (why) } }
                    } }
                }
            } }
            (more(records.len(), MOST))
        }
    }
}

/// A command as one would type it, and not too much of it.
pub(super) fn command(record: &Record) -> String {
    let whole = record.spec.command.join(" ");
    match whole.char_indices().nth(COMMAND) {
        Some((at, _)) => format!("{}…", &whole[..at]),
        None => whole,
    }
}

/// Submits a task.
pub(super) fn form() -> Markup {
    html! {
        section id="submit" {
            h2 { "Submit a task" }
            form method="post" action="/tasks" {
                label { "Command, a word a line" textarea name="command" rows="3" required {} }
                label { "Group" input name="group" value="default" required; }
                label { "Priority" select name="priority" {
                    @for (index, name) in PRIORITIES.iter().enumerate() {
                        option value=(index + 1) selected[*name == "medium"] { (name) }
                    }
                } }
                label.check { input type="checkbox" name="at_most_once" value="1"; "At most once" }
                button { "Submit" }
            }
        }
    }
}
