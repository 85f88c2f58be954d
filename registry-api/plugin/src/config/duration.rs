//! Durations in words, `60s` or `300ms`, or in milliseconds, `30000`:
//! `#[serde(with = "registry_plugin::config::duration")]`.

use std::fmt;
use std::time::Duration;

use registry_api::config as words;
use serde::de::{Deserializer, Error, Visitor};

struct Words;

impl Visitor<'_> for Words {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(words::ACCEPTED_DURATION)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        words::duration(text).map_err(E::custom)
    }
}

/// Reads a duration in words.
///
/// # Errors
/// What is wrong with the text, such as a bare number so small that seconds may be meant.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    deserializer.deserialize_str(Words)
}

/// Durations that may be left out, beside `#[serde(default)]`:
/// `#[serde(default, with = "registry_plugin::config::duration::option")]`.
pub mod option {
    use super::{Deserializer, Duration, Error, Visitor, Words, fmt};

    struct Optional;

    impl<'de> Visitor<'de> for Optional {
        type Value = Option<Duration>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            Words.expecting(f)
        }

        fn visit_none<E: Error>(self) -> Result<Option<Duration>, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Duration>, D::Error> {
            super::deserialize(deserializer).map(Some)
        }
    }

    /// Reads a duration in words, if one is written.
    ///
    /// # Errors
    /// What is wrong with the text, such as a bare number so small that seconds may be meant.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        deserializer.deserialize_option(Optional)
    }
}
