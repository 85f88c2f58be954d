//! completions: what is offered when Tab is pressed.

use std::ffi::OsString;
use std::process::Command;

use crate::support::{On, args, bare, memory, run};

/// What bash is offered for the last word of the line.
fn offered(line: &Command) -> Vec<String> {
    let mut words = vec![OsString::from("registry")];
    words.extend(line.get_args().map(OsString::from));
    let mut asked = bare();
    asked.envs([("_REGISTRY_COMPLETE", "bash"), ("_CLAP_IFS", "\n")]);
    asked.env("_CLAP_COMPLETE_INDEX", (words.len() - 1).to_string()).arg("--").args(words);
    let ran = run(&mut asked);
    assert_eq!((ran.code, ran.stderr.as_str(), ran.opening.len()), (0, "", 0), "{line:?}");
    ran.text().lines().map(str::to_owned).collect()
}

#[test]
fn keys_on_the_server_are_completed_and_harm_no_shell() {
    for on in On::each() {
        for key in ["/fruit/apple", "/fruit/pear", "/fruit/$(touch x)"] {
            on.text(&["put", key, ""]);
        }
        let keys = |line: &[&str]| offered(&on.command(&[&["--timeout", "60s"], line].concat()));
        assert_eq!(keys(&["get", "/fr"]), ["/fruit", "/fruit/apple", "/fruit/pear"]);
        assert_eq!(keys(&["lock", "/fruit/p"]), ["/fruit/pear"]);
        assert_eq!(offered(&on.at("127.0.0.1:1").command(&["get", "/"])), Vec::<String>::new(), "nobody answers");
    }
}

#[test]
fn commands_types_and_keys_of_the_configuration_are_completed() {
    let words = |line: &[&str]| offered(&args(memory(), line.iter().copied()));
    assert_eq!(words(&["lo"]), ["lock", "locks", "logs"]);
    assert_eq!(words(&["ve"]), Vec::<String>::new(), "what is not a command of a user's is not offered");
    assert_eq!(words(&["--type", "et"]), ["etcd"]);
    assert!(words(&["--type", ""]).contains(&"zookeeper".to_owned()), "an empty word is any");
    assert_eq!(words(&["--type", "etcd", "--set", "registry.etcd.us"]), ["registry.etcd.user="]);
    for shell in ["bash", "zsh", "fish"] {
        assert!(run(&mut args(memory(), ["completions", shell])).text().contains("_REGISTRY_COMPLETE"), "{shell}");
    }
}
