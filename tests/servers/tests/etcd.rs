//! etcd as these tests get it, held against the real program.

use std::collections::HashSet;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use registry_test_servers::{Certificates, Etcd, Tls};

#[test]
fn a_node_is_ready_when_start_returns() {
    let etcd = Etcd::start().unwrap();
    etcd.etcdctl(["put", "/a", "1"]).unwrap();
    assert_eq!(etcd.etcdctl(["get", "/a"]).unwrap(), "/a\n1\n");
    assert!(etcd.version().unwrap().starts_with("3."));
}

#[test]
fn nodes_started_at_once_do_not_take_each_others_ports() {
    let nodes: Vec<Etcd> = thread::scope(|scope| {
        let starting: Vec<_> = (0..4).map(|_| scope.spawn(Etcd::start)).collect();
        starting.into_iter().map(|started| started.join().unwrap().unwrap()).collect()
    });
    let endpoints: HashSet<String> = nodes.iter().map(Etcd::endpoint).collect();
    assert_eq!(endpoints.len(), 4);
    for (index, node) in nodes.iter().enumerate() {
        node.etcdctl(["put", "/who", &index.to_string()]).unwrap();
    }
    for (index, node) in nodes.iter().enumerate() {
        assert_eq!(node.etcdctl(["get", "/who", "--print-value-only"]).unwrap(), format!("{index}\n"));
    }
}

#[test]
fn a_killed_node_has_its_data_after_a_restart() {
    let etcd = Etcd::start().unwrap();
    let endpoint = etcd.endpoint();
    etcd.etcdctl(["put", "/a", "1"]).unwrap();
    etcd.kill();
    assert!(std::net::TcpStream::connect(etcd.address()).is_err());
    assert!(etcd.stop().unwrap_err().to_string().contains("does not run"));
    etcd.restart().unwrap();
    assert_eq!(etcd.endpoint(), endpoint);
    assert_eq!(etcd.etcdctl(["get", "/a", "--print-value-only"]).unwrap(), "1\n");
}

#[test]
fn a_stopped_node_answers_nothing_until_it_goes_on() {
    let etcd = Etcd::start().unwrap();
    etcd.etcdctl(["put", "/a", "1"]).unwrap();
    etcd.stop().unwrap();
    let refused = etcd.etcdctl(["get", "/a", "--command-timeout=300ms", "--dial-timeout=300ms"]);
    assert!(refused.unwrap_err().to_string().contains("deadline exceeded"));
    etcd.cont().unwrap();
    assert_eq!(etcd.etcdctl(["get", "/a", "--print-value-only"]).unwrap(), "1\n");
}

#[test]
fn a_compaction_removes_history() {
    let etcd = Etcd::start().unwrap();
    etcd.etcdctl(["put", "/a", "1"]).unwrap();
    let before = etcd.revision().unwrap();
    etcd.etcdctl(["put", "/a", "2"]).unwrap();
    assert_eq!(etcd.compact().unwrap(), before + 1);
    let past = etcd.etcdctl(["get", "/a", &format!("--rev={before}")]);
    assert!(past.unwrap_err().to_string().contains("compacted"));
}

#[test]
fn a_full_etcd_refuses_to_write_until_there_is_room() {
    let etcd = Etcd::builder().quota(1_000_000).start().unwrap();
    let value = "0".repeat(100_000);
    let fill = || etcd.etcdctl(["put", "/big", &value]);
    let refused = (0..100).find_map(|_| fill().err()).expect("the quota was never reached");
    assert!(refused.to_string().contains("database space exceeded"), "{refused}");
    assert!(etcd.is_full().unwrap());
    assert_eq!(etcd.etcdctl(["get", "/big", "--print-value-only"]).unwrap().len(), value.len() + 1);
    etcd.make_room().unwrap();
    assert!(!etcd.is_full().unwrap());
    fill().unwrap();
}

#[test]
fn only_the_user_with_the_password_gets_in() {
    let etcd = Etcd::builder().auth("operator", "s3cret").start().unwrap();
    etcd.etcdctl(["put", "/a", "1"]).unwrap();
    let mut anonymous = etcd_client(&etcd);
    assert!(!anonymous.args(["get", "/a"]).output().unwrap().status.success());
    let wrong = etcd_client(&etcd).args(["--user=operator:wrong", "get", "/a"]).output().unwrap();
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("invalid user ID or password"));
    etcd.restart().unwrap();
    assert_eq!(etcd.etcdctl(["get", "/a", "--print-value-only"]).unwrap(), "1\n");
}

#[test]
fn a_login_ends_when_its_time_is_over() {
    let etcd = Etcd::builder().auth("root", "s3cret").token_timeout(Duration::from_secs(1)).start().unwrap();
    let token = login(&etcd);
    assert!(is_let_in(&etcd, &token));
    let deadline = Instant::now() + Duration::from_secs(30);
    // Every use gives the login its time again, hence the pauses.
    let mut pause = Duration::from_secs(2);
    while is_let_in(&etcd, &token) {
        assert!(Instant::now() < deadline, "the login outlives its time");
        thread::sleep(pause);
        pause += Duration::from_secs(1);
    }
    assert!(is_let_in(&etcd, &login(&etcd)));
}

