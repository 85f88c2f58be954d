//! Where a value was written.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Where a value of the configuration comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// Written nowhere: the built-in default.
    Default,
    /// A line of the configuration file.
    File {
        /// The file, as it was named to the host.
        path: Arc<Path>,
        /// The line of the value, counted from one.
        line: usize,
    },
    /// An environment variable, by its name.
    Environment(Arc<str>),
    /// Set by the host server or its command line, by the option's name.
    Set(&'static str),
    /// Written with placeholders in it.
    Placeholders {
        /// Where that is.
        at: Arc<Source>,
        /// What the placeholders stand for comes from: `${NAME} from environment variable NAME`.
        values: Arc<str>,
        /// Whether one of them is called like a secret, so that the value is not shown, whatever its key is called.
        secret: bool,
    },
}

impl Source {
    /// The value's own place, without what its placeholders came from.
    pub fn place(&self) -> &Source {
        match self {
            Source::Placeholders { at, .. } => at.place(),
            source => source,
        }
    }

    /// Whether the value may be a secret because of where it comes from.
    pub fn is_secret(&self) -> bool {
        matches!(self, Source::Placeholders { secret: true, .. })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::File { path, line } => write!(f, "{}:{line}", path.display()),
            Source::Environment(name) => write!(f, "environment variable {name}"),
            Source::Set(option) => f.write_str(option),
            Source::Placeholders { at, values, .. } => write!(f, "{at}, {values}"),
        }
    }
}
