//! What is wrong with a section.

use std::fmt;

use registry_api::config::{self as words, HIDDEN, kebab, nearest};
use registry_api::{Error, ErrorKind};
use serde::de::{Expected, Unexpected};

/// A refused key of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The key's full path, such as `registry.etcd.tls.ca-file`.
    pub key: String,
    /// The value that was refused, as it may be shown: quoted, a secret as `<hidden>`; none for a whole list or map.
    pub value: Option<String>,
    /// What is wrong with it and what is accepted, to be read after key and value.
    pub message: String,
}

impl ConfigError {
    fn without_key(&self) -> String {
        match &self.value {
            Some(value) => format!("{value} {}", self.message),
            None => self.message.clone(),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.without_key())
    }
}

impl std::error::Error for ConfigError {}

impl From<ConfigError> for Error {
    fn from(refused: ConfigError) -> Self {
        Error::new(ErrorKind::InvalidConfig, refused.without_key()).with_key(refused.key)
    }
}

/// A refusal on its way up, until it has passed a place that knows its key.
#[derive(Debug)]
pub(crate) struct Refused {
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
    pub(crate) fn new(message: impl Into<String>) -> Self {
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
    pub(crate) fn of_key(key: String, message: impl Into<String>) -> Self {
        Self { key: Some(key), ..Self::new(message) }
    }

    /// Marks the value as a secret.
    pub(crate) fn hidden(mut self) -> Self {
        self.secret = true;
        self
    }

    /// Marks the value as a list that is not shown.
    pub(crate) fn whole(mut self) -> Self {
        self.whole = true;
        self
    }

    /// Adds key and value, unless a place further down has done so.
    pub(crate) fn at(mut self, key: &str, text: Option<&str>) -> Self {
        if self.key.is_some() {
            return self;
        }
        if let Some(field) = self.field {
            self.key = Some(format!("{key}.{}", kebab(field)));
            return self;
        }
        if let Some(text) = text.filter(|_| !self.whole) {
            let hides = self.secret || words::redacted(key, text) != text;
            if hides && self.foreign {
                self.message = "is not accepted".to_owned();
            }
            self.value = Some(if self.secret { HIDDEN.to_owned() } else { words::quoted(key, text) });
        }
        self.key = Some(key.to_owned());
        self
    }

    pub(crate) fn into_config_error(self, prefix: &str) -> ConfigError {
        let Self { key, value, message, .. } = self.at(prefix, None);
        ConfigError { key: key.unwrap_or_default(), value, message }
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
pub(crate) fn suggestion(name: &str, accepted: &[&str], prefix: &str) -> String {
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
