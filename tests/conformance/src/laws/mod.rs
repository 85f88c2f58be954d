//! The laws, a chapter each.

mod calls;
mod consumers;
mod deleting;
mod entries;
mod errors;
mod holding;
mod keys;
mod leadership;
mod limits;
mod locks;
mod namespaces;
mod outcomes;
mod reading;
mod session;
mod steps;
mod txn;
mod values;
mod watching;
mod writing;

use crate::law::Law;

/// All chapters.
pub(crate) const CHAPTERS: &[&[Law]] = &[
    keys::LAWS,
    values::LAWS,
    entries::LAWS,
    namespaces::LAWS,
    reading::LAWS,
    txn::LAWS,
    limits::LAWS,
    writing::LAWS,
    deleting::LAWS,
    outcomes::LAWS,
    session::LAWS,
    calls::LAWS,
    watching::LAWS,
    consumers::LAWS,
    locks::LAWS,
    holding::LAWS,
    leadership::LAWS,
    errors::LAWS,
];
