//! A case: one law on its way through the court.

use std::sync::{Arc, Mutex, PoisonError};

use registry_host::{Capability, ErrorKind, Registry, Result};

use crate::{
    Court,
    court::{ROOT, Terms, draw},
    verdict::{Failure, Verdict},
};

/// One law on its way through the court: a root of its own, and the clients that it opened.
#[derive(Clone)]
pub(crate) struct Case(Arc<CaseState>);

struct CaseState {
    court: Court,
    root: String,
    opened: Mutex<Vec<Registry>>,
}

impl Case {
    pub(crate) fn new(court: &Court, law: &str) -> Self {
        let root = format!("{ROOT}/{law}-{:08x}", draw() as u32);
        Case(Arc::new(CaseState { court: court.clone(), root, opened: Mutex::default() }))
    }

    /// The law's own root, which does not exist yet.
    pub(crate) fn root(&self) -> &str {
        &self.0.root
    }

    /// A key below the law's root, `below` without a slash in front.
    pub(crate) fn key(&self, below: &str) -> String {
        format!("{}/{below}", self.0.root)
    }

    pub(crate) fn court(&self) -> &Court {
        &self.0.court
    }

    /// Opens a client as configured.
    pub(crate) async fn client(&self) -> Verdict<Registry> {
        self.client_on(Terms::default()).await
    }

    /// Opens a client on these terms.
    pub(crate) async fn client_on(&self, terms: Terms) -> Verdict<Registry> {
        Ok(self.try_client_on(terms).await?)
    }

    /// The same, where the backend may refuse the terms.
    pub(crate) async fn try_client_on(&self, terms: Terms) -> Result<Registry> {
        let client = self.0.court.client(&terms, &[]).await?;
        self.0.opened.lock().unwrap_or_else(PoisonError::into_inner).push(client.clone());
        Ok(client)
    }

    /// Opens a client of which the law has the only handle.
    pub(crate) async fn client_alone(&self, terms: Terms) -> Verdict<Registry> {
        Ok(self.0.court.client(&terms, &[]).await?)
    }

    /// Opens a client whose namespace lies below the law's root.
    pub(crate) async fn client_below(&self, below: &str) -> Verdict<Registry> {
        self.client_on(Terms { namespace: Some(self.namespace(below)), ..Terms::default() }).await
    }

    /// Waits until the client reads all that anybody has written so far: where reads may lag, they don't behind its own
    /// writes.
    pub(crate) async fn catch_up(&self, client: &Registry) -> Verdict {
        if !client.capabilities().has(Capability::LinearizableReads) {
            let key = format!("/caught-up-{:08x}", draw() as u32);
            client.put(&key, "").await?;
            client.delete(&key).await?;
        }
        Ok(())
    }

    /// The namespace that lies below the law's root.
    pub(crate) fn namespace(&self, below: &str) -> String {
        let key = self.key(below);
        format!("{}{key}", self.0.court.namespace()).trim_start_matches('/').to_owned()
    }

    /// Closes the clients and removes the law's root.
    pub(crate) async fn clean_up(&self) -> Verdict {
        let opened: Vec<_> = self.0.opened.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect();
        let closing = opened.iter().map(|client| async move {
            match client.close().await {
                Err(error) if error.kind() != ErrorKind::Closed => Err(error),
                _ => Ok(()),
            }
        });
        let closed = futures_util::future::try_join_all(closing).await;
        self.0.court.usher().delete_recursive(&self.0.root).await?;
        self.clean_below().await?;
        closed.map_err(|error| Failure::new(format_args!("a client could not be closed afterwards: {error}")))?;
        Ok(())
    }

    /// Removes what lies in namespaces below the law's root, where that is not below its key: a backend may prepend a
    /// namespace as it is, and then `laws/…` is not below `/laws`.
    async fn clean_below(&self) -> Verdict {
        if !self.0.court.namespace().is_empty() {
            return Ok(());
        }
        let namespace = Some(self.0.root.trim_start_matches('/').to_owned());
        let client = self.client_alone(Terms { namespace, ..Terms::default() }).await?;
        for name in client.children("/").await? {
            client.delete_recursive(&format!("/{name}")).await?;
        }
        client.close().await?;
        Ok(())
    }
}
