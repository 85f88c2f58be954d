use std::path::{Path, PathBuf};

use crate::process::find;
use crate::{Error, Result};

/// Where Debian keeps ZooKeeper's classes, with a logger that writes to standard error, and what TLS takes besides.
const DEBIAN: [&str; 4] = [
    "/usr/share/java/zookeeper.jar",
    "/usr/share/java/slf4j-simple.jar",
    "/usr/share/java/netty-codec.jar",
    "/usr/share/java/netty-resolver.jar",
];

/// The ZooKeeper on this machine.
pub(super) struct Install {
    pub(super) java: PathBuf,
    pub(super) classpath: String,
}

impl Install {
    pub(super) fn find() -> Result<Self> {
        let java = std::env::var("JAVA_BIN").unwrap_or_else(|_| "java".to_owned());
        let java = find(&java, "default-jre-headless")?;
        let classpath = std::env::var("ZOOKEEPER_CLASSPATH").unwrap_or_else(|_| DEBIAN.join(":"));
        // Java passes over what is missing, and then misses a class.
        for place in classpath.split(':') {
            let files = place.strip_suffix("/*").unwrap_or(place);
            if !Path::new(files).exists() {
                let what = format!("{files} of ZooKeeper's class path is missing");
                let remedy = "run `make install-servers`, or install it (Debian's package libzookeeper-java)";
                return Err(Error::new(format!("{what}: {remedy}")));
            }
        }
        Ok(Self { java, classpath })
    }
}
