//! Ephemerals of everybody, in everybody's view.

use registry_host::ErrorKind;
use registry_suite::{Mirror, SOON, eventually};

use crate::{
    backend::Backend,
    namespace::{Namespace, SESSION},
    party::Party,
};

/// What each makes the others read, until it is deleted, its maker's session has ended, or its maker has died.
pub(crate) async fn are_seen_and_go(backend: Backend) {
    let namespace = Namespace::on(backend);
    let registry = namespace.registry().await;
    let mut mirror = Mirror::of(&registry, "/").await;
    let mut viewers = namespace.everybody().await;
    for way in Way::ALL {
        for mut maker in namespace.everybody().await {
            let key = format!("/members/{}", maker.name());
            maker.put_ephemeral(&key, b"here").await;
            mirror.until("the ephemeral is told", |mirror| mirror.has(&key, "here")).await;
            let entry = registry.get(&key).await.expect("an answer").expect("the entry");
            assert!(entry.is_ephemeral(), "{key} would outlive its session");
            let refused = registry.put(&format!("{key}/child"), "").await.expect_err("it is ephemeral");
            assert_eq!(refused.kind(), ErrorKind::EphemeralParent, "{refused}");
            for viewer in &mut viewers {
                assert_eq!(viewer.get(&key).await.as_deref(), Some(&b"here"[..]), "{} looks at {key}", viewer.name());
            }
            way.end(maker, &key).await;
            for viewer in &mut viewers {
                let name = viewer.name();
                let gone = async || viewer.get(&key).await.is_none().then_some(());
                eventually(format!("{key} is gone for {name}"), SOON + SESSION, gone).await;
            }
            mirror.until("its end is told", |mirror| !mirror.state.contains_key(&key)).await;
        }
    }
    for viewer in viewers {
        viewer.close().await;
    }
}

/// How an ephemeral ends.
#[derive(Clone, Copy)]
enum Way {
    Deleted,
    Closed,
    Died,
}

impl Way {
    const ALL: [Self; 3] = [Self::Deleted, Self::Closed, Self::Died];

    async fn end(self, mut maker: Party, key: &str) {
        match self {
            Self::Deleted => {
                maker.delete(key).await;
                assert_eq!(maker.get(key).await, None);
                maker.close().await;
            }
            Self::Closed => maker.close().await,
            Self::Died => maker.die().await,
        }
    }
}
