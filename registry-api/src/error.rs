//! Errors: what happened, whether it was applied, and whether trying again can help (contract 7).

mod causes;

use std::fmt;

use self::causes::Causes;
use crate::InvalidKey;

/// The result of an operation on a registry.
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $kind:ident),+ $(,)?) => {
        /// What kind of error it is; stable, to be matched on.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[non_exhaustive]
        pub enum ErrorKind {
            $($(#[doc = $doc])+ $kind,)+
        }

        impl ErrorKind {
            /// Every kind that this version of the contract knows.
            pub const ALL: &'static [ErrorKind] = &[$(ErrorKind::$kind),+];

            /// The kind's name as it is written in code and in JSON, such as `HasChildren`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(ErrorKind::$kind => stringify!($kind),)+
                }
            }
        }
    };
}

kinds! {
    /// A key breaks the rules of 1.1, or the root was to be written or listed.
    InvalidKey,
    /// A value is longer than 1.2 allows.
    ValueTooLarge,
    /// A Txn breaks the limits of 3.1.
    InvalidTxn,
    /// The configuration is wrong.
    InvalidConfig,
    /// There is no such entry.
    NotFound,
    /// A check of the Txn did not hold; [`Error::failed_checks`] names at least one.
    ConditionFailed,
    /// An entry with children can't be deleted, made ephemeral or used as a lock.
    HasChildren,
    /// An ephemeral entry can't have children.
    EphemeralParent,
    /// The write was applied, but the entry it was conditional on had been deleted and recreated (3.7).
    VersionRace,
    /// The lock was not acquired: someone else holds it, or the limit ran out.
    NotAcquired,
    /// The lock that was held is lost.
    LockLost,
    /// The deadline passed.
    Timeout,
    /// The registry can't be reached.
    Unavailable,
    /// The session that the call needed has ended.
    SessionLost,
    /// The registry was closed.
    Closed,
    /// The user or password is wrong, or a certificate was refused.
    Unauthenticated,
    /// The user may not do this.
    PermissionDenied,
    /// The plugin or the server doesn't know this check, operation or flag; nothing was applied.
    Unsupported,
    /// The plugin panicked in this call.
    PluginPanicked,
    /// No plugin could be loaded.
    PluginRejected,
    /// Anything else, and kinds newer than this host.
    Other,
}

impl ErrorKind {
    /// The kind of that [name](ErrorKind::name).
    pub fn from_name(name: &str) -> Option<Self> {
        ErrorKind::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    const fn default_outcome(self) -> Outcome {
        match self {
            ErrorKind::Timeout
            | ErrorKind::Unavailable
            | ErrorKind::SessionLost
            | ErrorKind::PluginPanicked
            | ErrorKind::Other => Outcome::Unknown,
            ErrorKind::VersionRace => Outcome::Applied,
            _ => Outcome::NotApplied,
        }
    }

    const fn default_retryable(self) -> bool {
        matches!(self, ErrorKind::Timeout | ErrorKind::Unavailable | ErrorKind::SessionLost | ErrorKind::NotAcquired)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether a failed write was applied (3.6).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// Certainly not.
    NotApplied,
    /// It may have been, or may still be.
    Unknown,
    /// It was, though not as it was asked for (`VersionRace`).
    Applied,
}

impl Outcome {
    /// The outcome's name as it is written in code and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Outcome::NotApplied => "NotApplied",
            Outcome::Unknown => "Unknown",
            Outcome::Applied => "Applied",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What went wrong, in which operation, on which key and in which plugin.
#[derive(Clone)]
pub struct Error(Box<Details>);

#[derive(Clone)]
struct Details {
    kind: ErrorKind,
    outcome: Outcome,
    retryable: bool,
    message: String,
    operation: Option<String>,
    key: Option<String>,
    plugin: Option<String>,
    causes: Causes,
    failed_checks: Vec<usize>,
}

impl Error {
    /// An error with the outcome and the advice on trying again that are usual for its kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error(Box::new(Details {
            kind,
            outcome: kind.default_outcome(),
            retryable: kind.default_retryable(),
            message: message.into(),
            operation: None,
            key: None,
            plugin: None,
            causes: Causes::default(),
            failed_checks: Vec::new(),
        }))
    }

    /// A Txn whose checks of these numbers, counted from 0, did not hold.
    pub fn condition_failed(checks: impl Into<Vec<usize>>) -> Self {
        let mut error = Error::new(ErrorKind::ConditionFailed, "a check did not hold, nothing was written");
        error.0.failed_checks = checks.into();
        error
    }

    /// Sets whether the write was applied.
    #[must_use]
    pub fn set_outcome(mut self, outcome: Outcome) -> Self {
        self.0.outcome = outcome;
        self
    }

    /// Sets whether trying again can help.
    #[must_use]
    pub fn set_retryable(mut self, retryable: bool) -> Self {
        self.0.retryable = retryable;
        self
    }

    /// Names the operation, unless one is named already.
    #[must_use]
    pub fn or_operation(mut self, operation: &str) -> Self {
        self.0.operation.get_or_insert_with(|| operation.to_owned());
        self
    }

    /// Names the key, unless one is named already.
    #[must_use]
    pub fn or_key(mut self, key: impl AsRef<str>) -> Self {
        self.0.key.get_or_insert_with(|| key.as_ref().to_owned());
        self
    }

    /// Has the [message](Error::message) name the key, too, for those who show nothing else of the error. An invalid
    /// key is named by its message as far as it can be shown.
    #[must_use]
    pub fn with_key_in_message(mut self) -> Self {
        let named = matches!(self.0.kind, ErrorKind::InvalidKey | ErrorKind::InvalidConfig) || self.0.said().1;
        if let Some(key) = self.0.key.as_deref().filter(|_| !named) {
            self.0.message = format!("{key}: {}", self.0.message);
        }
        self
    }

    /// Names the plugin, unless one is named already.
    #[must_use]
    pub fn or_plugin(mut self, plugin: &str) -> Self {
        self.0.plugin.get_or_insert_with(|| plugin.to_owned());
        self
    }

    /// Adds an error and its own sources to the chain of causes, skipping text that repeats what stands before it.
    #[must_use]
    pub fn with_cause(mut self, cause: &(dyn std::error::Error + 'static)) -> Self {
        self.0.causes.add(cause);
        self
    }

    /// The same, and keeps the error: [`source`](std::error::Error::source) can then be downcast to its type. Of
    /// several the first is kept. Across the plugin interface only its text goes.
    #[must_use]
    pub fn with_source(mut self, cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.0.causes.keep(cause);
        self
    }

    /// Adds one line to the chain of causes.
    #[must_use]
    pub fn with_cause_text(mut self, cause: impl Into<String>) -> Self {
        self.0.causes.add_line(cause.into());
        self
    }

    /// Sets which checks did not hold, counted from 0.
    #[must_use]
    pub fn set_failed_checks(mut self, checks: impl Into<Vec<usize>>) -> Self {
        self.0.failed_checks = checks.into();
        self
    }

    /// The kind, to be matched on.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether a write was applied; for anything else it says nothing.
    pub fn outcome(&self) -> Outcome {
        self.0.outcome
    }

    /// Whether the same call can succeed later without anything else being changed.
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    /// What happened and what to do, in one sentence.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The operation that failed, such as `put`.
    pub fn operation(&self) -> Option<&str> {
        self.0.operation.as_deref()
    }

    /// The key that it was about.
    pub fn key(&self) -> Option<&str> {
        self.0.key.as_deref()
    }

    /// The plugin that it comes from.
    pub fn plugin(&self) -> Option<&str> {
        self.0.plugin.as_deref()
    }

    /// The chain of causes, outermost first.
    pub fn causes(&self) -> &[String] {
        self.0.causes.lines()
    }

    /// Which checks of a Txn did not hold, counted from 0; at least one for `ConditionFailed`.
    pub fn failed_checks(&self) -> &[usize] {
        &self.0.failed_checks
    }
}

