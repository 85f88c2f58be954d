//! What is to be done.

use std::collections::BTreeMap;

use registry_cluster::DEFAULT_GROUP;
use registry_host::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

/// How much a command, its environment and its directory may be, in bytes: an entry of the registry holds them.
const LARGEST: usize = 128 * 1024;

/// The names of the priorities, the highest first: 1 to 5.
pub const PRIORITIES: [&str; 5] = ["highest", "high", "medium", "low", "lowest"];

/// What is to be done, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// The group of workers that it is for.
    #[serde(default = "default_group")]
    pub group: String,
    /// 1 is sent first, 5 last.
    #[serde(default = "medium")]
    pub priority: u8,
    /// Variables of its environment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// The directory to run in; one of its own without this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dir: Option<String>,
    /// How long the command may run, in ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u64>,
    /// How long it may wait for a worker, in ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_timeout: Option<u64>,
    /// How often the command is run again after it has failed.
    #[serde(default)]
    pub retries: u32,
    /// Whether it is rather not run at all than twice.
    #[serde(default)]
    pub at_most_once: bool,
}

fn default_group() -> String {
    DEFAULT_GROUP.to_owned()
}

fn medium() -> u8 {
    3
}

impl Spec {
    /// A command with everything else as it usually is.
    pub fn new<S: Into<String>>(command: impl IntoIterator<Item = S>) -> Self {
        Spec {
            command: command.into_iter().map(Into::into).collect(),
            group: default_group(),
            priority: medium(),
            env: BTreeMap::new(),
            dir: None,
            timeout: None,
            queue_timeout: None,
            retries: 0,
            at_most_once: false,
        }
    }

    /// Refuses what can't be run.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` names what is wrong and what is accepted.
    pub fn check(&self) -> Result<()> {
        let refused = |message: String| Err(Error::new(ErrorKind::InvalidConfig, message));
        if self.command.first().is_none_or(|program| program.is_empty()) {
            return refused("the command is empty; accepted: a program and its arguments".to_owned());
        }
        let texts = self.command.iter().chain(self.env.keys()).chain(self.env.values()).chain(&self.dir);
        if texts.clone().any(|text| text.contains('\0')) {
            return refused("the command, its environment or its directory has a NUL character in it".to_owned());
        }
        let size: usize = texts.map(String::len).sum();
        if size > LARGEST {
            return refused(format!(
                "the command and its environment are {size} bytes; accepted: {LARGEST} at most, put the rest into a file"
            ));
        }
        if let Some(name) = self.env.keys().find(|name| name.is_empty() || name.contains('=')) {
            return refused(format!("{name:?} is not a name of a variable; accepted: text without '='"));
        }
        if !(1..=5).contains(&self.priority) {
            return refused(format!("the priority is {}; accepted: 1 to 5, 1 is sent first", self.priority));
        }
        if self.at_most_once && self.retries > 0 {
            return refused("a task that runs at most once has no retries".to_owned());
        }
        match registry_cluster::group_name(&self.group) {
            Ok(group) if group == self.group => Ok(()),
            Ok(group) => refused(format!("the group is {:?}; accepted: its name alone, {group:?}", self.group)),
            Err(error) => refused(error.message().to_owned()),
        }
    }
}
