//! A consumer that calls whoever provides the service: `echo_consumer [REGISTRY-URL [MILLISECONDS-BETWEEN-CALLS]]`.
//! Without a URL the registry is that of the file which $REGISTRY_CONFIG names. SIGTERM ends it.

use std::{env, time::Duration};

use registry_discovery::{Discovery, SECTION, Service, tonic::channel};
use registry_host::{Result, Settings};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{sleep, timeout},
};

use self::demo::echo_service_client::EchoServiceClient;

#[allow(unreachable_pub)]
mod demo {
    tonic::include_proto!("demo");
}

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let mut stop = signal(SignalKind::terminate()).expect("signals can be handled");
    let mut settings = Settings::builder().section(SECTION).process_environment();
    if let Some(url) = env::args().nth(1) {
        settings = settings.set(format!("registry.url={url}"));
    } else if let Ok(file) = env::var("REGISTRY_CONFIG") {
        settings = settings.file(&file);
    }
    let discovery = Discovery::open(&settings.build()?).await?;
    let channel = channel(&discovery, Service::new("demo.EchoService")).application("echo-consumer").await?;
    let mut client = EchoServiceClient::new(channel);
    let pause = env::args().nth(2).and_then(|pause| pause.parse().ok()).unwrap_or(1_000);
    loop {
        match timeout(Duration::from_secs(2), client.echo("hi".to_owned())).await {
            Ok(Ok(answer)) => println!("{}", answer.into_inner()),
            Ok(Err(status)) => println!("error: {}", status.message()),
            Err(_) => println!("error: no answer within 2 s"),
        }
        tokio::select! {
            () = sleep(Duration::from_millis(pause)) => {}
            _ = stop.recv() => break,
        }
    }
    // Where the registry does not answer, what is left there goes with the session.
    let _ = timeout(Duration::from_secs(1), discovery.close()).await;
    Ok(())
}
