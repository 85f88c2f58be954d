//! The page as HTML. Whatever comes from the registry is text: it is escaped wherever it is written.

mod cluster;
mod registry;
mod services;
mod shared;
mod task;
mod tasks;

use maud::{DOCTYPE, Markup, html};
use registry_cluster::Cluster;

use self::shared::encoded;
pub(crate) use self::{
    registry::tree,
    task::{task, task_section},
};
use crate::{board::Board, feed::Section, filter::Filter};

/// Every section as it is now, in the page's order.
pub(crate) fn sections(cluster: &Cluster, board: &Board, filter: &Filter) -> Vec<Section> {
    let known = board.known();
    let mut sections = vec![
        ("header", registry::header(cluster.registry(), &known)),
        ("servers", cluster::servers(cluster, &known)),
        ("groups", cluster::groups(cluster, &known)),
        ("tasks", tasks::list(cluster, &known, filter)),
        ("locks", registry::locks(&known)),
        ("sessions", registry::sessions(cluster.registry(), &known)),
        ("operations", registry::operations(&known)),
        ("events", registry::events(&known, filter)),
    ];
    if let Some(listed) = &known.services {
        sections.insert(3, ("services", services::services(listed)));
    }
    sections.into_iter().map(|(id, markup)| (id, markup.into_string().into())).collect()
}

/// What depends on a filter, shown by it.
pub(crate) fn filtered(cluster: &Cluster, board: &Board, filter: &Filter) -> [Section; 2] {
    let known = board.known();
    let sections = [("tasks", tasks::list(cluster, &known, filter)), ("events", registry::events(&known, filter))];
    sections.map(|(id, markup)| (id, markup.into_string().into()))
}

/// The whole page.
pub(crate) fn page(sections: &[Section], may_change: bool, filter: &Filter) -> Markup {
    let body = html! {
        @for (id, section) in sections {
            // Before what it is about, and outside: what is being typed stays.
            @if *id == "tasks" { (filter_form(filter)) }
            section id=(id) aria-live="off" { (maud::PreEscaped(section)) }
        }
        section id="tree" {
            h2 { "Registry" }
            details id="tree-root" data-key="/" {
                summary { a href="/tree?key=/" { "/" } }
                div {}
            }
        }
        @if may_change { (tasks::form()) } @else {
            p.note { "To submit, cancel or retry tasks, open the address with its token, as it was printed." }
        }
    };
    let stream = match filter.is_empty() {
        true => "/events".to_owned(),
        false => format!("/events?tasks={}&events={}", encoded(&filter.tasks), encoded(&filter.events)),
    };
    document("registry", body, Some(&stream))
}

/// Asks what is to be shown of tasks and events.
fn filter_form(filter: &Filter) -> Markup {
    html! {
        form.filter method="get" action="/" role="search" {
            label { "Only tasks with" input type="search" name="tasks" value=(filter.tasks) maxlength="200"; }
            label { "Only events with" input type="search" name="events" value=(filter.events) maxlength="200"; }
            button { "Filter" }
            @if !filter.is_empty() { a href="/" { "Show all" } }
        }
    }
}

/// A page with a title, and the stream that its sections change by.
pub(crate) fn document(title: &str, body: Markup, stream: Option<&str>) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" href="data:,";
                link rel="stylesheet" href="/page.css";
                script src="/page.js" defer {}
            }
            body data-live=[stream] {
                a.skip href="#main" { "Skip to the content" }
                nav { a href="/" { "registry" } }
                noscript { p.note { "Without JavaScript this page shows one moment. Load it again for another." } }
                p #stale role="status" hidden { "The page's stream is broken: what is shown is old." }
                main id="main" { (body) }
            }
        }
    }
}
