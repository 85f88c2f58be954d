//! ZooKeeper as these tests get it, held against the real program.

use std::collections::HashSet;
use std::thread;

use registry_test_servers::ZooKeeper;

#[test]
fn a_server_is_ready_when_start_returns() {
    let zookeeper = ZooKeeper::start().unwrap();
    assert!(zookeeper.version().unwrap().starts_with("3."));
    assert_eq!(zookeeper.ask("ruok").unwrap(), "imok");
}

#[test]
fn servers_started_at_once_do_not_take_each_others_ports() {
    let servers: Vec<ZooKeeper> = thread::scope(|scope| {
        let starting: Vec<_> = (0..3).map(|_| scope.spawn(ZooKeeper::start)).collect();
        starting.into_iter().map(|started| started.join().unwrap().unwrap()).collect()
    });
    let endpoints: HashSet<String> = servers.iter().map(ZooKeeper::endpoint).collect();
    assert_eq!(endpoints.len(), 3);
    for server in &servers {
        assert_eq!(server.ask("ruok").unwrap(), "imok");
    }
}

#[test]
fn the_shared_server_is_one_and_outlives_the_thread_that_started_it() {
    let first = thread::spawn(|| ZooKeeper::shared().unwrap().endpoint()).join().unwrap();
    let shared = ZooKeeper::shared().unwrap();
    assert_eq!(shared.endpoint(), first);
    assert_eq!(shared.ask("ruok").unwrap(), "imok");
}

#[test]
fn dropping_a_server_ends_it_and_removes_its_data() {
    let zookeeper = ZooKeeper::start().unwrap();
    let (address, log) = (zookeeper.address(), zookeeper.members()[0].log().to_owned());
    assert!(log.is_file());
    drop(zookeeper);
    assert!(std::net::TcpStream::connect(address).is_err());
    assert!(!log.parent().unwrap().exists());
}
