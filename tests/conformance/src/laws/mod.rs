//! The laws, a chapter each.

mod deleting;
mod entries;
mod keys;
mod limits;
mod namespaces;
mod reading;
mod steps;
mod txn;
mod values;
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
];
