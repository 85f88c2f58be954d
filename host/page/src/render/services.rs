//! Services: who provides and consumes them.

use std::collections::BTreeMap;

use maud::{Markup, html};
use registry_discovery::{Listed, Role};

use super::shared::{badge, more, none};

/// How many services are shown, and how many addresses of each.
const MOST: usize = 100;
const ADDRESSES: usize = 5;

/// Each interface, and each application, with who is there.
pub(super) fn services(listed: &BTreeMap<String, Listed>) -> Markup {
    let mut by_name: BTreeMap<&str, Vec<&Listed>> = BTreeMap::new();
    for listed in listed.values() {
        let name = listed.interface.as_deref().or(listed.application.as_deref());
        by_name.entry(name.unwrap_or_default()).or_default().push(listed);
    }
    html! {
        h2 { "Services" }
        @if by_name.is_empty() { (none("No service is registered.")) } @else {
            div.wide { table {
                thead { tr {
                    th { "Service or application" } th { "Providers" } th { "Consumers" } th { "Instances" }
                    th { "Where" } th { "Note" }
                } }
                tbody { @for (name, of_name) in by_name.iter().take(MOST) { tr data-row=(name) { (row(name, of_name)) } } }
            } }
            (more(by_name.len(), MOST))
        }
    }
}

fn row(name: &str, listed: &[&Listed]) -> Markup {
    let of = |role| listed.iter().filter(|listed| listed.role == role && !is_unreadable(listed)).count();
    let offers = |listed: &&&Listed| [Some(Role::Provider), None].contains(&listed.role);
    let addresses: Vec<_> =
        listed.iter().filter(offers).filter_map(|listed| listed.address.as_deref()).take(ADDRESSES + 1).collect();
    let unreadable = listed.iter().filter(|listed| is_unreadable(listed)).count();
    html! {
        td { (name) }
        td { (of(Some(Role::Provider))) }
        td { (of(Some(Role::Consumer))) }
        td { (of(None)) }
        td {
            @for address in addresses.iter().take(ADDRESSES) { code { (address) } " " }
            @if addresses.len() > ADDRESSES { "and more" }
        }
        td { @if unreadable > 0 { (badge("unreadable")) " " (unreadable) } }
    }
}

fn is_unreadable(listed: &Listed) -> bool {
    matches!(listed.url, Some(Err(_)))
}
