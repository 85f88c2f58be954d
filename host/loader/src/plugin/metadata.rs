//! A plugin's description of itself.

use registry_abi::{ALIAS, QUEUE_ENTRY, RawAbout, SERVERS};
use registry_api::Entry;
use registry_config::ConfigKey;
use serde::{Deserialize, Serialize};

use super::{queue_entry::has_form, reject::one_line, search::is_name};

/// A plugin's description of itself, known before it is connected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Metadata {
    /// What `registry.type` selects it by.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// The version of the plugin interface that it was built with.
    pub api_version: String,
    /// Its licence, as an SPDX expression.
    pub licence: String,
    /// Where its users find more.
    pub homepage: String,
    /// The compiler that built it.
    pub rustc: String,
    /// The capabilities that it lacks at best, by name, each with the weaker promise that it makes instead.
    pub lacking: Vec<(String, String)>,
    /// Its configuration keys.
    pub keys: Vec<ConfigKey>,
    /// Which of its keys lists the servers; `None` without such a key, or if it was built before plugins told it.
    pub servers_key: Option<String>,
    /// The forms that the names of a lock's queue entries have.
    pub queue_entries: Vec<String>,
}

impl Metadata {
    /// # Errors
    ///
    /// What is wrong and what to do.
    pub(crate) fn new(about: RawAbout, api_version: String) -> Result<Self, String> {
        let more = |name| about.more.iter().filter(move |more| more.0 == name).map(|more| more.1.as_str());
        let aliases: Vec<(&str, &str)> = more(ALIAS).filter_map(|alias| alias.split_once('=')).collect();
        let alias_of =
            |name: &str| aliases.iter().find(|(alias, _)| *alias == name).map(|(_, of)| (*of).to_owned().into());
        let metadata = Metadata {
            servers_key: more(SERVERS).next().map(str::to_owned),
            queue_entries: more(QUEUE_ENTRY).map(str::to_owned).collect(),
            name: about.name.into(),
            version: about.version.into(),
            api_version,
            licence: about.licence.into(),
            homepage: about.homepage.into(),
            rustc: about.rustc.into(),
            lacking: about.lacking.into_iter().map(|lacking| (lacking.0.into(), lacking.1.into())).collect(),
            keys: about
                .keys
                .into_iter()
                .map(|key| ConfigKey {
                    alias_of: alias_of(&key.name),
                    name: key.name.into_string().into(),
                    kind: key.kind.into_string().into(),
                    default: key.default.into_string().into(),
                    doc: key.doc.into_string().into(),
                    secret: key.secret,
                })
                .collect(),
        };
        if !is_name(&metadata.name) {
            return Err(format!(
                "it calls itself '{}': a plugin's name is made of lower-case letters, digits and '-'",
                one_line(&metadata.name, 40)
            ));
        }
        Ok(metadata)
    }

    /// Whether an entry stands in a lock's queue, as far as its owner and its name tell.
    pub fn is_queue_entry(&self, entry: &Entry) -> bool {
        let Some(session) = entry.ephemeral.map(|session| session.to_string()) else { return false };
        self.queue_entries.iter().any(|form| has_form(entry.key().name(), form, &session))
    }
}
