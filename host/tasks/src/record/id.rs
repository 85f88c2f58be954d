//! Which task it is, and where its record stands.

use std::fmt;

use registry_host::{Error, ErrorKind, Result};
use serde::{Deserialize, Deserializer, Serialize, de};
use sha2::{Digest as _, Sha256};

/// What all records stand below.
pub const TASKS: &str = "/tasks";

/// How long an id may be.
const LONGEST: usize = 128;

/// The name of a task.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct TaskId(String);

impl TaskId {
    /// A name that somebody has chosen.
    ///
    /// # Errors
    ///
    /// `InvalidKey` says what is accepted.
    pub fn new(id: impl Into<String>) -> Result<Self> {
        let id = id.into();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if !id.is_empty() && id.len() <= LONGEST && !id.starts_with('.') && id.bytes().all(plain) {
            return Ok(TaskId(id));
        }
        let message = format!(
            "{id:?} is not an id of a task; accepted: letters, digits, '.', '_' and '-', {LONGEST} at most, without a \
             '.' at the beginning"
        );
        Err(Error::new(ErrorKind::InvalidKey, message))
    }

    /// A name that no other task has.
    pub fn random() -> Self {
        // 64 bits, six of which are always the same: short enough to be typed.
        let mut id = uuid::Uuid::new_v4().simple().to_string();
        id.truncate(16);
        TaskId(id)
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key of its record. Tasks are spread over folders, so that none holds too many.
    pub fn key(&self) -> String {
        format!("{TASKS}/{:02x}/{}", self.digest()[0], self.0)
    }

    /// The number that says whose slot it is in.
    pub fn number(&self) -> u64 {
        // Not the byte that its folder has.
        self.digest()[1..9].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

/// The last segment of a key that a record may stand at.
pub(super) fn name_of(key: &str) -> Option<&str> {
    let (folder, name) = key.strip_prefix(TASKS)?.strip_prefix('/')?.split_once('/')?;
    (!folder.is_empty() && !name.is_empty() && !name.contains('/')).then_some(name)
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TaskId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        TaskId::new(String::deserialize(deserializer)?).map_err(|refused| de::Error::custom(refused.message()))
    }
}
