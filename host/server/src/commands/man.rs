//! `registry man`.

use std::path::{Path, PathBuf};

use clap::Args;
use registry_host::{Error, ErrorKind};

use crate::context::Context;
use crate::exit::{Done, OK};

/// Writes the manual pages
///
/// Without a folder the page of the program is printed; into a folder go the pages of all commands, as
/// registry.1, registry-get.1 and so on.
#[derive(Args)]
#[command(after_help = "\
Examples:
  registry man | man -l -
  registry man /usr/local/share/man/man1")]
pub(crate) struct Man {
    /// The folder, which must be there
    folder: Option<PathBuf>,
}

impl Man {
    pub(super) async fn run(self, context: &mut Context) -> Done {
        // The version is one line, as it stands in each page's title.
        let definition = (context.definition)().version(env!("CARGO_PKG_VERSION"));
        match self.folder {
            None => {
                let mut page = Vec::new();
                let written = clap_mangen::Man::new(definition).render(&mut page);
                written.map_err(crate::exit::Failure::Output)?;
                context.output.bytes(&page);
                context.output.flush().await?;
            }
            Some(folder) => write(definition, &folder)?,
        }
        Ok(OK)
    }
}

fn write(definition: clap::Command, folder: &Path) -> Result<(), Error> {
    clap_mangen::generate_to(definition, folder).map_err(|error| {
        let message = format!("{}: the pages can't be written", folder.display());
        Error::new(ErrorKind::InvalidConfig, message).or_operation("man").with_cause(&error)
    })
}
