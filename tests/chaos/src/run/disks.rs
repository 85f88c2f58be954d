//! A place where servers can be given disks.

use std::{env, os::unix::process::CommandExt as _};

use registry_test_servers::mount_namespace;

use super::Failure;

/// Says to the process that it is in such a place.
const THERE: &str = "REGISTRY_CHAOS_MOUNTS";

/// Starts this program once more, in its own stead, where it may mount; if disks are wanted and it isn't there yet.
pub(super) fn have_a_place(wanted: bool) -> Result<(), Failure> {
    if !wanted || env::var_os(THERE).is_some() {
        return Ok(());
    }
    let mut again = mount_namespace()
        .ok_or("--disks: the system lets nobody mount a disk in a namespace of their own (unshare --user --mount)")?;
    again.arg(env::current_exe()?).args(env::args_os().skip(1)).env(THERE, "1");
    // Comes back only if it failed.
    Err(again.exec().into())
}
