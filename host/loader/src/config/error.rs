//! What is wrong with a configuration.

use std::fmt;

use registry_api::config::{HIDDEN, quoted};
use registry_api::{Error, ErrorKind};

use super::source::Source;

/// A refused configuration: which key, where it was written, the value, and what is accepted.
#[derive(Debug)]
pub(crate) struct ConfigError {
    key: Option<String>,
    source: Option<Source>,
    value: Option<String>,
    problem: String,
}

pub(crate) type Result<T> = std::result::Result<T, ConfigError>;

impl ConfigError {
    /// A configuration that is wrong as a whole, not at one key.
    pub(crate) fn new(problem: impl Into<String>) -> Self {
        Self { key: None, source: None, value: None, problem: problem.into() }
    }

    /// A key that is refused.
    pub(crate) fn at(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { key: Some(key.into()), ..Self::new(problem) }
    }

    /// The value that was refused; it is kept only as it may be shown, so the key must be known by now.
    pub(crate) fn value(mut self, value: &str) -> Self {
        self.value = Some(quoted(self.key.as_deref().unwrap_or_default(), value));
        self
    }

    /// Where the key, or the whole, was written.
    pub(crate) fn source(mut self, source: &Source) -> Self {
        if source.is_secret() && self.value.is_some() {
            self.value = Some(HIDDEN.to_owned());
        }
        self.source = Some(source.clone());
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without a key it is the place that the sentence is about.
        if let (None, Some(source)) = (&self.key, &self.source) {
            return write!(f, "{source}: {}", self.problem);
        }
        if let Some(value) = &self.value {
            write!(f, "{value} ")?;
        }
        f.write_str(&self.problem)?;
        match &self.source {
            Some(source) => write!(f, " ({source})"),
            None => Ok(()),
        }
    }
}

impl From<ConfigError> for Error {
    fn from(refused: ConfigError) -> Self {
        let error = Error::new(ErrorKind::InvalidConfig, refused.to_string());
        match refused.key {
            Some(key) => error.with_key(key),
            None => error,
        }
    }
}
