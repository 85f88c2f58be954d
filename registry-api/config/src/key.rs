//! What is known of a key before anybody writes it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// One key of a plugin's configuration, as the plugin describes it to its host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigKey {
    /// The name below `registry.<type>`, in kebab-case, nested ones joined by dots: `tls.ca-file`.
    pub name: Cow<'static, str>,
    /// The kind of value in a word or two: `duration`, `list of host:port`.
    pub kind: Cow<'static, str>,
    /// The default as it would be written; empty for none.
    pub default: Cow<'static, str>,
    /// One line of documentation.
    pub doc: Cow<'static, str>,
    /// Whether the value is never shown.
    pub secret: bool,
    /// The key that it is another name of, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias_of: Option<Cow<'static, str>>,
}

impl ConfigKey {
    /// A key whose value may be shown.
    pub const fn new(name: &'static str, kind: &'static str, default: &'static str, doc: &'static str) -> Self {
        ConfigKey {
            name: Cow::Borrowed(name),
            kind: Cow::Borrowed(kind),
            default: Cow::Borrowed(default),
            doc: Cow::Borrowed(doc),
            secret: false,
            alias_of: None,
        }
    }

    /// The same key, its value never shown.
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }
}
