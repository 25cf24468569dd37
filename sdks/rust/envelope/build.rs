//! Generates the protobuf code from `proto/envelope.proto`, without protoc.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    // In the repository a link to `spec/envelope.proto`; packaging puts the file itself in its place.
    println!("cargo::rerun-if-changed=proto/envelope.proto");
    let descriptors = protox::compile(["envelope.proto"], ["proto"])?;
    prost_build::Config::new().compile_fds(descriptors)?;
    Ok(())
}
