//! What is wrong with a configuration.

use std::fmt;

use registry_api::{Error, ErrorKind};

use crate::{HIDDEN, Source, quoted};

/// A refused configuration: which key, its value, where it is written, what is wrong with it and what is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    key: Option<String>,
    value: Option<String>,
    problem: String,
    source: Option<Source>,
}

impl ConfigError {
    /// A configuration that is wrong as a whole, not at one key.
    pub fn new(problem: impl Into<String>) -> Self {
        Self { key: None, value: None, problem: problem.into(), source: None }
    }

    /// A key that is refused, by its full path, such as `registry.etcd.tls.ca-file`; the problem is read after the key.
    pub fn at(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { key: Some(key.into()), ..Self::new(problem) }
    }

    /// The value that was refused; it is kept only as it may be shown, so the key must be known by now.
    #[must_use]
    pub fn value(mut self, value: &str) -> Self {
        self.value = Some(quoted(self.key.as_deref().unwrap_or_default(), value));
        self
    }

    /// A value as it may be shown: quoted, a secret as `<hidden>`.
    #[must_use]
    pub(crate) fn shown(mut self, value: Option<String>) -> Self {
        self.value = value;
        self
    }

    /// Where the key, or the whole, is written.
    #[must_use]
    pub fn written_at(mut self, source: &Source) -> Self {
        if source.is_secret() && self.value.is_some() {
            self.value = Some(HIDDEN.to_owned());
        }
        self.source = Some(source.clone());
        self
    }

    /// The key's full path; `None` for a configuration that is wrong as a whole.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// All but the key.
    fn message(&self) -> impl fmt::Display + '_ {
        fmt::from_fn(move |f| {
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
        })
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "{key}: {}", self.message()),
            None => self.message().fmt(f),
        }
    }
}

impl std::error::Error for ConfigError {}

impl From<ConfigError> for Error {
    fn from(refused: ConfigError) -> Self {
        let error = Error::new(ErrorKind::InvalidConfig, refused.message().to_string());
        match refused.key {
            Some(key) => error.or_key(key),
            None => error,
        }
    }
}
