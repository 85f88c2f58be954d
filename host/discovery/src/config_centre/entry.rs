//! What is configured under one key.

use std::collections::BTreeMap;

use registry_host::{Entry, Result, Version, read_text};
use serde_json::Value;

/// What is configured under one key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigEntry {
    /// The content; bytes that are no UTF-8 are replaced.
    pub content: String,
    /// The version, to publish on the condition that it is still the same.
    pub version: Version,
}

impl ConfigEntry {
    pub(super) fn of(entry: Entry) -> Self {
        ConfigEntry { content: String::from_utf8_lossy(&entry.value).into_owned(), version: entry.version }
    }

    /// The content as YAML; every scalar is the text that is written, and nothing is null.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` names the line.
    pub fn yaml(&self) -> Result<Value> {
        Ok(read_text("config.yaml", &self.content)?.into_iter().next().unwrap_or_default())
    }

    /// The content as Java's properties, by their whole names.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` names the line.
    pub fn properties(&self) -> Result<BTreeMap<String, String>> {
        let mut properties = BTreeMap::new();
        for document in read_text("config.properties", &self.content)? {
            flatten(String::new(), &document, &mut properties);
        }
        Ok(properties)
    }
}

fn flatten(name: String, value: &Value, properties: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(map) => {
            for (below, value) in map {
                let name = if name.is_empty() { below.clone() } else { format!("{name}.{below}") };
                flatten(name, value, properties);
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| flatten(format!("{name}[{at}]"), item, properties));
        }
        Value::String(text) => {
            properties.insert(name, text.clone());
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_read_as_properties_and_as_yaml() {
        let entry = |content: &str| ConfigEntry { content: content.to_owned(), version: Version::new(1) };
        let properties = entry("# rules\ndubbo.registry.timeout = 5000\ndubbo.protocol: tri\n").properties().unwrap();
        assert_eq!((&*properties["dubbo.registry.timeout"], &*properties["dubbo.protocol"]), ("5000", "tri"));
        let rule = entry("configVersion: v3.0\nconfigs:\n- addresses: [0.0.0.0]\n").yaml().unwrap();
        assert_eq!((&rule["configVersion"], &rule["configs"][0]["addresses"][0]), (&"v3.0".into(), &"0.0.0.0".into()));
        assert_eq!(entry("").yaml().unwrap(), Value::Null);
        entry("a: [b").yaml().expect_err("it is cut off");
    }
}
