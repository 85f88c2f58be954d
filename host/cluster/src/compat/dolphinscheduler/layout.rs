//! Who is where in the registry.

use crate::{Role, Server};

/// What all servers register below.
pub(crate) const NODES: &str = "/nodes";
/// The key that the marks of servers that have been declared dead stand below.
pub const DEAD_SERVERS: &str = "/dead-servers";
/// Held by a master while it registers.
pub(crate) const STARTUP_LOCK: &str = "/lock/failover/startup-masters";

impl Role {
    /// The lock that is held while somebody takes over for a server of this role.
    pub fn failover_lock(self) -> &'static str {
        match self {
            Role::Master => "/lock/failover/masters",
            Role::Worker => "/lock/failover/workers",
        }
    }
}

impl Server {
    /// The keys that it registers at: one for a master, one in each group for a worker.
    pub fn keys(&self) -> Vec<String> {
        match self.role() {
            Role::Master => vec![format!("{NODES}/master/{}", self.address())],
            Role::Worker => {
                self.groups().iter().map(|group| format!("{NODES}/worker/{group}/{}", self.address())).collect()
            }
        }
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

/// The server of the dead mark of this name, such as `worker_10.0.0.7:1234`.
pub fn marked(name: &str) -> Option<(Role, String)> {
    let (role, address) = name.split_once('_')?;
    let role = Role::ALL.into_iter().find(|known| known.name() == role)?;
    Some((role, address.to_owned()))
}

/// Who registered a key below `/nodes`: the role, the group of a worker, and the address.
///
/// The key of a worker directly below `/nodes/worker` names no group.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::server::group_name;

    #[test]
    fn servers_register_where_dolphinscheduler_looks_for_them() {
        let master = Server::master("10.0.0.1:5678").unwrap();
        assert_eq!(master.keys(), ["/nodes/master/10.0.0.1:5678"]);
        let worker = Server::worker("[::1]:1234", [" GPU ", "", "default", "gpu", "GPU"]).unwrap();
        let groups = ["GPU", "default", "gpu"].map(|group| format!("/nodes/worker/{group}/[::1]:1234"));
        assert_eq!(worker.keys(), groups);
        assert_eq!(mark_key(Role::Worker, "a:1"), "/dead-servers/worker_a:1");
        assert_eq!(marked("worker_a_b:1"), Some((Role::Worker, "a_b:1".to_owned())));
        assert_eq!(marked("alert_a:1"), None);
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
