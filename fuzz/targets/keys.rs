//! Keys: what is accepted keeps the rules that others rely on.

#![no_main]

use libfuzzer_sys::fuzz_target;
use registry_api::{Key, MAX_KEY_BYTES, MAX_SEGMENTS};

fuzz_target!(|text: &str| {
    let Ok(key) = Key::new(text) else { return };
    assert_eq!(key.as_str(), text);
    assert!(text.starts_with('/') && text.len() <= MAX_KEY_BYTES);
    assert!(text.split('/').count() - 1 <= MAX_SEGMENTS);
    for ancestor in key.ancestors() {
        assert!(ancestor.contains(key) && Key::new(ancestor.as_str()).is_ok());
    }
    if let Some(parent) = key.parent() {
        assert_eq!(parent.child(key.name()), text);
    }
});
