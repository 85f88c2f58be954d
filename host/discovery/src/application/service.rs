//! The one method by which consumers ask what an instance provides.

use std::sync::Arc;

use ::tonic::{Request, Response, Status};

use super::{
    Metadata,
    proto::{
        MetadataInfoV2, MetadataRequest,
        metadata_service_v2_server::{MetadataServiceV2, MetadataServiceV2Server},
    },
};

/// A service for a tonic server that tells what an application provides.
///
/// [`serve`](crate::tonic::serve) adds it by itself.
pub fn metadata_service(metadata: Metadata) -> MetadataServiceV2Server<impl MetadataServiceV2> {
    MetadataServiceV2Server::new(Told(Arc::new(metadata)))
}

struct Told(Arc<Metadata>);

#[::tonic::async_trait]
impl MetadataServiceV2 for Told {
    async fn get_metadata_info(&self, asked: Request<MetadataRequest>) -> Result<Response<MetadataInfoV2>, Status> {
        let asked = asked.into_inner().revision;
        // Dubbo's consumers ask for the revision that the instance says; some ask for none.
        if !asked.is_empty() && asked != self.0.revision {
            let now = &self.0.revision;
            return Err(Status::not_found(format!("there is no metadata of the revision {asked:?}, now it is {now}")));
        }
        Ok(Response::new(MetadataInfoV2::from(&*self.0)))
    }
}
