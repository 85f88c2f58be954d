//! Values of everybody, read by everybody.

use registry_interop::Value;

use crate::{backend::Backend, namespace::Namespace, party::Party};

const KEY: &str = "/values/one";

/// All bytes, none, and as many as the contract allows, in both directions; and ZooKeeper's null.
pub(crate) async fn survive_both_ways(backend: Backend) {
    let all: Vec<u8> = (0..=u8::MAX).collect();
    let values = [&all[..], &[], &[0], &[0xff; 1_000_000]];
    let mut everybody = Namespace::on(backend).everybody().await;
    for value in values {
        for writer in 0..everybody.len() {
            everybody[writer].put(KEY, value).await;
            reads_the_same(&mut everybody, value).await;
            // Each value is the first of one life and the later one of another.
            if value.len() == 1 {
                everybody[writer].delete(KEY).await;
            }
        }
    }
    if backend == Backend::ZooKeeper {
        a_null_is_read_as_an_empty_one(&mut everybody).await;
    }
    for party in everybody {
        party.close().await;
    }
}

async fn reads_the_same(everybody: &mut [Party], value: &[u8]) {
    for reader in everybody {
        let read = reader.get(KEY).await;
        // Not printed: it may be long.
        assert!(read.as_deref() == Some(value), "{} reads {} bytes otherwise", reader.name(), value.len());
    }
}

async fn a_null_is_read_as_an_empty_one(everybody: &mut [Party]) {
    for writer in 0..everybody.len() {
        let Party::Theirs(driver) = &mut everybody[writer] else { continue };
        driver.put(KEY, &Value::Null).await;
        assert_eq!(driver.get(KEY).await, Some(Value::Null));
        reads_the_same(everybody, &[]).await;
    }
}
