//! ELF files: whether one is a whole plugin library is said without loading it.

#![no_main]

use std::{cell::RefCell, fs::File, io::Seek as _, io::Write as _};

use libfuzzer_sys::fuzz_target;

thread_local! {
    static FILE: RefCell<File> = RefCell::new(tempfile::tempfile().expect("a temporary file"));
}

fuzz_target!(|bytes: &[u8]| {
    FILE.with_borrow_mut(|file| {
        file.set_len(0).expect("an empty file");
        file.rewind().expect("its beginning");
        file.write_all(bytes).expect("the bytes are written");
        let _ = registry_host::plugin::check_elf(file);
    });
});
