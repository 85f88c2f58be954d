//! Who is where in the registry: DolphinScheduler's layout.

use std::fmt;

use registry_host::{Error, ErrorKind, Key, Result};
use serde::{Deserialize, Serialize};

/// The group of a worker that names none.
pub const DEFAULT_GROUP: &str = "default";

/// What all servers register below.
pub(crate) const NODES: &str = "/nodes";
/// The key that the marks of servers that have been declared dead stand below.
pub const DEAD_SERVERS: &str = "/dead-servers";
/// Held by a master while it registers.
pub(crate) const STARTUP_LOCK: &str = "/lock/failover/startup-masters";

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

    /// The lock that is held while somebody takes over for a server of this role.
    pub fn failover_lock(self) -> &'static str {
        match self {
            Role::Master => "/lock/failover/masters",
            Role::Worker => "/lock/failover/workers",
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
    /// `InvalidKey` for what is no address.
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
    /// `InvalidKey` for what is no address or no name of a group, and for more than 24 groups.
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

    /// The keys that it registers at: one for a master, one in each group for a worker.
    pub fn keys(&self) -> Vec<String> {
        match self.role {
            Role::Master => vec![format!("{NODES}/master/{}", self.address)],
            Role::Worker => {
                self.groups.iter().map(|group| format!("{NODES}/worker/{group}/{}", self.address)).collect()
            }
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.role, self.address)
    }
}

/// The name of a dead mark, and its value: `worker_10.0.0.7:1234`.
pub(crate) fn mark_name(role: Role, address: &str) -> String {
    format!("{role}_{address}")
}

/// The key of a dead mark.
pub(crate) fn mark_key(role: Role, address: &str) -> String {
    format!("{DEAD_SERVERS}/{}", mark_name(role, address))
}

/// Whom a dead mark of this name, such as `worker_10.0.0.7:1234`, is about.
pub fn marked(name: &str) -> Option<(Role, String)> {
    let (role, address) = name.split_once('_')?;
    let role = Role::ALL.into_iter().find(|known| known.name() == role)?;
    Some((role, address.to_owned()))
}

/// Who registered a key below `/nodes`: the role, the group of a worker, and the address.
///
/// A worker whose entry stands directly below `/nodes/worker` is in no group that its key tells of.
pub(crate) fn registered(key: &str) -> Option<(Role, Option<&str>, &str)> {
    let mut segments = key.strip_prefix(NODES)?.strip_prefix('/')?.split('/');
    let found = match (segments.next()?, segments.next()?, segments.next()) {
        ("master", address, None) => (Role::Master, None, address),
        ("worker", address, None) => (Role::Worker, None, address),
        ("worker", group, Some(address)) => (Role::Worker, Some(group), address),
        _ => return None,
    };
    segments.next().is_none().then_some(found)
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
    let message = format!("the group {name:?} is no name; accepted: one segment of a key, without '/'");
    Err(Error::new(ErrorKind::InvalidKey, message))
}

fn checked(address: String) -> Result<String> {
    let port = address.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    let port = port.and_then(|(_, port)| port.parse::<u16>().ok()).filter(|port| *port > 0);
    if port.is_some() && is_segment(&address) {
        return Ok(address);
    }
    let message = format!("{address:?} is no address of a server; accepted: host:port, such as 10.0.0.7:1234");
    Err(Error::new(ErrorKind::InvalidKey, message))
}

fn is_segment(text: &str) -> bool {
    !text.contains('/') && text.len() < 1_024 && Key::new(&format!("/{text}")).is_ok_and(|key| !key.is_root())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn servers_register_where_dolphinscheduler_looks_for_them() {
        let master = Server::master("10.0.0.1:5678").unwrap();
        assert_eq!(master.keys(), ["/nodes/master/10.0.0.1:5678"]);
        let worker = Server::worker("[::1]:1234", [" GPU ", "", "default", "gpu", "GPU"]).unwrap();
        let groups = ["GPU", "default", "gpu"].map(|group| format!("/nodes/worker/{group}/[::1]:1234"));
        assert_eq!(worker.keys(), groups);
        assert_eq!(Server::worker("a:1", [] as [&str; 0]).unwrap().groups(), [DEFAULT_GROUP]);
        assert_eq!(mark_key(Role::Worker, "a:1"), "/dead-servers/worker_a:1");
        assert_eq!(marked("worker_a_b:1"), Some((Role::Worker, "a_b:1".to_owned())));
        assert_eq!(marked("alert_a:1"), None);
    }

    #[test]
    fn what_is_no_address_or_no_group_is_refused_with_what_is_accepted() {
        for address in ["", "host", ":1", "host:", "host:0", "host:65536", "a/b:1", "a\n:1", &"a".repeat(2_000)] {
            let refused = Server::master(address).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidKey, "{address}");
            assert!(refused.message().contains("host:port"), "{refused}");
        }
        for group in ["a/b", "..", ".", "a\u{0}b"] {
            let refused = Server::worker("a:1", [group]).unwrap_err();
            assert!(refused.message().contains("one segment"), "{refused}");
        }
        let many = (0..=MAX_GROUPS).map(|number| format!("g{number}"));
        assert!(Server::worker("a:1", many).unwrap_err().message().contains("at most 24"));
    }

    #[test]
    fn keys_tell_who_registered_them() {
        assert_eq!(registered("/nodes/master/a:1"), Some((Role::Master, None, "a:1")));
        assert_eq!(registered("/nodes/worker/gpu/a:1"), Some((Role::Worker, Some("gpu"), "a:1")));
        assert_eq!(registered("/nodes/worker/a:1"), Some((Role::Worker, None, "a:1")));
        for other in ["/nodes", "/nodes/master", "/nodes/master/a/b", "/nodes/worker/a/b/c", "/nodes/alert/a:1"] {
            assert_eq!(registered(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn a_servers_keys_lead_back_to_it(group in "[ a-zA-Z0-9_.-]{0,12}", port in 1u16..) {
            prop_assume!(![".", ".."].contains(&group.trim()));
            let worker = Server::worker(format!("host:{port}"), [&group]).unwrap();
            let keys = worker.keys();
            let group = group_name(&group).unwrap();
            prop_assert_eq!(registered(&keys[0]), Some((Role::Worker, Some(&*group), worker.address())));
            prop_assert_eq!(group_name(&group).unwrap(), group);
        }

        #[test]
        fn no_key_is_too_strange(key in "(/[a-z:/]{0,8}){0,5}") {
            let _ = registered(&key);
        }
    }
}
