//! Namespaces, path boundaries, and keys without an entry (contract 1.4 and 1.5).

use registry_host::{ErrorKind, Event, Scope};

use super::steps::keys;
use crate::{
    case::Case,
    court::{Terms, draw},
    follower::Follower,
    law::chapter,
    verdict::{Failure, Verdict, holds, refused, same, there},
};

chapter! {
    "1.4" =>
        a_namespace_is_prepended_to_every_key,
        a_namespace_is_never_seen_above_it,
        namespaces_apart_do_not_see_each_other,
        a_namespace_may_have_several_segments,
        a_path_ends_at_its_boundary,
        a_watch_ends_at_the_boundary_of_its_path,
        a_neighbours_children_are_not_ones_own,
        the_empty_namespace_hides_zookeeper;
    "1.5" =>
        what_lies_above_a_namespace_is_named_as_a_child,
        a_put_below_a_key_without_an_entry_creates_it;
}

/// Names that sort round `/`, and share their beginning with `a`.
const NEIGHBOURS: [&str; 9] = ["a!", "a-", "a.", "a0", "aa", "a a", "A", "aä", "a~"];

async fn a_namespace_is_prepended_to_every_key(case: &Case) -> Verdict {
    let (outer, inner) = (case.client_below("outer").await?, case.client_below("outer/inner").await?);
    inner.put("/x/y", "from within").await?;
    case.catch_up(&outer).await?;
    let entry = there("the entry from outside", outer.get("/inner/x/y").await?)?;
    same("its value", &entry.value[..], b"from within")?;
    outer.put("/inner/z", "from outside").await?;
    case.catch_up(&inner).await?;
    let entry = there("the entry from within", inner.get("/z").await?)?;
    same("its value", &entry.value[..], b"from outside")?;
    same("its key", entry.key, "/z")?;
    same("the children within", inner.children("/").await?, ["x", "z"])?;
    same("what goes", outer.delete_recursive("/inner/x").await?, 2)?;
    case.catch_up(&inner).await?;
    same("what is left", inner.children("/").await?, ["z"])
}

async fn a_namespace_is_never_seen_above_it(case: &Case) -> Verdict {
    let inner = case.client_below("inner").await?;
    let mut watch = Follower::synced(&inner, "/", Scope::Subtree).await?;
    inner.put("/a/b", "").await?;
    watch.until("both are told", |state| state.keys().eq(["/a", "/a/b"])).await?;
    same("the listing", keys(&inner.list("/a").await?), ["/a", "/a/b"])?;
    let guard = inner.lock("/lock").await?;
    same("the lock's key", guard.key(), "/lock")?;
    holds(format!("{} lies below it", guard.entry()), guard.entry().starts_with("/lock/"))?;
    holds("the queue's entry is read by its key", inner.get(guard.entry()).await?.is_some())?;
    inner.txn().check_held(&guard).put("/a/c", "").commit().await?;
    guard.release().await?;
    inner.put("/e", "").ephemeral().await?;
    let error = refused("a put below an ephemeral", inner.put("/e/f", "").await, ErrorKind::EphemeralParent)?;
    same("the error's key", error.key(), Some("/e/f"))?;
    let namespace = case.namespace("inner");
    holds(format!("the error does not name the namespace: {error}"), !error.to_string().contains(&namespace))?;
    let error = refused("a delete", inner.delete("/a").await, ErrorKind::HasChildren)?;
    holds(format!("the error does not name the namespace: {error}"), !error.to_string().contains(&namespace))
}

