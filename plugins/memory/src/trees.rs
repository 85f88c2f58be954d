//! The trees of this process, by name.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use registry_plugin::SessionId;

use crate::tree::Tree;

static TREES: Mutex<BTreeMap<String, Arc<Tree>>> = Mutex::new(BTreeMap::new());

/// Opens a session on the tree of that name, a new one if there is none.
pub(crate) fn join(name: &str) -> (Arc<Tree>, SessionId) {
    let mut trees = swept();
    let tree = trees.entry(name.to_owned()).or_insert_with(|| Arc::new(Tree::new())).clone();
    let session = tree.join();
    (tree, session)
}

/// Lets go of the trees that have no session left.
///
/// One whose last session was abandoned goes when somebody next joins or leaves any tree.
pub(crate) fn sweep() {
    drop(swept());
}

fn swept() -> MutexGuard<'static, BTreeMap<String, Arc<Tree>>> {
    let mut trees = TREES.lock().unwrap_or_else(PoisonError::into_inner);
    trees.retain(|_, tree| !tree.is_deserted());
    trees
}
