//! A server: its role, its address and its groups.

use std::fmt;

use registry_host::{Error, ErrorKind, Key, Result};
use serde::{Deserialize, Serialize};

/// The group of a worker that names none.
pub const DEFAULT_GROUP: &str = "default";

/// How many groups a worker may be in: all its entries are written at once.
pub(crate) const MAX_GROUPS: usize = 24;

/// What a server is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It gives work out, and takes over for others.
    Master,
    /// It does work for its groups.
    Worker,
}

impl Role {
    /// Both, masters first.
    pub const ALL: [Role; 2] = [Role::Master, Role::Worker];

    /// Its name in keys.
    pub fn name(self) -> &'static str {
        match self {
            Role::Master => "master",
            Role::Worker => "worker",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A server: what it is and where.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Server {
    role: Role,
    address: String,
    groups: Vec<String>,
}

impl Server {
    /// A master at `host:port`.
    ///
    /// # Errors
    ///
    /// `InvalidKey` for what is not an address.
    pub fn master(address: impl Into<String>) -> Result<Self> {
        Ok(Server { role: Role::Master, address: checked(address.into())?, groups: Vec::new() })
    }

    /// A worker at `host:port` in these groups, or in `default` if there are none.
    ///
    /// # Behavior
    ///
    /// The names of groups are trimmed, and otherwise stay as they are: `GPU` and `gpu` are two groups. An empty one is
    /// `default`.
    ///
    /// # Errors
    ///
    /// `InvalidKey` for what is not an address or no name of a group, and for more than 24 groups.
    pub fn worker<G: AsRef<str>>(address: impl Into<String>, groups: impl IntoIterator<Item = G>) -> Result<Self> {
        let mut names: Vec<String> = groups.into_iter().map(|name| group_name(name.as_ref())).collect::<Result<_>>()?;
        if names.is_empty() {
            names.push(DEFAULT_GROUP.to_owned());
        }
        names.sort_unstable();
        names.dedup();
        if names.len() > MAX_GROUPS {
            let message = format!("a worker is in {} groups, at most {MAX_GROUPS} are accepted", names.len());
            return Err(Error::new(ErrorKind::InvalidKey, message));
        }
        Ok(Server { role: Role::Worker, address: checked(address.into())?, groups: names })
    }

    /// What it is.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Where it is, `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The groups that a worker is in, sorted; none for a master.
    pub fn groups(&self) -> &[String] {
        &self.groups
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.role, self.address)
    }
}

/// The name of a group as it stands in keys: trimmed, `default` if it is empty.
///
/// # Errors
///
/// `InvalidKey` for what can't be a segment of a key.
pub fn group_name(name: &str) -> Result<String> {
    let name = name.trim();
    if name.is_empty() {
        return Ok(DEFAULT_GROUP.to_owned());
    }
    if is_segment(name) {
        return Ok(name.to_owned());
    }
    let message = format!("the group {name:?} is not a name; accepted: one segment of a key, without '/'");
    Err(Error::new(ErrorKind::InvalidKey, message))
}

fn checked(address: String) -> Result<String> {
    let port = address.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    let port = port.and_then(|(_, port)| port.parse::<u16>().ok()).filter(|port| *port > 0);
    if port.is_some() && is_segment(&address) {
        return Ok(address);
    }
    let message = format!("{address:?} is not an address of a server; accepted: host:port, such as 10.0.0.7:1234");
    Err(Error::new(ErrorKind::InvalidKey, message))
}

fn is_segment(text: &str) -> bool {
    !text.contains('/') && text.len() < 1_024 && Key::new(&format!("/{text}")).is_ok_and(|key| !key.is_root())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_addresses_and_groups_are_refused_with_what_is_accepted() {
        for address in ["", "host", ":1", "host:", "host:0", "host:65536", "a/b:1", "a\n:1", &"a".repeat(2_000)] {
            let refused = Server::master(address).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidKey, "{address}");
            assert!(refused.message().contains("host:port"), "{refused}");
        }
        for group in ["a/b", "..", ".", "a\u{0}b"] {
            let refused = Server::worker("a:1", [group]).unwrap_err();
            assert!(refused.message().contains("one segment"), "{refused}");
        }
        assert_eq!(Server::worker("a:1", [] as [&str; 0]).unwrap().groups(), [DEFAULT_GROUP]);
        let many = (0..=MAX_GROUPS).map(|number| format!("g{number}"));
        assert!(Server::worker("a:1", many).unwrap_err().message().contains("at most 24"));
    }
}