async fn namespaces_apart_do_not_see_each_other(case: &Case) -> Verdict {
    let mine = case.client_below("a").await?;
    for name in NEIGHBOURS.into_iter().chain(["b"]) {
        let theirs = case.client_below(name).await?;
        let mut watch = Follower::synced(&mine, "/", Scope::Subtree).await?;
        theirs.put("/k/l", "theirs").await?;
        theirs.put("/m", "theirs").ephemeral().await?;
        same(format!("a read beside {name:?}"), mine.get("/k").await?, None)?;
        same(format!("a listing beside {name:?}"), mine.list("/k").await?, [])?;
        same(format!("the children beside {name:?}"), mine.children("/").await?.len(), 0)?;
        same(format!("a delete beside {name:?}"), mine.delete_recursive("/k").await?, 0)?;
        same(format!("a delete beside {name:?}"), mine.delete("/m").await?, 0)?;
        mine.txn().check_absent("/k").check_absent("/m").commit().await?;
        mine.put("/k", "mine").await?;
        case.catch_up(&theirs).await?;
        same("what they read", &there("their entry", theirs.get("/k/l").await?)?.value[..], b"theirs")?;
        same("the first that is told", watch.put("/k").await?.0.value, "mine")?;
        same("what goes", mine.delete("/k").await?, 1)?;
    }
    Ok(())
}

async fn a_namespace_may_have_several_segments(case: &Case) -> Verdict {
    let (outer, inner) = (case.client_below("a").await?, case.client_below("a/b/c").await?);
    inner.put("/k", "").await?;
    case.catch_up(&outer).await?;
    same("the entry from outside", outer.get("/b/c/k").await?.is_some(), true)?;
    let beside = case.client_below("a/b/cc").await?;
    same("the entry from beside", beside.get("/k").await?, None)?;
    same("the children beside", beside.children("/").await?.len(), 0)
}

async fn a_path_ends_at_its_boundary(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let (a, below) = (&case.key("a"), &case.key("a/x"));
    let mut neighbours = vec![case.root().to_owned()];
    for name in NEIGHBOURS {
        neighbours.extend([case.key(name), case.key(&format!("{name}/x"))]);
        registry.put(&case.key(&format!("{name}/x")), "").await?;
    }
    neighbours.sort();
    registry.put(below, "").await?;
    same("the listing", keys(&registry.list(a).await?), [a, below])?;
    same("the children", registry.children(a).await?, ["x"])?;
    same("a delete of a leaf", registry.delete(below).await?, 1)?;
    same("a delete of what has neighbours with children", registry.delete(a).await?, 1)?;
    registry.put(below, "").await?;
    same("a recursive delete", registry.delete_recursive(a).await?, 2)?;
    same("a recursive delete of nothing", registry.delete_recursive(a).await?, 0)?;
    same("the listing of nothing", registry.list(a).await?, [])?;
    refused("the children of nothing", registry.children(a).await, ErrorKind::NotFound)?;
    same("a delete of nothing", registry.delete(a).await?, 0)?;
    same("the neighbours", keys(&registry.list(case.root()).await?), neighbours)
}

async fn a_watch_ends_at_the_boundary_of_its_path(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let (a, below) = (&case.key("a"), &case.key("a/x"));
    registry.put(a, "").await?;
    for name in NEIGHBOURS {
        registry.put(&case.key(&format!("{name}/x")), "before").await?;
    }
    for (scope, first) in [(Scope::Node, 1), (Scope::Children, 0), (Scope::Subtree, 1)] {
        let mut watch = Follower::synced(&registry, a, scope).await?;
        same(format!("what a watch {scope} begins with"), watch.state.len(), first)?;
        for name in NEIGHBOURS {
            registry.put(&case.key(name), "later").await?;
            registry.put(&case.key(&format!("{name}/y")), "later").await?;
            registry.delete(&case.key(&format!("{name}/y"))).await?;
        }
        // What is told next is ours.
        if scope == Scope::Children {
            registry.put(below, "").await?;
            watch.put(below).await?;
            registry.delete(below).await?;
            watch.delete(below).await?;
        } else {
            registry.put(a, "ours").await?;
            watch.put(a).await?;
        }
    }
    Ok(())
}

async fn a_neighbours_children_are_not_ones_own(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let a = &case.key("a");
    for name in NEIGHBOURS {
        registry.put(&case.key(&format!("{name}/x")), "").await?;
    }
    registry.put(a, "").ephemeral().await?;
    for name in NEIGHBOURS {
        registry.put(&case.key(&format!("{name}/y")), "").await?;
    }
    registry.put(a, "").await?;
    let guard = registry.try_lock(a).await?;
    guard.release().await?;
    same("what goes", registry.delete(a).await?, 1)
}

