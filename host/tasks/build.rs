//! Generates the messages and services of the protocol.

fn main() -> std::io::Result<()> {
    println!("cargo:rerun-if-changed=proto");
    tonic_prost_build::configure().compile_protos(&["proto/tasks.proto"], &["proto"])
}
