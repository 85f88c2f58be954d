//! Heartbeats in all their formats: what is written of one that was read is read as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use registry_cluster::{Heartbeat, HeartbeatFormat};

fuzz_target!(|value: &[u8]| {
    let Ok(heartbeat) = Heartbeat::read(value) else { return };
    let _ = (heartbeat.status(), heartbeat.cause(), heartbeat.started(), heartbeat.reported());
    let again = Heartbeat::read(&heartbeat.write()).expect("what was written can be read");
    // The dates of the oldest format are whole seconds, whatever stood in their place.
    let whole = |time: i64| if heartbeat.format == HeartbeatFormat::Fields10 { 0 } else { time };
    assert_eq!((whole(again.startup_time), again.process_id), (whole(heartbeat.startup_time), heartbeat.process_id));
});
