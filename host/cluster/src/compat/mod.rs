//! What is taken over from products that hosts are moved from, a folder for each.

pub(crate) mod dolphinscheduler;
