//! Values that are JSON, read and written as Rust's own types.

use std::any::type_name;

use registry_api::{Error, ErrorKind, Outcome, Result, Version};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::error::Category;

use super::{Put, Registry};
use crate::layers::{Operation, failed};

impl Registry {
    /// Reads one entry whose value is JSON, and gives its version, too, for a write on that condition; `None` if there
    /// is no such entry.
    ///
    /// # Errors
    ///
    /// As [`get`](Registry::get); `Other` if the value is not JSON, or none of such a type. The value itself is not
    /// repeated.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(registry: registry_host::Registry) -> registry_host::Result<()> {
    /// if let Some((limits, version)) = registry.get_json::<Vec<u32>>("/config/limits").await? {
    ///     let doubled: Vec<_> = limits.iter().map(|limit| limit * 2).collect();
    ///     registry.put_json("/config/limits", &doubled).if_version(version).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn get_json<T: DeserializeOwned>(&self, key: &str) -> Result<Option<(T, Version)>> {
        let Some(entry) = self.get(key).await? else { return Ok(None) };
        let value = serde_json::from_slice(&entry.value);
        let value = value.map_err(|error| self.no_json(Operation::Get, key, unread::<T>(&error)))?;
        Ok(Some((value, entry.version)))
    }

    /// Writes a value as JSON, and is else as [`put`](Registry::put).
    ///
    /// # Errors
    ///
    /// Those of `put`; `Other` if the value can't be written as JSON, before anything is sent.
    pub fn put_json<'a, T: Serialize + ?Sized>(&'a self, key: &'a str, value: &T) -> Put<'a, Vec<u8>> {
        match serde_json::to_vec(value) {
            Ok(value) => self.put(key, value),
            Err(error) => {
                let message = format!("the value can't be written as JSON: {error}");
                self.put(key, Vec::new()).refused(self.no_json(Operation::Put, key, message))
            }
        }
    }

    fn no_json(&self, operation: Operation, key: &str, message: String) -> Error {
        let error = Error::new(ErrorKind::Other, message).set_outcome(Outcome::NotApplied).or_key(key);
        failed(error, operation, None, self.0.plugin.name())
    }
}

/// What is wrong with a value. serde's own words may repeat parts of it, which may be secret.
fn unread<T>(error: &serde_json::Error) -> String {
    match error.classify() {
        Category::Data => {
            let (line, column) = (error.line(), error.column());
            format!("the value is JSON, but not of the type {}: line {line}, column {column}", type_name::<T>())
        }
        _ => format!("the value is not JSON: {error}"),
    }
}
