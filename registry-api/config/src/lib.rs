//! How a configuration is written: names, durations, secrets, keys, and reading a section into a type.
//!
//! The host merges the layers, and a plugin reads its own section. What a text means is the same on both sides, because
//! both ask here.
//!
//! # Declare keys, and read them
//!
//! [`config!`] makes a struct of keys, with their defaults and descriptions. [`from_value`] reads a section into it.
//!
//! ```
//! use std::time::Duration;
//!
//! use registry_config::{Section, Secret, config, from_value};
//!
//! config! {
//!     /// What stands under `registry.mine`.
//!     #[derive(Debug)]
//!     pub struct Config {
//!         /// The pause between two attempts.
//!         pub retry_delay: Duration = "300ms",
//!         /// The user's password.
//!         pub password: Option<Secret>,
//!     }
//! }
//!
//! let config: Config = from_value(&serde_json::json!({"retryDelay": "1s"}), "registry.mine")?;
//! assert_eq!(config.retry_delay, Duration::from_secs(1));
//! assert_eq!(Config::keys()[0].name, "retry-delay");
//!
//! let refused = from_value::<Config>(&serde_json::json!({"retry-delay": "1"}), "registry.mine");
//! let message = refused.expect_err("seconds or milliseconds?").to_string();
//! assert!(message.starts_with(r#"registry.mine.retry-delay: "1" has no unit"#), "{message}");
//! # Ok::<(), registry_config::ConfigError>(())
//! ```
//!
//! # Read a duration
//!
//! ```
//! use std::time::Duration;
//!
//! use registry_config::duration;
//!
//! assert_eq!(duration::parse("1m30s"), Ok(Duration::from_secs(90)));
//! assert!(duration::parse("5").is_err(), "it has no unit");
//! ```
//!
//! # Compare names
//!
//! ```
//! use registry_config::{kebab, nearest};
//!
//! assert_eq!(kebab("retryDelay"), "retry-delay");
//! assert_eq!(nearest("endpoint", ["endpoints", "namespace"]), Some("endpoints"));
//! ```
//!
//! # Hide secrets
//!
//! A [`Secret`] shows itself to nobody who does not [ask](Secret::expose). Other values are hidden by the names of
//! their keys.
//!
//! ```
//! use registry_config::redacted;
//!
//! assert_eq!(redacted("registry.mine.password", "hunter2"), "<hidden>");
//! assert_eq!(redacted("registry.mine.server", "http://me:hunter2@host"), "http://<hidden>@host");
//! ```
//!
//! # Refuse a value
//!
//! ```
//! use registry_config::{ConfigError, Source};
//!
//! let refused = ConfigError::at("registry.mine.port", "is not a port; accepted: 1 to 65535");
//! let refused = refused.value("0").written_at(&Source::Set("--set"));
//! assert_eq!(refused.to_string(), r#"registry.mine.port: "0" is not a port; accepted: 1 to 65535 (--set)"#);
//! ```

#![forbid(unsafe_code)]

pub mod duration;
mod error;
mod key;
mod names;
pub mod reader;
mod redaction;
mod secret;
#[doc(hidden)]
pub mod section;
mod source;
mod value;

pub use error::ConfigError;
pub use key::ConfigKey;
pub use names::{kebab, nearest, slip_of};
pub use reader::{from_slice, from_value};
pub use redaction::{HIDDEN, names_secret, quoted, redacted};
pub use secret::Secret;
pub use section::Section;
pub use source::Source;
pub use value::Value;

#[doc(hidden)]
pub use serde;
