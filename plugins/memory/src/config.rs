//! What stands under `registry.memory`.

use registry_plugin::config::{Value, config};
use serde::{
    Deserialize, Deserializer,
    de::{Error, Unexpected},
};

config! {
    /// The configuration of the memory backend.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Config {
        /// Sessions of one process that give the same name share one tree.
        pub name: TreeName = "default",
    }
}

/// A tree's name, which is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeName(pub String);

impl Value for TreeName {
    const KIND: &'static str = "text";

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        if name.is_empty() {
            return Err(D::Error::invalid_value(Unexpected::Str(&name), &"a name of at least one character"));
        }
        Ok(TreeName(name))
    }
}

#[cfg(test)]
mod tests {
    use registry_plugin::config::from_value;
    use serde_json::json;

    use super::*;

    fn read(section: serde_json::Value) -> Result<Config, String> {
        from_value(&section, "registry.memory").map_err(|error| error.to_string())
    }

    #[test]
    fn a_tree_must_have_a_name() {
        assert_eq!(read(json!({"name": "a"})), Ok(Config { name: TreeName("a".to_owned()) }));
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
