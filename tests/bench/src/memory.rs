//! Memory: a ready get through the plugin, against the backend's own function called directly.

use std::hint::black_box;

use registry_memory::{Config, Memory};
use registry_plugin::{Backend, Context, Key, Mode, Operation, Options, Txn};
use tokio::runtime::Handle;

use crate::{
    measure::{Failure, mean},
    open::Plugins,
    report::{Report, Row},
};

const KEY: &str = "/nodes/worker/default/10.0.0.7:1234";

pub(crate) async fn measure(
    report: &mut Report,
    plugins: &Plugins,
    rounds: usize,
    calls: usize,
) -> Result<(), Failure> {
    let plugin = plugins.open("memory", &[]).await?;
    let value = [b'x'; 100];
    plugin.put(KEY, value).await?;

    let mut options = Options::new("registry.memory");
    plugin.namespace().clone_into(&mut options.namespace);
    let context = Context::detached::<Memory>(options, Handle::current());
    let raw = Memory::connect(Config::default(), context.clone()).await?;
    let key = Key::new(KEY)?;
    raw.commit(Txn::new(&[], &[Operation::Put { key, value: &value, mode: Mode::Persistent }])).await?;

    let mut row = Row::new("memory get, ready", "direct call");
    for _ in 0..rounds {
        let direct = mean(calls, |_| async {
            black_box(raw.get(black_box(key)).await?);
            Ok(())
        });
        let direct = direct.await?;
        let through = mean(calls, |_| async {
            black_box(plugin.get(black_box(KEY)).await?);
            Ok(())
        });
        row.add(through.await?, direct);
    }
    report.add(row);
    raw.close().await?;
    // Its end would be the session's.
    drop(context);
    plugin.close().await?;
    Ok(())
}
