//! Lists the files under `cases/` and `mutants/`, so that the program holds them all.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() {
    for (folder, name) in [("cases", "cases.rs"), ("mutants", "mutants.rs")] {
        let mut files = Vec::new();
        collect(Path::new(folder), &mut files);
        files.sort();
        let mut text = String::from("/// Paths and texts.\nconst FILES: &[(&str, &str)] = &[\n");
        for file in files {
            let file = file.display();
            let _ = writeln!(text, "    ({file:?}, include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/{file}\"))),", file = file.to_string());
        }
        text.push_str("];\n");
        let out = std::env::var("OUT_DIR").unwrap_or_default();
        if let Err(error) = std::fs::write(Path::new(&out).join(name), text) {
            println!("cargo::error=cannot write {name}: {error}");
        }
        println!("cargo::rerun-if-changed={folder}");
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
