//! A refusal on its way up.

use std::fmt;

use serde::de::{Expected, Unexpected};

use crate::{ConfigError, HIDDEN, kebab, nearest, quoted, redacted};

/// A refusal on its way up, until it has passed a place that knows its key.
#[derive(Debug)]
pub(super) struct Refused {
    key: Option<String>,
    value: Option<String>,
    message: String,
    /// The field of the place that it is about, where it is not about the place itself.
    field: Option<&'static str>,
    /// The message was not written here, so it may repeat the value.
    foreign: bool,
    /// The value is a secret, whatever its key is called.
    secret: bool,
    /// It is about a list as a whole, which is not shown.
    whole: bool,
}

impl Refused {
    /// A refusal of the value that is being read; the message must not repeat it.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            key: None,
            value: None,
            message: message.into(),
            field: None,
            foreign: false,
            secret: false,
            whole: false,
        }
    }

    /// A refusal of a key itself.
    pub(super) fn of_key(key: String, message: impl Into<String>) -> Self {
        Self { key: Some(key), ..Self::new(message) }
    }

    /// Marks the value as a secret.
    pub(super) fn hidden(mut self) -> Self {
        self.secret = true;
        self
    }

    /// Marks the value as a list that is not shown.
    pub(super) fn whole(mut self) -> Self {
        self.whole = true;
        self
    }

    /// Adds key and value, unless a place further down has done so.
    pub(super) fn at(mut self, key: &str, text: Option<&str>) -> Self {
        if self.key.is_some() {
            return self;
        }
        if let Some(field) = self.field {
            self.key = Some(format!("{key}.{}", kebab(field)));
            return self;
        }
        if let Some(text) = text.filter(|_| !self.whole) {
            let hides = self.secret || redacted(key, text) != text;
            if hides && self.foreign {
                self.message = "is not accepted".to_owned();
            }
            self.value = Some(if self.secret { HIDDEN.to_owned() } else { quoted(key, text) });
        }
        self.key = Some(key.to_owned());
        self
    }

    pub(super) fn into_config_error(self, prefix: &str) -> ConfigError {
        let Self { key, value, message, .. } = self.at(prefix, None);
        ConfigError::at(key.unwrap_or_default(), message).shown(value)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refused {}

impl serde::de::Error for Refused {
    fn custom<T: fmt::Display>(message: T) -> Self {
        // One line, whatever the author's message looks like.
        let message = message.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        Self { foreign: true, ..Self::new(message) }
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("is not accepted; accepted: {expected}"))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("is not accepted; accepted: {expected}"))
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::new(format!("has {length} values; accepted: {expected}")).whole()
    }

    fn unknown_variant(variant: &str, accepted: &'static [&'static str]) -> Self {
        Self::new(format!("is not accepted{}", suggestion(variant, accepted, "")))
    }

    fn missing_field(field: &'static str) -> Self {
        Self { field: Some(field), ..Self::new("is missing") }
    }
}

/// What was probably meant, and what would have been accepted.
pub(super) fn suggestion(name: &str, accepted: &[&str], prefix: &str) -> String {
    let mut names: Vec<String> = accepted.iter().map(|name| kebab(name)).collect();
    names.dedup();
    let meant = match nearest(name, names.iter().map(String::as_str)) {
        Some(meant) => format!("; did you mean {prefix}{meant}?"),
        None => String::new(),
    };
    match names.is_empty() {
        true => "; none is accepted".to_owned(),
        false => format!("{meant}; accepted: {}", names.join(", ")).replace("?;", "?"),
    }
}
