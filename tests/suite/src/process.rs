//! What this process holds: threads, descriptors, memory.

use std::fs;

/// How many threads the runtime of a plugin has now.
pub fn plugin_threads(plugin: &str) -> usize {
    // The kernel keeps 15 bytes of a thread's name.
    let mut name = format!("registry-{plugin}");
    name.truncate(15);
    let tasks = fs::read_dir("/proc/self/task").expect("this is Linux");
    // A thread may end between the listing and the look.
    let names = tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|thread| thread.trim_end() == name).count()
}

/// How many descriptors are open.
pub fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("this is Linux").count()
}

/// The memory that is resident.
pub fn resident_kib() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("this is Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("there is a VmRSS");
    line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("VmRSS is a number")
}
