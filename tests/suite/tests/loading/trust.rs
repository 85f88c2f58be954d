//! Who may have written the file.

use std::{fs, os::unix::fs::symlink};

use registry_host::Plugin;

use crate::support::{Folder, memory, refusal, set_mode};

#[test]
fn a_file_that_everyone_can_write_is_refused() {
    let folder = Folder::new();
    let file = folder.install("libregistry_memory.so", &memory());
    set_mode(&file, 0o646);
    assert_eq!(
        refusal(&file),
        format!("the file is writable by everyone: chmod o-w {}", fs::canonicalize(&file).unwrap().display())
    );
}

#[test]
fn a_folder_that_everyone_can_write_is_refused() {
    let folder = Folder::new();
    let file = folder.install("libregistry_memory.so", &memory());
    set_mode(folder.path(), 0o777);
    assert!(refusal(&file).starts_with("the folder is writable by everyone: chmod o-w "));
    // A sticky one is shared on purpose: the file goes elsewhere.
    set_mode(folder.path(), 0o1777);
    assert!(
        refusal(&file)
            .ends_with(" is writable by everyone: put the file into a folder that only you or root can write to")
    );
}

#[test]
fn a_folder_below_a_sticky_one_is_fine() {
    let folder = Folder::new();
    let own = folder.path().join("own");
    fs::create_dir(&own).unwrap();
    set_mode(&own, 0o755);
    set_mode(folder.path(), 0o1777);
    let file = own.join("libregistry_memory.so");
    fs::copy(memory(), &file).unwrap();
    set_mode(&file, 0o644);
    Plugin::load(&file, None).unwrap();
    set_mode(folder.path(), 0o777);
    assert!(refusal(&file).starts_with("the folder is writable by everyone: chmod o-w "));
}

#[test]
fn a_link_into_a_world_writable_folder_is_refused() {
    let (here, there) = (Folder::new(), Folder::new());
    let file = there.install("libregistry_memory.so", &memory());
    let link = here.path().join("libregistry_memory.so");
    symlink(&file, &link).unwrap();
    Plugin::load(&link, None).unwrap();
    set_mode(there.path(), 0o777);
    assert!(refusal(&link).starts_with("the folder is writable by everyone: chmod o-w "));
}
