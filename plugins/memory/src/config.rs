//! What stands under `registry.memory`.

use registry_plugin::ConfigKey;
use serde::{
    Deserialize, Deserializer,
    de::{Error, Unexpected},
};

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
        return Err(D::Error::invalid_value(Unexpected::Str(&name), &"a name of at least one character"));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use registry_plugin::config::from_value;
    use serde_json::{Value, json};

    use super::*;

    fn read(section: Value) -> Result<Config, String> {
        from_value(&section, "registry.memory").map_err(|error| error.to_string())
    }

    #[test]
    fn the_default_tree_is_the_one_that_the_keys_document() {
        assert_eq!(read(json!({})), Ok(Config::default()));
        assert_eq!(Config::KEYS[0].default, Config::default().name);
    }

    #[test]
    fn a_tree_must_have_a_name() {
        assert_eq!(read(json!({"name": "a"})), Ok(Config { name: "a".to_owned() }));
        assert_eq!(
            read(json!({"name": ""})).unwrap_err(),
            "registry.memory.name: \"\" is not accepted; accepted: a name of at least one character"
        );
    }

    #[test]
    fn a_misspelt_key_is_refused() {
        let refused = read(json!({"nmae": "a"})).unwrap_err();
        assert!(refused.starts_with("registry.memory.nmae: ") && refused.contains("name"), "{refused}");
    }
}
