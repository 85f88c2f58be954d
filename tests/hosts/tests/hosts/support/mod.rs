//! Hosts, what they have told, and where they meet.

mod book;
mod host;
mod site;

pub(crate) use self::{
    book::Book,
    host::{Host, Registered},
    site::{Site, on_both},
};
