//! How a configuration is written: names, durations, secrets, keys, and reading a section into a type.
//!
//! The host merges the layers, and a plugin reads its own section. What a text means is the same on both sides, because
//! both ask here:
//!
//! | to | there is |
//! |---|---|
//! | read a section into a struct | [`from_value`] |
//! | read a duration | [`duration::parse`] |
//! | compare names, or guess what one was meant to be | [`kebab`], [`nearest`], [`slip_of`] |
//! | show a value | [`quoted`], [`redacted`], [`Secret`] |
//! | refuse one | [`ConfigError`], with the [`Source`] that wrote it |
//! | declare a struct of keys, with their defaults and descriptions | [`config!`], [`ConfigKey`] |

#![forbid(unsafe_code)]

pub mod duration;
mod error;
mod key;
mod names;
pub mod reader;
mod redaction;
mod secret;
#[doc(hidden)]
pub mod section;
mod source;
mod value;

pub use error::ConfigError;
pub use key::ConfigKey;
pub use names::{kebab, nearest, slip_of};
pub use reader::{from_slice, from_value};
pub use redaction::{HIDDEN, names_secret, quoted, redacted};
pub use secret::Secret;
pub use section::Section;
pub use source::Source;
pub use value::Value;

#[doc(hidden)]
pub use serde;
