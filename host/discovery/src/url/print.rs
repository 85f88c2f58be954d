//! Writing the URL of a service.

use std::fmt;

use super::{
    ServiceUrl, UrlError,
    error::shown,
    escape::{escape, escape_value},
    parse::is_protocol,
};

impl ServiceUrl {
    /// The URL as it stands in a registry: escaped, as a key's last segment.
    ///
    /// # Errors
    ///
    /// Names the part that others could not read: one URL that they can't read may empty their whole list.
    pub fn leaf(&self) -> Result<String, UrlError> {
        if !is_protocol(&self.protocol) {
            return Err(UrlError::new("protocol", format!("{} is none", shown(&self.protocol))));
        }
        for (field, text) in [("host", &self.host), ("path", &self.path)] {
            if text.is_empty() {
                return Err(UrlError::new(field, "is empty"));
            }
            let is_special = |character: char| {
                character.is_whitespace() || character.is_control() || "%?#&=@+;[]\\\"<>^`{|}".contains(character)
            };
            if let Some(special) = text.chars().find(|character| is_special(*character)) {
                return Err(UrlError::new(field, format!("{} has {special:?} in it", shown(text))));
            }
        }
        if self.host.contains('/') {
            return Err(UrlError::new("host", format!("{} has a '/' in it", shown(&self.host))));
        }
        if self.path.starts_with('/') {
            return Err(UrlError::new("path", format!("{} begins with '/'", shown(&self.path))));
        }
        if self.parameters.contains_key("") {
            return Err(UrlError::new("parameters", "have one without a name"));
        }
        Ok(escape(&self.to_string()))
    }
}

/// The URL, with its parameters sorted by name.
impl fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.protocol, self.address())?;
        if !self.path.is_empty() {
            write!(f, "/{}", self.path)?;
        }
        for (number, (name, value)) in self.parameters.iter().enumerate() {
            let before = if number == 0 { '?' } else { '&' };
            write!(f, "{before}{}={}", escape_value(name), escape_value(value))?;
        }
        Ok(())
    }
}

/// A host, an IPv6 address in brackets.
pub(super) struct Host<'a>(pub(super) &'a str);

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.contains(':') {
            true => write!(f, "[{}]", self.0),
            false => f.write_str(self.0),
        }
    }
}
