//! What stands under `registry.memory`.

use registry_plugin::ConfigKey;
use serde::{Deserialize, Deserializer, de::Error};

/// The configuration of the memory backend.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Config {
    /// The tree's name: sessions of one process that give the same name share one tree.
    #[serde(deserialize_with = "some_name")]
    pub name: String,
}

impl Config {
    pub(crate) const KEYS: &'static [ConfigKey] =
        &[ConfigKey::new("name", "text", "default", "sessions of one process that give the same name share one tree")];
}

impl Default for Config {
    fn default() -> Self {
        Config { name: "default".to_owned() }
    }
}

fn some_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    if name.is_empty() {
        return Err(D::Error::custom("is no tree's name, at least one character is needed"));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Config, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn the_default_tree_is_the_one_that_the_keys_document() {
        assert_eq!(read("{}"), Ok(Config::default()));
        assert_eq!(Config::KEYS[0].default, Config::default().name);
    }

    #[test]
    fn a_tree_must_have_a_name() {
        assert_eq!(read(r#"{"name": "a"}"#).map(|config| config.name), Ok("a".to_owned()));
        assert!(read(r#"{"name": ""}"#).is_err_and(|message| message.contains("at least one character")));
        assert!(read(r#"{"nmae": "a"}"#).is_err_and(|message| message.contains("nmae") && message.contains("`name`")));
    }
}
