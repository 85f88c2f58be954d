//! Servers whose disks are full. They run in a mount namespace, for which each test is run once more; where the system
//! gives none, that is printed, and nothing is proved.

use std::env;

use registry_test_servers::{Etcd, Member, ZooKeeper, mount_namespace};
use zookeeper_client::{Acls, CreateMode};

/// What an etcd takes before anything is written, and a little.
const ROOM: u64 = 160 << 20;
/// As much as is written at a time; a disk without room has none for many of these, wherever the server finds some yet.
const CHUNK: usize = 100_000;
const MANY: usize = 100;

/// Whether this is the process in which there can be disks; in the first one the other is run to its end.
fn may_mount(test: &str) -> bool {
    const THERE: &str = "REGISTRY_TEST_MOUNTS";
    if env::var_os(THERE).is_some() {
        return true;
    }
    let Some(mut again) = mount_namespace() else {
        eprintln!("{test} proves nothing here: the system gives no mount namespace");
        return false;
    };
    let output = again.arg(env::current_exe().unwrap()).args(["--exact", test, "--nocapture"]).env(THERE, "1").output();
    let output = output.unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
    false
}

/// Fills the disk, has many writes tried, and makes room; the server finds none, and has what was written before.
fn fills(member: &Member, write: impl Fn(usize) -> bool) {
    assert!(write(0));
    member.fill_disk().unwrap();
    let written = (1..MANY).take_while(|number| write(*number)).count();
    assert!(written < MANY - 1, "there was room");
    let log = std::fs::read_to_string(member.log()).unwrap().to_lowercase();
    assert!(log.contains("no space left on device"), "{log}");
    member.make_room().unwrap();
    member.restart().unwrap();
    assert!(write(MANY));
}

#[test]
fn an_etcd_without_room_writes_nothing_until_there_is_some() {
    if !may_mount("an_etcd_without_room_writes_nothing_until_there_is_some") {
        return;
    }
    let etcd = Etcd::builder().disk(ROOM).start().unwrap();
    let value = "0".repeat(CHUNK);
    let write = |number| etcd.etcdctl(["put", &format!("/{number}"), &value, "--command-timeout=3s"]).is_ok();
    fills(&etcd.members()[0], write);
    assert_eq!(etcd.etcdctl(["get", "/0", "--print-value-only"]).unwrap().trim_end(), value);
}

#[test]
fn a_zookeeper_without_room_writes_nothing_until_there_is_some() {
    if !may_mount("a_zookeeper_without_room_writes_nothing_until_there_is_some") {
        return;
    }
    let zookeeper = ZooKeeper::builder().disk(ROOM).start().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
    let write = |number| {
        runtime.block_on(async {
            let Ok(client) = zookeeper.client().await else { return false };
            client.create(&format!("/{number}"), &[0; CHUNK], &options).await.is_ok()
        })
    };
    fills(&zookeeper.members()[0], write);
    let read = async { zookeeper.client().await.unwrap().get_data("/0").await.unwrap().0 };
    assert_eq!(runtime.block_on(read), [0; CHUNK]);
}

#[test]
fn there_is_nothing_to_fill_unless_it_was_asked_for() {
    let etcd = Etcd::start().unwrap();
    let refused = etcd.members()[0].fill_disk().unwrap_err().to_string();
    assert!(refused.contains("Builder::disk"), "{refused}");
}
