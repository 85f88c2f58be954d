//! Meets real clients of the backends' servers, which nobody here wrote: locks, ephemerals, trees, values (contract
//! 1.2, 1.5, 4.1, 6.7) and the servers of a cluster; servers of old releases of DolphinScheduler, as members of
//! one; and Dubbo's providers and consumers in Go and Java.
//!
//! It is not a test of Cargo's, since it needs their clients, in Java, Go and Python: `make interop` installs and
//! builds what is missing, then starts this. Arguments are those of a test's executable, such as a part of a name.

#![forbid(unsafe_code)]

mod backend;
mod containers;
mod contender;
mod dead_holders;
mod dolphinscheduler;
mod driver;
mod dubbo;
mod ephemerals;
mod hand_overs;
mod holder;
mod namespace;
mod party;
mod peer;
mod servers;
mod trees;
mod values;
mod witness;

use std::{process::ExitCode, sync::Arc};

use libtest_mimic::{Arguments, Trial};
use registry_interop::Client;
use tokio::runtime::Runtime;

use self::backend::Backend;

/// Trials wait for sessions to run out more than they work, so more of them run at once than there are processors.
const AT_ONCE: usize = 4;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_ONCE);
    if let Err(missing) = Client::ALL.iter().try_for_each(|client| client.check(&namespace::built())) {
        eprintln!("registry-interop: {missing}");
        return ExitCode::FAILURE;
    }
    let runtime = Arc::new(Runtime::new().expect("a runtime starts"));
    let trials = Backend::ALL.into_iter().flat_map(|backend| {
        let trials = Trials { backend, runtime: Arc::clone(&runtime) };
        let mut named = vec![
            trials.named("a_lock_has_one_holder_through_a_thousand_hand_overs", hand_overs::a_thousand),
            trials.named("a_dead_holders_lock_goes_to_the_next", dead_holders::go_to_the_next),
            trials.named("an_ephemeral_is_seen_and_goes_with_its_session", ephemerals::are_seen_and_go),
            trials.named("a_server_of_theirs_is_a_member_like_ours", servers::are_members_like_ours),
            trials.named("a_tree_reads_the_same_from_either_client", trees::read_the_same),
            trials.named("any_bytes_survive_both_ways", values::survive_both_ways),
        ];
        if backend == Backend::ZooKeeper {
            named.push(trials.named("a_lock_goes_on_when_curators_container_is_removed", containers::come_and_go));
            named.push(trials.named("dolphinscheduler_1_3_is_in_one_cluster_with_ours", dolphinscheduler::release_1_3));
            named.push(trials.named("dolphinscheduler_2_0_is_in_one_cluster_with_ours", dolphinscheduler::release_2_0));
        }
        let both = match backend {
            Backend::Etcd => trials.named("dubbo_go_and_ours_call_each_other", dubbo::go_on_etcd),
            Backend::ZooKeeper => trials.named("dubbo_and_ours_call_each_other", dubbo::go_and_java_on_zookeeper),
        };
        named.push(both);
        if backend == Backend::ZooKeeper {
            named.push(trials.named("dubbos_calls_of_ours_go_on_without_sessions", dubbo::calls_of_ours_go_on));
            named.push(trials.named("our_calls_of_dubbos_go_on_without_sessions", dubbo::calls_of_theirs_go_on));
        }
        named
    });
    let trials: Vec<_> = trials.collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Makes the trials of one backend.
struct Trials {
    backend: Backend,
    runtime: Arc<Runtime>,
}

impl Trials {
    fn named<F: Future<Output = ()>>(&self, name: &str, trial: impl Fn(Backend) -> F + Send + 'static) -> Trial {
        let (backend, runtime) = (self.backend, Arc::clone(&self.runtime));
        Trial::test(format!("{}::{name}", backend.name()), move || {
            runtime.block_on(trial(backend));
            Ok(())
        })
    }
}
