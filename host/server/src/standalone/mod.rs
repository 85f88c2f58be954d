//! `registry standalone`.
use clap::Args;

use crate::context::Context;
use crate::exit::{Done, OK};

/// todo
#[derive(Args)]
#[command(after_help = "Example:\n  registry standalone")]
pub(crate) struct Standalone {}

impl Standalone {
    pub(crate) async fn run(self, _context: &mut Context) -> Done {
        Ok(OK)
    }
}
