//! The one key of every section that the SDK reads itself.

use registry_config::{ConfigError, ConfigKey, from_value, kebab};
use serde_json::Value;

/// How many threads the plugin's runtime has.
pub(crate) const WORKER_THREADS: ConfigKey = ConfigKey::new(
    "worker-threads",
    "number",
    "2",
    "threads of the plugin's runtime, which all its connections share; the first one to open decides",
);

const USUAL: usize = 2;
const MOST: usize = 64;

/// Takes the number of threads out of a section, so that the backend doesn't find a key that it doesn't know.
pub(crate) fn take_worker_threads(section: &mut Value, prefix: &str) -> Result<usize, ConfigError> {
    let Some(map) = section.as_object_mut() else { return Ok(USUAL) };
    let written: Vec<String> = map.keys().filter(|name| kebab(name) == WORKER_THREADS.name).cloned().collect();
    let mut threads = USUAL;
    for name in written {
        let value = map.remove(&name).filter(|value| !value.is_null());
        let key = format!("{prefix}.{}", WORKER_THREADS.name);
        let Some(value) = value else { continue };
        let text: String = from_value(&value, &key)?;
        threads = text.parse().ok().filter(|threads| (1..=MOST).contains(threads)).ok_or_else(|| {
            ConfigError::at(key, format!("is not accepted; accepted: a whole number from 1 to {MOST}")).value(&text)
        })?;
    }
    Ok(threads)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_number_of_threads_is_taken_out_of_the_section() {
        let mut section = json!({"workerThreads": "7", "name": "a"});
        assert_eq!(take_worker_threads(&mut section, "registry.memory"), Ok(7));
        assert_eq!(section, json!({"name": "a"}));
        assert_eq!(take_worker_threads(&mut section, "registry.memory"), Ok(USUAL));
        assert_eq!(USUAL.to_string(), WORKER_THREADS.default);
    }

    #[test]
    fn a_number_of_threads_that_can_not_be_is_refused() {
        for (value, says) in [
            (
                json!("0"),
                "registry.memory.worker-threads: \"0\" is not accepted; accepted: a whole number from 1 to 64",
            ),
            (
                json!("65"),
                "registry.memory.worker-threads: \"65\" is not accepted; accepted: a whole number from 1 to 64",
            ),
            (
                json!("two"),
                "registry.memory.worker-threads: \"two\" is not accepted; accepted: a whole number from 1 to 64",
            ),
            (json!(["2"]), "registry.memory.worker-threads: must be a single value, not a list"),
        ] {
            let mut section = json!({"worker-threads": value});
            let refused = take_worker_threads(&mut section, "registry.memory").map_err(|refused| refused.to_string());
            assert_eq!(refused, Err(says.to_owned()));
        }
    }
}
