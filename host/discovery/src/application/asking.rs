//! Finding out what an instance provides.

use std::time::Duration;

use ::tonic::{Request, metadata::AsciiMetadataValue, transport::Endpoint};
use registry_host::Registry;
use tokio::time::timeout;

use super::{
    Instance, Metadata, Storage,
    instance::SERVICE_VERSION,
    proto::{MetadataRequest, metadata_service_v2_client::MetadataServiceV2Client},
};

/// How long an instance, or the registry, may take to tell.
const LIMIT: Duration = Duration::from_secs(5);

/// How much an instance may tell.
const LARGEST: usize = 4 << 20;

/// What an instance provides, or why that is not known.
pub(super) async fn ask(registry: &Registry, root: &str, instance: &Instance) -> Result<Metadata, String> {
    let revision = instance.revision().unwrap_or_default();
    let answered = match instance.storage() {
        Storage::Local(port) => timeout(LIMIT, ask_itself(instance, port, revision)).await,
        Storage::Remote => timeout(LIMIT, look_up(registry, root, &instance.application, revision)).await,
        Storage::Foreign => Ok(Ok(guess(instance))),
    };
    answered.map_err(|_| format!("no answer within {LIMIT:?}"))?
}

async fn ask_itself(instance: &Instance, port: u16, revision: &str) -> Result<Metadata, String> {
    let address = Instance { port, ..instance.clone() }.id();
    let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(|error| error.to_string())?;
    let channel = endpoint.connect().await.map_err(|error| format!("{address} can't be reached: {error:?}"))?;
    let mut client = MetadataServiceV2Client::new(channel).max_decoding_message_size(LARGEST);
    let mut request = Request::new(MetadataRequest { revision: revision.to_owned() });
    let headers = request.metadata_mut();
    if let Ok(group) = AsciiMetadataValue::try_from(&instance.application) {
        headers.insert("tri-service-group", group);
    }
    headers.insert("tri-service-version", AsciiMetadataValue::from_static(SERVICE_VERSION));
    let answer = client.get_metadata_info(request).await;
    answer.map(|answer| answer.into_inner().into()).map_err(|status| format!("{address} answered: {status}"))
}

/// Looks at where Java keeps it, and at where Go does.
async fn look_up(registry: &Registry, root: &str, application: &str, revision: &str) -> Result<Metadata, String> {
    let mut problem = "there is none in the registry".to_owned();
    for key in places(root, application, revision) {
        match registry.get(&key).await {
            Ok(Some(entry)) => match serde_json::from_slice(&entry.value) {
                Ok(metadata) => return Ok(metadata),
                Err(error) => problem = format!("what stands at {key} can't be read: {error}"),
            },
            Ok(None) => {}
            Err(error) => problem = error.to_string(),
        }
    }
    Err(problem)
}

/// The keys of remote metadata.
pub(super) fn places(root: &str, application: &str, revision: &str) -> [String; 2] {
    [format!("/{root}/metadata/{application}/{revision}"), format!("/{root}/{application}/{revision}")]
}

/// Of an instance that tells by a protocol which is not spoken here no service is known by name. Whoever looks for one
/// adds it, by the [endpoints](Instance::endpoints).
fn guess(instance: &Instance) -> Metadata {
    Metadata { application: instance.application.clone(), ..Metadata::default() }
}
