//! Finding the plugin that the configuration names.

use registry_host::{ErrorKind, Registry, Settings, plugin};

use crate::support::{Folder, built, memory};

async fn refusal(settings: &[String]) -> String {
    let settings = settings.iter().fold(Settings::builder(), |builder, set| builder.set(set)).build().unwrap();
    let error = Registry::open(settings).await.expect_err("there is no such plugin");
    assert_eq!(error.kind(), ErrorKind::PluginRejected);
    assert!(!error.to_string().contains('\n'), "{error}");
    error.to_string()
}

#[tokio::test]
async fn an_unknown_type_lists_plugins_and_folders() {
    let folder = Folder::new();
    let file = folder.install("libregistry_memory.so", &memory());
    let place = folder.path().display();
    let line = refusal(&["registry.type=memry".to_owned(), format!("registry.plugin-dirs={place}")]).await;
    for part in ["'memry'", "did you mean 'memory'?", &file.display().to_string(), &format!("looked in {place}")] {
        assert!(line.contains(part), "{part}: {line}");
    }
}

#[tokio::test]
async fn a_missing_plugin_folder_is_named() {
    let settings = ["registry.type=etcd".to_owned(), "registry.plugin-dirs=/nonexistent/plugins".to_owned()];
    let line = refusal(&settings).await;
    for part in ["found none at all", "looked in /nonexistent/plugins (missing)", "cargo build --workspace"] {
        assert!(line.contains(part), "{part}: {line}");
    }
}

#[test]
fn what_cargo_has_built_is_found_beside_the_executable() {
    let found = plugin::installed(&[built()]);
    for name in ["memory", "etcd"] {
        assert!(found.iter().any(|found| found.name == name), "{name}: {found:?}");
    }
}
