//! Files of `registry txn`: each is read or refused with the place, and what is read has valid keys.

#![no_main]

use std::{cell::RefCell, fs};

use libfuzzer_sys::fuzz_target;
use registry_host::Key;
use tempfile::TempDir;

// The command line is a program, which no other can use; what reads the files stands in these two alone.
#[path = "../../host/server/src/commands/txn/input.rs"]
mod input;
#[path = "../../host/server/src/commands/txn/object.rs"]
mod object;

thread_local! {
    static FOLDER: RefCell<TempDir> = RefCell::new(TempDir::new().expect("a temporary folder"));
}

fuzz_target!(|text: &[u8]| {
    FOLDER.with_borrow(|folder| {
        let file = folder.path().join("txn.json");
        fs::write(&file, text).expect("the file is written");
        match input::Input::read(&file) {
            Ok(read) => {
                for operation in &read.operations {
                    assert!(Key::new(operation.key()).is_ok(), "{:?}", operation.key());
                }
                assert!(read.checks.iter().all(|check| check.to_string().starts_with('/')));
            }
            Err(refused) => {
                let message = refused.message();
                let (_, problem) = message.split_once("txn.json: ").expect("the file is named");
                assert!(!problem.is_empty() && message.len() < 20_000, "{} bytes", message.len());
            }
        }
    });
});
