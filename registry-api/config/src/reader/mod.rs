//! Reading a section of a configuration into its own type.
//!
//! The host hands a plugin its section with every scalar as text. [`from_value`] reads the text as what the type asks
//! for, and refuses what it can't read with the key's full path, the value, and what is accepted:
//!
//! ```
//! use std::{path::PathBuf, time::Duration};
//!
//! use registry_config::{Secret, from_value};
//! use serde::Deserialize;
//!
//! #[derive(Deserialize)]
//! #[serde(default)]
//! struct Config {
//!     endpoints: Vec<String>,
//!     user: Option<String>,
//!     password: Secret,
//!     #[serde(with = "registry_config::duration")]
//!     retry_delay: Duration,
//!     ca_file: Option<PathBuf>,
//! }
//!
//! impl Default for Config {
//!     fn default() -> Self {
//!         Config {
//!             endpoints: vec!["127.0.0.1:2379".to_owned()],
//!             user: None,
//!             password: Secret::default(),
//!             retry_delay: Duration::from_millis(60),
//!             ca_file: None,
//!         }
//!     }
//! }
//!
//! let section = serde_json::json!({"endpoints": "10.0.0.1:2379, 10.0.0.2:2379", "retryDelay": "300ms"});
//! let config: Config = from_value(&section, "registry.etcd")?;
//! assert_eq!(config.endpoints, ["10.0.0.1:2379", "10.0.0.2:2379"]);
//! assert_eq!(config.retry_delay, Duration::from_millis(300));
//!
//! let section = serde_json::json!({"retry-delay": "30"});
//! let refused = from_value::<Config>(&section, "registry.etcd").map(drop).unwrap_err();
//! assert!(refused.to_string().starts_with("registry.etcd.retry-delay: \"30\" has no unit; accepted: "));
//! # Ok::<(), registry_config::ConfigError>(())
//! ```
//!
//! # Behavior
//!
//! A struct's keys are found in kebab-case and camelCase alike, whatever case its fields are written or renamed in, and
//! a key that it doesn't have is refused. The keys of a map are the user's own and stay as they are. A list may be one
//! text with commas in it. An `Option` is `None` where nothing is written, or an empty text. `bool` is `true`, `false`,
//! `yes`, `no`, `on` or `off`. An enum is its variant's name.
//!
//! `#[serde(flatten)]`, and enums that are untagged or tagged inside, hide from a reader what they are: below them
//! there are only texts, and unknown keys go unnoticed.

mod fields;
mod list;
mod refused;
#[cfg(test)]
mod tests;
mod value;
mod variant;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::ConfigError;
use value::Reader;

/// Reads a section into the type of a backend's configuration; `prefix` is the section's own key, `registry.etcd`.
///
/// # Errors
///
/// The first key that is refused, by its full path.
pub fn from_value<T: DeserializeOwned>(section: &Value, prefix: &str) -> Result<T, ConfigError> {
    let reader = Reader::section(section, prefix);
    reader.read(std::marker::PhantomData).map_err(|refused| refused.into_config_error(prefix))
}

/// Reads a section that is given as JSON text, as [`from_value`].
///
/// # Errors
///
/// As [`from_value`], and what is not JSON.
pub fn from_slice<T: DeserializeOwned>(json: &[u8], prefix: &str) -> Result<T, ConfigError> {
    from_value(&parse_json(json, prefix)?, prefix)
}

/// Reads one text as the value of `key`.
pub(crate) fn from_text<T: crate::Value>(text: &str, key: &str) -> Result<T, ConfigError> {
    let value = Value::String(text.to_owned());
    let read = T::read(Reader::section(&value, key));
    read.map_err(|refused| refused.at(key, Some(text)).into_config_error(key))
}

/// A section that is given as JSON text, unread.
///
/// # Errors
///
/// What is not JSON; nothing of the text is repeated.
pub fn parse_json(json: &[u8], prefix: &str) -> Result<Value, ConfigError> {
    serde_json::from_slice(json).map_err(|error| {
        ConfigError::at(prefix, format!("is not JSON at line {} column {}", error.line(), error.column()))
    })
}
