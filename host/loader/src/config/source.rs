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
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::File { path, line } => write!(f, "{}:{line}", path.display()),
            Source::Environment(name) => write!(f, "environment variable {name}"),
            Source::Set(option) => f.write_str(option),
        }
    }
}
