//! What is left when the tests' process ends without a chance to tidy up.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use registry_test_servers::{Etcd, ZooKeeper};

/// Set in the process that is to be killed: this test's own program, run once more.
const VICTIM: &str = "REGISTRY_TEST_VICTIM";

#[test]
fn a_killed_process_leaves_neither_server_nor_data() {
    if std::env::var_os(VICTIM).is_some() {
        for member in [&Etcd::shared().unwrap().members()[0], &ZooKeeper::shared().unwrap().members()[0]] {
            println!("\nvictim {} {}", member.address(), member.log().display());
        }
        loop {
            thread::park();
        }
    }
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_killed_process_leaves_neither_server_nor_data", "--nocapture"])
        .env(VICTIM, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(victim.stdout.take().unwrap()).lines().map_while(Result::ok);
    let words = lines.filter_map(|line| line.strip_prefix("victim ").map(str::to_owned)).take(2);
    let servers: Vec<(SocketAddr, PathBuf)> = words
        .map(|words| words.split_once(' ').map(|(address, log)| (address.parse().unwrap(), log.into())).unwrap())
        .collect();
    assert_eq!(servers.len(), 2);
    for (address, log) in &servers {
        assert!(TcpStream::connect(address).is_ok());
        assert!(log.is_file());
    }

    victim.kill().unwrap();
    victim.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    for (address, log) in servers {
        // Of the log's folders, the outer holds all that the process made.
        let scratch = log.ancestors().nth(2).unwrap();
        while TcpStream::connect(address).is_ok() || scratch.exists() {
            assert!(Instant::now() < deadline, "{address} or {} is still there", scratch.display());
            thread::sleep(Duration::from_millis(20));
        }
    }
}
