//! Why a text is no URL of a service.

use std::fmt;

/// How much of a text is shown.
const SHOWN: usize = 120;

/// A text that is no URL of a service, or a URL that can't be registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlError {
    field: String,
    problem: String,
}

impl UrlError {
    pub(crate) fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        UrlError { field: field.into(), problem: problem.into() }
    }

    /// The part of the URL that is wrong: `protocol`, `host`, `port`, `path`, or a parameter's name.
    pub fn field(&self) -> &str {
        &self.field
    }
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.problem)
    }
}

impl std::error::Error for UrlError {}

impl From<UrlError> for registry_host::Error {
    fn from(error: UrlError) -> Self {
        registry_host::Error::new(registry_host::ErrorKind::InvalidKey, format!("no URL of a service: {error}"))
    }
}

/// A text in quotes, cut if it is long.
pub(crate) fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}
