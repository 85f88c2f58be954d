//! Configuration files of each format, with their placeholders: each is read or refused.

#![no_main]

use std::{cell::RefCell, fs};

use libfuzzer_sys::fuzz_target;
use registry_cluster::SECTION;
use registry_host::Settings;
use tempfile::TempDir;

const FORMATS: [&str; 4] = ["yaml", "toml", "json", "properties"];

thread_local! {
    static FOLDER: RefCell<TempDir> = RefCell::new(TempDir::new().expect("a temporary folder"));
}

fuzz_target!(|input: (u8, &[u8])| {
    let (format, text) = input;
    let format = FORMATS[usize::from(format) % FORMATS.len()];
    FOLDER.with_borrow(|folder| {
        let file = folder.path().join("registry").with_extension(format);
        fs::write(&file, text).expect("the file is written");
        let read = Settings::builder().section(SECTION).file(&file).build();
        if let Err(refused) = read.and_then(|settings| settings.section(&[]).map(drop)) {
            let refused = refused.to_string();
            assert!(!refused.is_empty() && refused.len() < 100_000, "{} bytes", refused.len());
        }
    });
});
