//! What is known of products that hosts are moved from, a file for each.

pub(crate) mod dolphinscheduler;
pub(crate) mod dubbo;
