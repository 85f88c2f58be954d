//! The laws, a chapter each.

mod keys;
mod values;

use crate::law::Law;

/// All chapters.
pub(crate) const CHAPTERS: &[&[Law]] = &[keys::LAWS, values::LAWS];