impl Details {
    /// The message without the key before it, and whether it had it.
    fn said(&self) -> (&str, bool) {
        let rest = self.key.as_deref().and_then(|key| self.message.strip_prefix(key)?.strip_prefix(": "));
        (rest.unwrap_or(&self.message), rest.is_some())
    }
}

impl From<InvalidKey> for Error {
    fn from(invalid: InvalidKey) -> Self {
        Error::new(ErrorKind::InvalidKey, invalid.to_string()).or_key(invalid.key())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = &*self.0;
        // A wrong configuration is wrong whatever was to be done with it.
        let operation = parts.operation.as_deref().filter(|_| parts.kind != ErrorKind::InvalidConfig);
        // An invalid key may be long and hold control characters; the message shows what is needed of it.
        let key = parts.key.as_deref().filter(|_| parts.kind != ErrorKind::InvalidKey);
        match (operation, key) {
            (Some(operation), Some(key)) => write!(f, "{operation} {key}: ")?,
            (Some(about), None) | (None, Some(about)) => write!(f, "{about}: ")?,
            (None, None) => {}
        }
        f.write_str(if key.is_some() { parts.said().0 } else { &parts.message })?;
        for cause in parts.causes.lines() {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = &*self.0;
        f.debug_struct("Error")
            .field("kind", &parts.kind)
            .field("outcome", &parts.outcome)
            .field("retryable", &parts.retryable)
            .field("operation", &parts.operation)
            .field("key", &parts.key)
            .field("plugin", &parts.plugin)
            .field("message", &parts.message)
            .field("causes", &parts.causes.lines())
            .field("failed_checks", &parts.failed_checks)
            .finish()
    }
}

/// The text of an error has those of its causes in it; the sources are there to be downcast.
impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.causes.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_with_all_parts() {
        let error = Error::new(ErrorKind::Unavailable, "no endpoint answers, check that the server runs")
            .or_operation("put")
            .or_operation("commit")
            .or_key("/a")
            .with_cause(&std::io::Error::other("connection refused"));
        assert_eq!(error.to_string(), "put /a: no endpoint answers, check that the server runs: connection refused");
        assert!(error.is_retryable());
        assert_eq!(error.outcome(), Outcome::Unknown);
        let named = error.clone().with_key_in_message().with_key_in_message();
        assert_eq!(named.message(), "/a: no endpoint answers, check that the server runs");
        assert_eq!(named.to_string(), error.to_string(), "it is told once");
    }

    #[test]
    fn names_lead_back_to_their_kind() {
        for kind in ErrorKind::ALL {
            assert_eq!(ErrorKind::from_name(kind.name()), Some(*kind));
        }
    }
}
