//! Listings: a subtree read page by page (contract 2.3).

use crate::{Entry, Revision};

/// Which page of a listing is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// Where the page before ended; nothing asks for the first page.
    pub cursor: Option<Cursor>,
    /// The most entries that the page should hold; a backend may give fewer.
    pub limit: usize,
}

impl Page {
    /// The first page, of at most `limit` entries.
    pub const fn first(limit: usize) -> Self {
        Page { cursor: None, limit }
    }

    /// The page after `cursor`, of at most `limit` entries.
    pub const fn after(cursor: Cursor, limit: usize) -> Self {
        Page { cursor: Some(cursor), limit }
    }
}

/// Where a page ended. Its parts mean something to the backend that made it alone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cursor {
    /// The last key looked at, in the backend's own form.
    pub after: String,
    /// The revision that the whole listing is read at, for a backend that has one.
    pub revision: Revision,
}

impl Cursor {
    /// A cursor of these parts.
    pub fn new(after: impl Into<String>, revision: Revision) -> Self {
        Cursor { after: after.into(), revision }
    }
}

/// One page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Listing {
    /// Entries sorted by their keys' bytes, and where the next page begins; nothing ends the listing.
    Page {
        /// The entries.
        entries: Vec<Entry>,
        /// Where to go on.
        next: Option<Cursor>,
    },
    /// The cursor's revision can't be read any more: the listing begins again.
    Restart,
}

impl Listing {
    /// The last page.
    pub fn last(entries: Vec<Entry>) -> Self {
        Listing::Page { entries, next: None }
    }

    /// A page that others follow.
    pub fn page(entries: Vec<Entry>, next: Cursor) -> Self {
        Listing::Page { entries, next: Some(next) }
    }
}
