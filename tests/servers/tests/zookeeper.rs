//! ZooKeeper as these tests get it, held against the real program.

use std::collections::HashSet;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use registry_test_servers::{Certificates, Tls, ZooKeeper};
use zookeeper_client::{Acls, Client, Connector, CreateMode, Error, SaslOptions, TlsOptions};

#[test]
fn a_server_is_ready_when_start_returns() {
    let zookeeper = ZooKeeper::start().unwrap();
    assert_eq!(zookeeper.connect_string(), zookeeper.endpoint());
    block_on(create(&zookeeper, "/a"));
    assert_eq!(block_on(children(&zookeeper)), ["a", "zookeeper"]);
    assert!(block_on(can_list_in_plain_text(&zookeeper)));
    assert!(zookeeper.version().unwrap().starts_with("3."));
}

#[test]
fn servers_started_at_once_do_not_take_each_others_ports() {
    let servers: Vec<ZooKeeper> = thread::scope(|scope| {
        let starting: Vec<_> = (0..3).map(|_| scope.spawn(ZooKeeper::start)).collect();
        starting.into_iter().map(|started| started.join().unwrap().unwrap()).collect()
    });
    let endpoints: HashSet<String> = servers.iter().map(ZooKeeper::endpoint).collect();
    assert_eq!(endpoints.len(), 3);
    for (index, server) in servers.iter().enumerate() {
        block_on(create(server, &format!("/{index}")));
    }
    for (index, server) in servers.iter().enumerate() {
        assert_eq!(block_on(children(server)), [index.to_string(), "zookeeper".to_owned()]);
    }
}

#[test]
fn a_killed_server_has_its_data_after_a_restart() {
    let zookeeper = ZooKeeper::start().unwrap();
    let endpoint = zookeeper.endpoint();
    block_on(create(&zookeeper, "/a"));
    zookeeper.kill();
    assert!(TcpStream::connect(zookeeper.address()).is_err());
    assert!(zookeeper.stop().unwrap_err().to_string().contains("does not run"));
    zookeeper.restart().unwrap();
    assert_eq!(zookeeper.endpoint(), endpoint);
    assert_eq!(block_on(children(&zookeeper)), ["a", "zookeeper"]);
}

#[test]
fn a_stopped_server_answers_nothing_until_it_goes_on() {
    let zookeeper = ZooKeeper::start().unwrap();
    block_on(create(&zookeeper, "/a"));
    zookeeper.stop().unwrap();
    let mut silent = TcpStream::connect(zookeeper.address()).unwrap();
    silent.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    silent.write_all(b"ruok").unwrap();
    assert_eq!(silent.read(&mut [0; 4]).unwrap_err().kind(), ErrorKind::WouldBlock);
    zookeeper.cont().unwrap();
    assert_eq!(block_on(children(&zookeeper)), ["a", "zookeeper"]);
}