#[test]
fn tls_is_refused_in_plain_text_and_under_another_authority() {
    let etcd = Etcd::builder().tls(Tls::Server).start().unwrap();
    assert!(etcd.endpoint().starts_with("https://"));
    etcd.etcdctl(["put", "/a", "1"]).unwrap();
    let plain = etcd.endpoint().replace("https", "http");
    assert!(!can_get(&plain, &[]));
    let ca = etcd.certificates().unwrap().ca_file();
    assert!(can_get(&etcd.endpoint(), &[("--cacert", &ca)]));
    let foreign = Certificates::generate().unwrap();
    assert!(!can_get(&etcd.endpoint(), &[("--cacert", &foreign.ca_file())]));
}

#[test]
fn mutual_tls_asks_for_a_certificate_of_the_authority() {
    let etcd = Etcd::builder().tls(Tls::Mutual).start().unwrap();
    etcd.etcdctl(["put", "/a", "1"]).unwrap();
    let ours = etcd.certificates().unwrap();
    let foreign = Certificates::generate().unwrap();
    let trusting = ("--cacert", ours.ca_file());
    let trusting = (trusting.0, trusting.1.as_path());
    assert!(!can_get(&etcd.endpoint(), &[trusting]));
    let as_foreigner = [trusting, ("--cert", &foreign.cert_file()), ("--key", &foreign.key_file())];
    assert!(!can_get(&etcd.endpoint(), &as_foreigner));
    let as_client = [trusting, ("--cert", &ours.cert_file()), ("--key", &ours.key_file())];
    assert!(can_get(&etcd.endpoint(), &as_client));
}

#[test]
fn a_cluster_survives_and_takes_back_its_leader() {
    let etcd = Etcd::builder().members(3).start().unwrap();
    assert_eq!(etcd.endpoints().len(), 3);
    etcd.etcdctl(["put", "/a", "1"]).unwrap();
    let leader = etcd.leader().unwrap();
    leader.kill();
    let deadline = Instant::now() + Duration::from_secs(30);
    while etcd.leader().is_err() {
        assert!(Instant::now() < deadline, "no new leader");
    }
    let survivor = etcd.members().iter().find(|member| member.process_id().is_some()).unwrap();
    assert!(can_get(&survivor.endpoint(), &[]));
    leader.restart().unwrap();
    assert!(can_get(&leader.endpoint(), &[]));
}

#[test]
fn the_shared_node_outlives_its_starting_thread() {
    let first = thread::spawn(|| Etcd::shared().unwrap().endpoint()).join().unwrap();
    let shared = Etcd::shared().unwrap();
    assert_eq!(shared.endpoint(), first);
    shared.etcdctl(["put", "/a", "1"]).unwrap();
}

#[test]
fn a_server_that_exits_is_an_error_with_its_log() {
    let error = Etcd::builder().flag("--data-dir=/proc/none").start().err().expect("it can't start").to_string();
    assert!(error.contains("ended (exit status: 1)"), "{error}");
    assert!(error.contains("cannot access data directory"), "{error}");
}

#[test]
fn a_missing_server_is_named_with_what_to_install() {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_node_is_ready_when_start_returns"])
        .env("ETCD_BIN", "/nowhere/etcd")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(101));
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(printed.contains("/nowhere/etcd is missing: run `make install-servers`"), "{printed}");
}

#[test]
fn dropping_a_node_ends_it_and_removes_its_data() {
    let etcd = Etcd::start().unwrap();
    let (address, log) = (etcd.address(), etcd.members()[0].log().to_owned());
    assert!(log.is_file());
    drop(etcd);
    assert!(std::net::TcpStream::connect(address).is_err());
    assert!(!log.parent().unwrap().exists());
}

/// An `etcdctl` for `etcd` without its login.
fn etcd_client(etcd: &Etcd) -> std::process::Command {
    let mut client = std::process::Command::new("etcdctl");
    client.env("ETCDCTL_API", "3").arg("--endpoints").arg(etcd.endpoint());
    client
}

fn can_get(endpoint: &str, files: &[(&str, &Path)]) -> bool {
    let mut client = std::process::Command::new("etcdctl");
    client.env("ETCDCTL_API", "3").args(["--endpoints", endpoint, "--command-timeout=2s", "--dial-timeout=2s"]);
    for (flag, file) in files {
        client.arg(flag).arg(file);
    }
    client.args(["get", "/a", "--print-value-only"]).output().unwrap().stdout == b"1\n"
}

/// A login's token, from etcd's JSON gateway: `etcdctl` shows none.
fn login(etcd: &Etcd) -> String {
    let answer = post(etcd, "/v3/auth/authenticate", None, r#"{"name":"root","password":"s3cret"}"#);
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    answer["token"].as_str().unwrap().to_owned()
}

fn is_let_in(etcd: &Etcd, token: &str) -> bool {
    let answer = post(etcd, "/v3/kv/range", Some(token), r#"{"key":"YQ=="}"#);
    assert!(answer.contains("header") || answer.contains("invalid auth token"), "{answer}");
    answer.contains("header")
}

fn post(etcd: &Etcd, path: &str, token: Option<&str>, body: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(etcd.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let token = token.map(|token| format!("Authorization: {token}\r\n")).unwrap_or_default();
    let length = body.len();
    write!(stream, "POST {path} HTTP/1.0\r\nContent-Length: {length}\r\n{token}\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}
