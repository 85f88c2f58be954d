//! An hour of a cluster's life on each backend, after which nothing has grown.

use std::{env, fs, process::Command};

#[test]
fn nothing_grows_in_an_hour() {
    let folder = tempfile::tempdir().expect("a folder");
    let plugins = env::current_exe().expect("this test").parent().expect("its folder").to_owned();
    let output = Command::new(env!("CARGO_BIN_EXE_registry-chaos"))
        .args(["soak", "--hours", "1", "--every", "5", "--plugin-dir"])
        .arg(plugins)
        .arg("--out")
        .arg(folder.path())
        .output()
        .expect("it starts");
    let (told, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}\n{errors}");
    for backend in ["memory", "etcd", "zookeeper"] {
        assert!(told.contains(&format!("{backend}: 7200 heartbeats")), "{told}");
        let drawn = fs::read_to_string(folder.path().join(format!("{backend}.svg"))).expect("a picture");
        assert!(drawn.contains(&format!("1 hours on {backend}")), "{drawn}");
    }
}