#[test]
fn only_the_user_with_the_password_gets_in() {
    // The quote and the backslash must reach Java as they are.
    let zookeeper = ZooKeeper::builder().auth("operator", r#"s3"c\ret"#).start().unwrap();
    block_on(create(&zookeeper, "/a"));
    let anonymous = || async { children_of(&Client::connect(&zookeeper.endpoint()).await?).await };
    assert_eq!(block_on(anonymous()).unwrap_err(), Error::AuthFailed);
    let wrong = Client::connector().with_sasl(SaslOptions::digest_md5("operator", "wrong"));
    let refused = block_on(wrong.connect(&zookeeper.endpoint())).expect_err("the password is wrong");
    assert_eq!(refused, Error::AuthFailed);
    zookeeper.restart().unwrap();
    assert_eq!(block_on(children(&zookeeper)), ["a", "zookeeper"]);
}

#[test]
fn tls_is_refused_in_plain_text_and_under_another_authority() {
    let zookeeper = ZooKeeper::builder().tls(Tls::Server).start().unwrap();
    block_on(create(&zookeeper, "/a"));
    assert!(!block_on(can_list_in_plain_text(&zookeeper)));
    let ours = trusting(zookeeper.certificates().unwrap());
    assert!(block_on(can_list(&zookeeper, ours)));
    let foreign = Certificates::generate().unwrap();
    assert!(!block_on(can_list(&zookeeper, trusting(&foreign))));
}

#[test]
fn mutual_tls_asks_for_a_certificate_of_the_authority() {
    let zookeeper = ZooKeeper::builder().tls(Tls::Mutual).start().unwrap();
    block_on(create(&zookeeper, "/a"));
    let ours = zookeeper.certificates().unwrap();
    let foreign = Certificates::generate().unwrap();
    assert!(!block_on(can_list(&zookeeper, trusting(ours))));
    assert!(!block_on(can_list(&zookeeper, known_as(trusting(ours), &foreign))));
    assert!(block_on(can_list(&zookeeper, known_as(trusting(ours), ours))));
}

#[test]
fn tls_and_a_user_go_together_in_an_ensemble() {
    let builder = ZooKeeper::builder().members(3).tls(Tls::Server).auth("operator", "s3cret");
    let zookeeper = builder.start().unwrap();
    block_on(create(&zookeeper, "/a"));
    assert_eq!(block_on(children(&zookeeper)), ["a", "zookeeper"]);
}

#[test]
fn an_ensemble_survives_and_takes_back_its_leader() {
    let zookeeper = ZooKeeper::builder().members(3).start().unwrap();
    assert_eq!(zookeeper.connect_string().split(',').count(), 3);
    block_on(create(&zookeeper, "/a"));
    let leader = zookeeper.leader().unwrap();
    leader.kill();
    let deadline = Instant::now() + Duration::from_secs(30);
    while zookeeper.leader().is_err() {
        assert!(Instant::now() < deadline, "no new leader");
    }
    assert_ne!(zookeeper.leader().unwrap().endpoint(), leader.endpoint());
    block_on(create(&zookeeper, "/b"));
    leader.restart().unwrap();
    let listed = block_on(async {
        let client = Client::connect(&leader.endpoint()).await.unwrap();
        client.sync("/").await.unwrap();
        children_of(&client).await.unwrap()
    });
    assert_eq!(listed, ["a", "b", "zookeeper"]);
}

#[test]
fn a_setting_and_a_property_reach_the_server() {
    let builder = ZooKeeper::builder().setting("maxSessionTimeout=12345").property("zookeeper.audit.enable=true");
    let zookeeper = builder.start().unwrap();
    let configuration = zookeeper.ask("conf").unwrap();
    assert!(configuration.contains("maxSessionTimeout=12345\n"), "{configuration}");
    // It logs that a moment after it has begun to answer.
    let until = Instant::now() + Duration::from_secs(60);
    let logged = || fs::read_to_string(zookeeper.members()[0].log()).unwrap();
    while !logged().contains("ZooKeeper audit is enabled") {
        assert!(Instant::now() < until, "{}", logged());
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_shared_server_outlives_its_starting_thread() {
    let first = thread::spawn(|| ZooKeeper::shared().unwrap().endpoint()).join().unwrap();
    let shared = ZooKeeper::shared().unwrap();
    assert_eq!(shared.endpoint(), first);
    block_on(create(shared, "/a"));
}

#[test]
fn a_server_that_exits_is_an_error_with_its_log() {
    let error = ZooKeeper::builder().setting("dataDir=/proc/none").start().err().expect("it can't start").to_string();
    assert!(error.contains("ended (exit status: "), "{error}");
    assert!(error.contains("Unable to create data directory /proc/none"), "{error}");
}

#[test]
fn a_missing_java_is_named_with_what_to_install() {
    let printed = printed_with("JAVA_BIN", "/nowhere/java");
    assert!(printed.contains("/nowhere/java is missing: run `make install-servers`"), "{printed}");
}

#[test]
fn missing_classes_fail_a_test_and_are_named() {
    let printed = printed_with("ZOOKEEPER_CLASSPATH", "/usr:/nowhere/*");
    assert!(printed.contains("/nowhere of ZooKeeper's class path is missing: run `make install-servers`"), "{printed}");
}

#[test]
fn dropping_a_server_ends_it_and_removes_its_data() {
    let zookeeper = ZooKeeper::start().unwrap();
    let (address, log) = (zookeeper.address(), zookeeper.members()[0].log().to_owned());
    assert!(log.is_file());
    drop(zookeeper);
    assert!(TcpStream::connect(address).is_err());
    assert!(!log.parent().unwrap().exists());
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

async fn create(zookeeper: &ZooKeeper, path: &str) {
    let client = zookeeper.client().await.unwrap();
    let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
    client.create(path, b"1", &options).await.unwrap();
}

async fn children(zookeeper: &ZooKeeper) -> Vec<String> {
    children_of(&zookeeper.client().await.unwrap()).await.unwrap()
}

async fn children_of(client: &Client) -> Result<Vec<String>, Error> {
    let mut children = client.list_children("/").await?;
    children.sort();
    Ok(children)
}

fn trusting(authority: &Certificates) -> TlsOptions {
    TlsOptions::new().with_pem_ca(&fs::read_to_string(authority.ca_file()).unwrap()).unwrap()
}

fn known_as(options: TlsOptions, client: &Certificates) -> TlsOptions {
    let certificate = fs::read_to_string(client.cert_file()).unwrap();
    options.with_pem_identity(&certificate, &fs::read_to_string(client.key_file()).unwrap()).unwrap()
}

async fn can_list(zookeeper: &ZooKeeper, options: TlsOptions) -> bool {
    let connector = Client::connector().with_tls(options);
    lists(connector, &format!("tcp+tls://{}", zookeeper.endpoint())).await
}

async fn can_list_in_plain_text(zookeeper: &ZooKeeper) -> bool {
    lists(Client::connector(), &format!("tcp://{}", zookeeper.endpoint())).await
}

async fn lists(connector: Connector, url: &str) -> bool {
    // A refusal shows as an unreachable server, which else would be retried until the session expires.
    match connector.with_fail_eagerly().connect(url).await {
        Ok(client) => client.list_children("/").await.is_ok(),
        Err(_) => false,
    }
}

/// What a test that starts a server prints when `name` is set so, and it fails.
fn printed_with(name: &str, value: &str) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_server_is_ready_when_start_returns"])
        .env(name, value)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(101));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
