//! The data that this program holds: cases, mutants, known failures. With the environment variable `CONFORMANCE_DATA` naming a folder
//! such as this crate's, they are read from there instead, so that who writes cases need not build anything.

use std::path::{Path, PathBuf};

include!(concat!(env!("OUT_DIR"), "/data.rs"));

/// Paths and texts of the TOML files in a folder: `cases`, `mutants` or `known-failures`.
pub(crate) fn files(folder: &str) -> Result<Vec<(String, String)>, String> {
    let Some(root) = std::env::var_os("CONFORMANCE_DATA").map(PathBuf::from) else {
        let own = FILES.iter().filter(|(path, _)| path.split('/').next() == Some(folder));
        return Ok(own.map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect());
    };
    let mut paths = Vec::new();
    collect(&root.join(folder), &mut paths);
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok((path.display().to_string(), text))
    };
    paths.into_iter().map(read).collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
}
