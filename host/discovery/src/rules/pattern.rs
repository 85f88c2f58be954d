//! What is compared with a value.

use crate::ServiceUrl;

/// Whether a value fits a pattern, in which one `*` stands for anything.
pub(super) fn fits(pattern: &str, value: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == value,
        Some((before, after)) => {
            value.len() >= before.len() + after.len() && value.starts_with(before) && value.ends_with(after)
        }
    }
}

/// Whether an address is named by `host:port`, `host` alone, or `0.0.0.0` for any; `*` stands for anything in it.
pub(super) fn names(pattern: &str, url: &ServiceUrl) -> bool {
    let anything = |pattern: &str| matches!(pattern, "0.0.0.0" | "0.0.0.0:*" | "*" | "anyhost");
    if anything(pattern) || fits(pattern, &url.host) || fits(pattern, &url.address()) {
        return true;
    }
    // `0.0.0.0:20880`: that port of any host.
    let port = pattern.strip_prefix("0.0.0.0:").and_then(|port| port.parse().ok());
    port.is_some() && port == url.port
}
