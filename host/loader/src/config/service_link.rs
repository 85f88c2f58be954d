//! The variables by which Kubernetes tells every container of the services beside it.
//!
//! A service called `registry-etcd` comes as `REGISTRY_ETCD_SERVICE_HOST`, `REGISTRY_ETCD_SERVICE_PORT`, the same
//! with the name of a port, `REGISTRY_ETCD_PORT=tcp://10.0.0.1:2379`, `REGISTRY_ETCD_PORT_2379_TCP=tcp://…` and that
//! with `_PROTO`, `_PORT` and `_ADDR`. Nobody has written them for the registry, and no key has such a name.

const PROTOCOLS: [&str; 3] = ["tcp", "udp", "sctp"];

/// Whether a variable is one of them, by its form.
pub(crate) fn is_service_link(name: &str, value: &str) -> bool {
    let is_url =
        PROTOCOLS.iter().any(|protocol| value.strip_prefix(protocol).is_some_and(|rest| rest.starts_with("://")));
    let ports = || name.match_indices("_PORT_").map(|(at, mark)| &name[at + mark.len()..]);
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || (name.contains("_SERVICE_PORT_") && value.parse::<u16>().is_ok())
        || (name.ends_with("_PORT") && is_url)
        || ports().any(is_port_of_a_protocol)
}

/// `2379_TCP`, and with `_PROTO`, `_PORT` or `_ADDR`.
fn is_port_of_a_protocol(rest: &str) -> bool {
    let Some((port, rest)) = rest.split_once('_') else { return false };
    let (protocol, what) = rest.split_once('_').map_or((rest, None), |(protocol, what)| (protocol, Some(what)));
    port.parse::<u16>().is_ok()
        && PROTOCOLS.contains(&&*protocol.to_ascii_lowercase())
        && what.is_none_or(|what| ["PROTO", "PORT", "ADDR"].contains(&what))
}
