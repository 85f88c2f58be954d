//! `registry servers`.

mod forget;
mod mark_dead;
mod row;
mod watching;

use clap::{Args, Subcommand, ValueEnum};
use registry_cluster::{Cluster, MemberFilter, Options};

use self::forget::Whom;
use self::row::Row;
use crate::context::Context;
use crate::exit::{Done, OK};
use crate::output::{Format, table};

/// Shows the masters and workers that are registered, and who is marked as dead
///
/// For every server its group, its status, what it uses of processors and memory, and its load average. Then how long
/// ago it has beaten and started by its own clock (ahead, if that clock is ahead of ours), and whether it is marked as
/// dead. What a server could not measure is '-'. A heartbeat that can't be read shows why. Servers of DolphinScheduler
/// are shown as well, whichever version has registered them; those that have not beaten yet are starting. See
/// docs/compatibility.md.
#[derive(Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  registry servers
  registry servers --watch
  registry servers --output json
  registry servers mark-dead 10.0.0.7:1234
  registry servers forget --all-gone"
)]
pub(crate) struct Servers {
    /// Goes on: a live table on a terminal, else a line for every change, until Ctrl-C or SIGTERM
    #[arg(long)]
    watch: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Marks a server as dead: it is told to stop at its next beat
    ///
    /// The mark stays until a server registers at that address, it is forgotten, or it is older than
    /// registry.cluster.dead-mark-retention. Exits with 1 if none is registered there and --role doesn't
    /// say which is meant.
    #[command(after_help = "Example:\n  registry servers mark-dead 10.0.0.7:1234")]
    MarkDead {
        /// Where it is, host:port
        address: String,
        /// What it is, where the address alone doesn't tell
        #[arg(long, value_enum)]
        role: Option<Role>,
    },
    /// Clears what is left of servers that are dead: dead marks, and the records of their lives
    ///
    /// A server's next process clears its mark, and a master that takes over for it removes the record. What has
    /// another address with each start leaves its marks behind, and a cluster whose masters take over for nobody the
    /// records. Nobody takes over any more for a server that is forgotten. Prints a line for each. Exits with 1 if the
    /// server is registered or its session lives, and says so, or if nothing is left of it.
    #[command(after_help = "\
Examples:
  registry servers forget 10.0.0.7:1234
  registry servers forget --all-gone")]
    Forget {
        /// Where it was, host:port
        #[arg(required_unless_present = "all_gone", conflicts_with = "all_gone")]
        address: Option<String>,
        /// What it was, where both may have been there [default: both]
        #[arg(long, value_enum, conflicts_with = "all_gone")]
        role: Option<Role>,
        /// Forgets everybody who is not registered and whose session has ended
        #[arg(long)]
        all_gone: bool,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Role {
    Master,
    Worker,
}

impl From<Role> for registry_cluster::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Master => registry_cluster::Role::Master,
            Role::Worker => registry_cluster::Role::Worker,
        }
    }
}

impl Servers {
    pub(super) async fn run(self, context: &mut Context) -> Done {
        match self.command {
            Some(Command::MarkDead { address, role }) => mark_dead::run(&address, role.map(Into::into), context).await,
            Some(Command::Forget { address, role, .. }) => {
                let whom = address.map_or(Whom::AllGone, |address| Whom::At(address, role.map(Into::into)));
                forget::run(whom, context).await
            }
            None if self.watch => watching::run(context).await,
            None => show(context).await,
        }
    }
}

async fn show(context: &mut Context) -> Done {
    let work = context.session(async |registry, output| {
        // Nothing is registered here: how servers take part makes no difference.
        let cluster = Cluster::open(registry.clone(), Options::default()).await?;
        let marked = cluster.marked_dead().await?.into_iter().collect();
        let rows = Row::all(&cluster.members(MemberFilter::All).now(), &marked);
        match output.format {
            Format::Json => rows.iter().try_for_each(|row| output.line("", row.object(None)))?,
            Format::Text => {
                let lines = table::lines(&row::heading(), rows.iter().map(Row::columns).collect(), output);
                lines.into_iter().try_for_each(|line| output.line(line, ()))?;
            }
        }
        output.flush().await?;
        Ok(OK)
    });
    work.await
}
