//! Lists the TOML files of `cases/`, `mutants/` and `known-failures/`, so that the program holds them all.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() {
    let mut text = String::from("/// Paths and texts.\nconst FILES: &[(&str, &str)] = &[\n");
    for folder in ["cases", "mutants", "known-failures"] {
        let mut files = Vec::new();
        collect(Path::new(folder), &mut files);
        files.sort();
        for file in files.iter().map(|file| file.display().to_string()) {
            let _ = writeln!(
                text,
                "    ({file:?}, include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/{file}\"))),"
            );
        }
        println!("cargo::rerun-if-changed={folder}");
    }
    text.push_str("];\n");
    let out = std::env::var("OUT_DIR").unwrap_or_default();
    if let Err(error) = std::fs::write(Path::new(&out).join("data.rs"), text) {
        println!("cargo::error=cannot write data.rs: {error}");
    }
}

/// All TOML files below a folder.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
}
