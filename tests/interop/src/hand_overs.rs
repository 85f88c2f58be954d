//! One lock, and everybody who knows how to take it.

use std::time::Duration;

use futures_util::future::join_all;
use registry_host::Registry;
use registry_suite::{SOON, eventually, within};

use crate::{
    backend::Backend,
    contender::Contender,
    holder::LockCommand,
    namespace::Namespace,
    witness::{Hold, Witness},
};

const HAND_OVERS: usize = 1_000;

/// Many times what they take.
const LIMIT: Duration = Duration::from_secs(300);

const KEY: &str = "/jobs/nightly";

/// Never two holders, each when its turn has come, nobody starved, and nothing left behind.
pub(crate) async fn a_thousand(backend: Backend) {
    let namespace = &Namespace::on(backend);
    let registry = namespace.registry().await;
    let witness = &Witness::new(registry.clone());
    let contenders = contenders(namespace).await;
    let turns = contenders.into_iter().enumerate().map(async |(number, mut contender)| {
        while witness.count() < HAND_OVERS {
            contender.locked(namespace, KEY, async |entry| witness.hold(number, entry).await).await;
        }
        contender
    });
    let contenders = within("a thousand hand-overs", LIMIT, join_all(turns)).await;
    all_had_their_share(backend, &contenders, &witness.holds());
    for contender in contenders {
        contender.close().await;
    }
    nothing_is_left(&registry).await;
}

/// In all, more than the machine has processors: some wait at any time.
async fn contenders(namespace: &Namespace) -> Vec<Contender> {
    let shared = namespace.registry().await;
    let mut contenders = vec![
        // Two requests of one session, which queue like any others.
        Contender::Registry(shared.clone()),
        Contender::Registry(shared),
        Contender::Registry(namespace.registry().await),
        Contender::Command(LockCommand::Registry),
    ];
    for client in namespace.backend().clients() {
        contenders.extend([namespace.driver(*client), namespace.driver(*client)].map(Contender::Theirs));
    }
    if namespace.backend() == Backend::Etcd {
        contenders.push(Contender::Command(LockCommand::Etcdctl));
    }
    contenders
}

fn all_had_their_share(backend: Backend, contenders: &[Contender], holds: &[Hold]) {
    let turns = |number| holds.iter().filter(|hold| hold.by == number).count();
    let shares =
        contenders.iter().enumerate().map(|(number, contender)| format!("{} {}", contender.name(), turns(number)));
    eprintln!("{}: {} turns: {}", backend.name(), holds.len(), shares.collect::<Vec<_>>().join(", "));
    for (number, contender) in contenders.iter().enumerate() {
        // In a fair queue the steady ones take turns; a command is not in it while it starts.
        let least = if contender.is_steady() { HAND_OVERS / contenders.len() / 2 } else { HAND_OVERS / 100 };
        assert!(turns(number) >= least, "{} had {} turns of {}", contender.name(), turns(number), holds.len());
    }
    let hand_overs = |from_ours: bool| {
        let pairs = holds.windows(2).map(|pair| [0, 1].map(|one| contenders[pair[one].by].is_ours()));
        pairs.filter(|ours| *ours == [from_ours, !from_ours]).count()
    };
    let (to_theirs, to_ours) = (hand_overs(true), hand_overs(false));
    let least = HAND_OVERS / contenders.len() / 2;
    assert!(to_theirs >= least && to_ours >= least, "{to_theirs} from ours to theirs, {to_ours} back");
}

async fn nothing_is_left(registry: &Registry) {
    let queue = async || registry.children(KEY).await.expect("the queue").is_empty().then_some(());
    eventually("the queue is left", SOON, queue).await;
    let lock = registry.get(KEY).await.expect("an answer").expect("the lock's key stays");
    assert!(!lock.is_ephemeral());
}
