//! Shim.
use registry_api::{Error, ErrorKind, Result};
use serde::de::DeserializeOwned;
pub(crate) fn read<T: DeserializeOwned>(json: &str, _prefix: &str) -> Result<T> {
    serde_json::from_str(json).map_err(|e| Error::new(ErrorKind::InvalidConfig, e.to_string()))
}