async fn the_empty_namespace_hides_zookeeper(case: &Case) -> Verdict {
    let on = |namespace: &str| Terms { namespace: Some(namespace.to_owned()), ..Terms::default() };
    let everything = case.client_on(on("")).await?;
    let name = format!("laws-{:x}", draw());
    let key = &format!("/{name}");
    let mut watch = everything.watch("/", Scope::Subtree).await?;
    let within = match case.try_client_on(on("zookeeper")).await {
        // ZooKeeper has something of its own to hide.
        Err(error) if error.kind() == ErrorKind::InvalidConfig => None,
        within => Some(within?),
    };
    if let Some(within) = &within {
        match within.put(key, "").ephemeral().await {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                return Err(Failure::NotApplicable(format!("the user may not write there: {error}")));
            }
            put => drop(put?),
        }
    }
    let beside = format!("/zookeeper-{name}");
    everything.put(&beside, "").ephemeral().await?;
    // What lies beside it is told, and it is not.
    loop {
        match there("an event", watch.next().await)?? {
            Event::Put { entry, .. } if entry.key == beside => break,
            event => {
                let key = event.key().unwrap_or("");
                holds(format!("{key} is not told"), key != "/zookeeper" && !key.starts_with("/zookeeper/"))?;
            }
        }
    }
    let names = everything.children("/").await?;
    holds(format!("it is none of {names:?}"), names.iter().all(|name| name != "zookeeper"))?;
    holds("its neighbour is one", names.iter().any(|name| beside.strip_prefix('/') == Some(name)))?;
    for hidden in ["/zookeeper", &format!("/zookeeper{key}")] {
        let invalid = ErrorKind::InvalidKey;
        refused("get", everything.get(hidden).await, invalid)?;
        refused("children", everything.children(hidden).await, invalid)?;
        refused("list", everything.list(hidden).await, invalid)?;
        refused("put", everything.put(hidden, "").await, invalid)?;
        refused("delete", everything.delete(hidden).await, invalid)?;
        refused("delete_recursive", everything.delete_recursive(hidden).await, invalid)?;
        refused("check", everything.txn().check_absent(hidden).commit().await, invalid)?;
        refused("watch", everything.watch(hidden, Scope::Subtree).await, invalid)?;
        refused("lock", everything.lock(hidden).await, invalid)?;
    }
    if let Some(within) = within {
        same("the entry in its own namespace", within.get(key).await?.is_some(), true)?;
        within.close().await?;
    }
    everything.close().await?;
    Ok(())
}

async fn what_lies_above_a_namespace_is_named_as_a_child(case: &Case) -> Verdict {
    let (outer, inner) = (case.client_below("outer").await?, case.client_below("outer/x/inner").await?);
    inner.put("/k", "").await?;
    case.catch_up(&outer).await?;
    same("the children of the root", outer.children("/").await?, ["x"])?;
    same("the children above", outer.children("/x").await?, ["inner"])?;
    same("the children below", outer.children("/x/inner").await?, ["k"])?;
    refused("a delete of what has children", outer.delete("/x").await, ErrorKind::HasChildren)?;
    let ephemeral = outer.put("/x", "").ephemeral().await;
    refused("an ephemeral put over what has children", ephemeral, ErrorKind::HasChildren)?;
    holds("something goes", outer.delete_recursive("/x").await? >= 1)?;
    refused("the children of nothing", outer.children("/x").await, ErrorKind::NotFound)?;
    case.catch_up(&inner).await?;
    same("the entry within", inner.get("/k").await?, None)?;
    Ok(())
}

async fn a_put_below_a_key_without_an_entry_creates_it(case: &Case) -> Verdict {
    let (outer, inner) = (case.client_below("outer").await?, case.client_below("outer/x/inner").await?);
    inner.put("/k", "").await?;
    outer.put("/x/beside", "").await?;
    let above = there("the key above", outer.get("/x").await?)?;
    same("its value", above.value.len(), 0)?;
    same("its mode", above.ephemeral, None)?;
    same("its children", outer.children("/x").await?, ["beside", "inner"])?;
    let listed = outer.list("/x").await?;
    holds("both are listed", ["/x", "/x/beside"].iter().all(|key| keys(&listed).contains(key)))
}
