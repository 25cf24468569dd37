//! A copy of the specification that a test may spoil.

use event_engine_spec_tool::{check, Options};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What the checks read, beside the sources that only cite requirements.
const COPIED: [&str; 4] = ["spec", "engine/protocol", "engine/tests", "pyevents/pyevents"];

/// What the prose links in folders that are not copied.
const LINKED: [&str; 2] = ["conformance/README.md", "examples/third-party-node/README.md"];

/// Generated files in folders that are not copied.
pub(crate) const GENERATED_IN_SDKS: [&str; 3] =
    ["sdks/python/src/event_engine/_constants.py", "sdks/go/constants.go", "sdks/c/src/constants.h"];

/// A copy of the specification that ends with the test.
pub(crate) struct Copy {
    pub(crate) root: PathBuf,
}

impl Copy {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("copy-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for folder in COPIED {
            copy_folder(&top.join(folder), &root.join(folder));
        }
        fs::create_dir_all(root.join("engine/src")).unwrap();
        for path in GENERATED_IN_SDKS.into_iter().chain(LINKED) {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::copy(top.join(path), root.join(path)).unwrap();
        }
        // The tests of other folders that the registry cites, as far as the check looks at them.
        let registry = fs::read_to_string(top.join("spec/requirements.toml")).unwrap();
        for cited in registry.split("\"test:").skip(1) {
            let path = cited.split("::").next().unwrap();
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            if top.join(path).is_file() {
                fs::copy(top.join(path), root.join(path)).unwrap();
            }
        }
        Self { root }
    }

    /// Replaces the first `from` in a file.
    pub(crate) fn edit(&self, path: &str, from: &str, to: &str) -> &Self {
        let text = fs::read_to_string(self.root.join(path)).unwrap();
        assert!(text.contains(from), "{path} does not contain {from}");
        self.write(path, &text.replacen(from, to, 1))
    }

    pub(crate) fn write(&self, path: &str, text: &str) -> &Self {
        fs::write(self.root.join(path), text).unwrap();
        self
    }

    pub(crate) fn remove(&self, path: &str) -> &Self {
        fs::remove_file(self.root.join(path)).unwrap();
        self
    }

    /// States one more requirement, in the registry and in the prose.
    pub(crate) fn add_requirement(&self, keys: &str) {
        let registry = fs::read_to_string(self.root.join(REGISTRY)).unwrap();
        let entry = "[[requirement]]\nid = \"EE-DREAM-1\"\nlevel = \"MUST\"\nrole = \"engine\"\n\
                     text = \"It MUST.\"\nintent = \"Yes.\"\n";
        self.write(REGISTRY, &format!("{registry}\n{entry}{keys}\n"));
        self.edit(
            "spec/sync.md",
            "# The start barrier\n",
            "# The start barrier\n\n**[EE-DREAM-1]** It MUST.\n",
        );
    }

    pub(crate) fn problems(&self) -> Vec<String> {
        let outcome = check(&self.root, Options { allow_pending: true });
        outcome.problems.iter().map(ToString::to_string).collect()
    }

    /// Asserts that a problem begins with `path:` and a line, and contains `text`.
    #[track_caller]
    pub(crate) fn reports(&self, path: &str, text: &str) -> &Self {
        let problems = self.problems();
        let found = problems.iter().any(|problem| {
            let line = problem.strip_prefix(path).and_then(|rest| rest.strip_prefix(':'));
            line.is_some_and(|line| line.starts_with(|c: char| c.is_ascii_digit())) && problem.contains(text)
        });
        assert!(found, "expected `{text}` in {path}, got {problems:#?}");
        self
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    let Ok(entries) = fs::read_dir(from) else { return };
    for entry in entries.map(Result::unwrap) {
        let target = to.join(entry.file_name());
        match entry.file_name().to_str() {
            Some("tool" | "target" | "__pycache__") => {}
            _ if entry.path().is_dir() => copy_folder(&entry.path(), &target),
            _ => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

pub(crate) const REGISTRY: &str = "spec/requirements.toml";
pub(crate) const BASIC: &str = "spec/vectors/basic.json";
