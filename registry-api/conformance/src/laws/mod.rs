//! The laws, a chapter each.

mod calls;
mod consumers;
mod deleting;
mod entries;
mod errors;
mod events;
mod fencing;
mod holders;
mod keys;
mod leadership;
mod limits;
mod locks;
mod loss;
mod namespaces;
mod outcomes;
mod queues;
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
    events::LAWS,
    consumers::LAWS,
    locks::LAWS,
    holders::LAWS,
    loss::LAWS,
    fencing::LAWS,
    queues::LAWS,
    leadership::LAWS,
    errors::LAWS,
];
