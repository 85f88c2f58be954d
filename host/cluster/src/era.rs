//! Which data the registry holds, so that deleted data can be distinguished from changed data.

use registry_host::{ErrorKind, Registry, Result, Version};

use crate::record::{RECORDS, now};

/// How often in a row others may be faster.
const TRIES: usize = 10;

/// What is written once, at the key of all records, by the first who finds nothing there: it goes with the data, and
/// never comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Era(Vec<u8>);

impl Era {
    /// Reads it; `None` if there is none.
    pub(crate) async fn read(registry: &Registry) -> Result<Option<Self>> {
        let entry = registry.get(RECORDS).await?;
        Ok(entry.filter(|entry| !entry.value.is_empty()).map(|entry| Era(entry.value.to_vec())))
    }

    /// Reads it, or begins one; gives the version of its entry, too.
    pub(crate) async fn begun(registry: &Registry) -> Result<(Self, Version)> {
        let mut tries = 0;
        loop {
            let there = registry.get(RECORDS).await?;
            let mut txn = registry.txn();
            match &there {
                Some(entry) if !entry.value.is_empty() => return Ok((Era(entry.value.to_vec()), entry.version)),
                Some(entry) => txn.check_version(RECORDS, entry.version),
                None => txn.check_absent(RECORDS),
            };
            let era = format!("{}-{}", now(), std::process::id());
            match txn.put(RECORDS, &era).commit().await {
                // Somebody else has begun it; what is there now counts, also after this one's own put.
                Err(error) if matches!(error.kind(), ErrorKind::ConditionFailed | ErrorKind::VersionRace) => {
                    tries += 1;
                    if tries == TRIES {
                        return Err(error.set_retryable(true));
                    }
                }
                Err(error) => return Err(error),
                Ok(_) => {}
            }
        }
    }
}
