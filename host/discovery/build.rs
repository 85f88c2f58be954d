//! Generates the messages and services of Dubbo's metadata, and of the examples.

fn main() -> std::io::Result<()> {
    println!("cargo:rerun-if-changed=proto");
    tonic_prost_build::configure().compile_protos(&["proto/metadata.proto", "proto/echo.proto"], &["proto"])
}
