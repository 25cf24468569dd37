//! Generates the protobuf code from `trail_camera.proto`, without protoc.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=trail_camera.proto");
    let descriptors = protox::compile(["trail_camera.proto"], ["."])?;
    prost_build::Config::new().compile_fds(descriptors)?;
    Ok(())
}
