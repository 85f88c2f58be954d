//! Whatever is in a file, it is read or refused.

use proptest::prelude::*;

use super::*;

const NAMES: [&str; 4] = ["registry.yaml", "registry.toml", "registry.json", "registry.properties"];

/// Reads the text as each format; what comes of it doesn't matter, only that something does.
fn read(bytes: &[u8]) {
    for name in NAMES {
        match Written::new(name, bytes).builder().profile("a").build() {
            Ok(settings) => {
                drop((settings.section(&ETCD), settings.merged(&ETCD), settings.warnings(&ETCD)));
            }
            Err(error) => assert_eq!(error.kind(), registry_api::ErrorKind::InvalidConfig),
        }
    }
}

/// Pieces that mean something to one of the formats, so that more than the first byte is looked at.
const PIECES: [&str; 55] = [
    "registry",
    "type",
    "etcd",
    "namespace",
    ": ",
    ":",
    "\n",
    "\n  ",
    "\n    ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    ",",
    "\"",
    "'",
    "|",
    ">",
    "&a ",
    "*a",
    "<<: ",
    "!",
    "!!str ",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "%TAG ! a:\n",
    "? ",
    "#",
    "~",
    "null",
    "=",
    ".",
    "\\",
    "\\u0000",
    "1.10",
    "-",
    "\t",
    "\r\n",
    "\u{feff}",
    "ü",
    "\"\"\"",
    "spring.profiles: ",
    "a&(!b|",
    "\0",
    "${",
    "${namespace:",
    "}",
    "\\${registry.type}",
    "${registry.etcd.user}",
    "registry.etcd.user=",
    "registry.etcd.user[0]=",
    "#---\n",
    "\\\n",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        read(&bytes);
    }

    #[test]
    fn random_pieces_never_panic(pieces in proptest::collection::vec(proptest::sample::select(&PIECES), 0..60)) {
        read(pieces.concat().as_bytes());
    }

    #[test]
    fn random_changes_to_a_good_file_never_panic(
        at in 0..400_usize, byte in any::<u8>(), cut in 0..400_usize,
    ) {
        let mut text = b"spring: {profiles: a}\nregistry:\n  type: etcd\n  endpoints: &e [a:1, \"b:2\"]\n  etcd: {tls: {ca-file: 'x'}, more: *e}\n  text: |\n    a\n     b\n---\nregistry.namespace: >-\n  folded\n...\n".to_vec();
        let at = at % text.len();
        text[at] = byte;
        text.truncate(text.len() - cut % text.len());
        read(&text);
    }
}

#[test]
fn keys_with_very_many_parts_are_refused() {
    for parts in [40, 1_000, 100_000] {
        let many = vec!["a"; parts].join(".");
        for (name, text) in [
            ("registry.yaml", format!("registry.{many}: x\n")),
            ("registry.yaml", format!("registry:\n  {many}: x\n")),
            ("registry.json", format!("{{\"registry.{many}\": 1}}")),
            ("registry.toml", format!("registry.{many} = 1\n")),
            ("registry.toml", format!("'registry.{many}' = 1\n")),
            ("registry.toml", format!("[registry.{many}]\nx = 1\n")),
            ("registry.toml", format!("[[registry.{many}]]\nx = 1\n")),
            ("registry.toml", format!("registry = {{ {many} = 1 }}\n")),
        ] {
            let refused = Written::new(name, &text).builder().build().expect_err(&text[..40]).to_string();
            assert!(refused.len() < 400, "{refused}");
        }
        let refused = Settings::builder().set_value(format!("registry.{many}"), "x").build().unwrap_err();
        assert!(refused.to_string().contains("at most"), "{refused}");
        let variable = format!("REGISTRY_{}", vec!["MEMORY"; parts].join("__"));
        let refused = Settings::builder().environment([(variable, "x")]).build().unwrap_err();
        assert!(refused.to_string().contains("at most"), "{refused}");
    }
}
