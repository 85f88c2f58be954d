//! What Dubbo's processes have written is read, and what is written here is read again.

use super::*;
use crate::{Service, ServiceUrl};

/// As Dubbo 3.3.6 in Java writes it on ZooKeeper.
const JAVA: &str = r#"{"name":"java-provider","id":"192.0.2.2:46821","address":"192.0.2.2","port":46821,"sslPort":null,"payload":{"@class":"org.apache.dubbo.registry.zookeeper.ZookeeperInstance","id":"192.0.2.2:46821","name":"java-provider","metadata":{"dubbo.endpoints":"[{\"port\":46821,\"protocol\":\"tri\"}]","dubbo.metadata-service.url-params":"{\"version\":\"2.0.0\",\"dubbo\":\"2.0.2\",\"side\":\"provider\",\"port\":\"46821\",\"protocol\":\"tri\"}","dubbo.metadata.revision":"5d78810b107174c9d3be9f4679b07007","dubbo.metadata.storage-type":"local","meta-v":"2.0.0","timestamp":"1796069674288"}},"registrationTimeUTC":1796069680499,"serviceType":"DYNAMIC","uriSpec":null}"#;

/// As dubbo-go 3.3.2 writes it on etcd, with a line's end.
const GO: &str = concat!(
    r#"{"ID":"127.0.0.1:46801","ServiceName":"go-provider","Host":"127.0.0.1","Port":46801,"Weight":0,"Enable":true,"Healthy":true,"Metadata":{"dubbo.endpoints":"[{\"port\":46801,\"protocol\":\"tri\"}]","dubbo.metadata-service.url-params":"{\"group\":\"go-provider\",\"port\":\"46793\",\"protocol\":\"dubbo\",\"version\":\"1.0.0\"}","dubbo.metadata.revision":"d6c9","dubbo.metadata.storage-type":"local","meta-v":"1.0.0","registry.id":"etcdv3"},"ServiceMetadata":{"app":"go-provider"},"Address":"","GroupName":"","Tag":""}"#,
    "\n"
);

#[test]
fn instances_are_read_as_java_and_go_write_them() {
    let java = Instance::parse(JAVA.as_bytes()).expect("an instance");
    assert_eq!((java.application.as_str(), java.id()), ("java-provider", "192.0.2.2:46821".to_owned()));
    assert_eq!(java.endpoints(), [("tri".to_owned(), 46821)]);
    assert_eq!(java.storage(), Storage::Local(46821));
    assert_eq!(java.revision(), Some("5d78810b107174c9d3be9f4679b07007"));
    let go = Instance::parse(GO.as_bytes()).expect("an instance");
    assert_eq!((go.application.as_str(), go.id()), ("go-provider", "127.0.0.1:46801".to_owned()));
    // It tells by a protocol of its own.
    assert_eq!(go.storage(), Storage::Foreign);
    for instance in [java, go] {
        assert_eq!(Instance::parse(instance.to_curator(1).as_bytes()), Ok(instance.clone()));
        assert_eq!(Instance::parse(instance.to_go().as_bytes()), Ok(instance));
    }
    for wrong in
        ["", "{}", "[]", r#"{"payload":{},"name":"a","address":"b"}"#, r#"{"ServiceName":"a","Host":"b","Port":70000}"#]
    {
        assert!(Instance::parse(wrong.as_bytes()).is_err(), "{wrong}");
    }
}

#[test]
fn metadata_says_which_providers_an_instance_is() {
    let provider = ServiceUrl::new("tri", "10.0.0.1", 7, "demo.EchoService")
        .with("interface", "demo.EchoService")
        .with("application", "echo")
        .with("group", "blue")
        .with("version", "1.2.3")
        .with("timestamp", "1");
    let metadata = Metadata::of("echo", std::slice::from_ref(&provider));
    assert_eq!(metadata.services.keys().collect::<Vec<_>>(), ["blue/demo.EchoService:1.2.3:tri"]);
    let service: Service = "blue/demo.EchoService:1.2.3".parse().expect("a service");
    assert_eq!(metadata.providers("10.0.0.1", &service), std::slice::from_ref(&provider));
    assert!(metadata.providers("10.0.0.1", &Service::new("demo.EchoService")).is_empty());
    let wire = proto::MetadataInfoV2::from(&metadata);
    assert_eq!(Metadata::from(wire), metadata);
    // A restart changes nothing, another parameter does.
    let revision = |url: ServiceUrl| Metadata::of("echo", &[url]).revision;
    assert_eq!(revision(provider.clone().with("timestamp", "2")), metadata.revision);
    assert_ne!(revision(provider.with("methods", "Echo")), metadata.revision);
}

#[test]
fn remote_metadata_is_read_as_java_and_go_write_it() {
    let java = r#"{"app":"javarem","revision":"0dca","services":{"grp/demo.EchoService:1.2.3:tri":{"group":"grp","name":"demo.EchoService","params":{"side":"provider"},"path":"demo.EchoService","port":46841,"protocol":"tri","version":"1.2.3"}},"lastUpdatedTime":1}"#;
    let metadata: Metadata = serde_json::from_str(java).expect("metadata");
    let service: Service = "grp/demo.EchoService:1.2.3".parse().expect("a service");
    let providers = metadata.providers("10.0.0.1", &service);
    assert_eq!(providers[0].address(), "10.0.0.1:46841");
    assert_eq!(providers[0].application(), Some("javarem"));
    let empty: Metadata = serde_json::from_str(r#"{"app":"a","revision":"0"}"#).expect("metadata");
    assert!(empty.services.is_empty());
}
