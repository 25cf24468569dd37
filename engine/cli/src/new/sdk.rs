//! Where a new plugin gets its client library from.

use std::fmt;
use std::path::{Path, PathBuf};

use super::lang::Lang;
use crate::exit::Problem;

/// The environment variable that names a checkout of event-engine, whose client libraries new plugins use.
pub(crate) const SDKS_VARIABLE: &str = "EVENT_ENGINE_SDKS";

/// Where client libraries come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A checkout of the whole project, and why this one.
    Checkout {
        /// Its folder, absolute.
        root: PathBuf,
        /// By what it was found.
        because: &'static str,
    },
    /// The registries of the languages.
    Published,
}

impl Source {
    /// The checkout that `option` or the environment names, that `executable` lies in, or none.
    ///
    /// # Errors
    /// [`Problem::Wrong`], if one was named that is none.
    pub(crate) fn find(
        option: Option<&Path>,
        variable: Option<&Path>,
        executable: Option<&Path>,
    ) -> Result<Source, Problem> {
        for (named, because) in [(option, "--sdk-dir"), (variable, SDKS_VARIABLE)] {
            if let Some(named) = named {
                let root = checkout(named).ok_or_else(|| {
                    Problem::Wrong(format!(
                        "{because}: {} is no checkout of event-engine: there is no sdks/python, sdks/rust, sdks/go and sdks/c in it",
                        named.display()
                    ))
                })?;
                return Ok(Source::Checkout { root, because });
            }
        }
        let around = executable.into_iter().flat_map(Path::ancestors);
        Ok(around
            .filter(|folder| folder.join("spec").is_dir())
            .find_map(checkout)
            .map_or(Source::Published, |root| Source::Checkout { root, because: "this program lies in it" }))
    }

    /// The folder of the client library for `lang`, in a checkout.
    pub(super) fn folder(&self, lang: Lang) -> Option<PathBuf> {
        match self {
            Source::Checkout { root, .. } => Some(root.join("sdks").join(lang.name())),
            Source::Published => None,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Checkout { root, because } => {
                write!(f, "that of the checkout {} ({because})", root.display())
            }
            Source::Published => {
                write!(f, "the published one (a checkout is used with --sdk-dir or {SDKS_VARIABLE})")
            }
        }
    }
}

/// The root of the checkout `folder`, absolute; its folder `sdks` will do, too.
fn checkout(folder: &Path) -> Option<PathBuf> {
    let complete = |root: &Path| Lang::ALL.iter().all(|lang| root.join("sdks").join(lang.name()).is_dir());
    let folder = folder.canonicalize().ok()?;
    if complete(&folder) {
        return Some(folder);
    }
    folder.parent().filter(|_| folder.ends_with("sdks")).filter(|root| complete(root)).map(Path::to_path_buf)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn made() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for lang in Lang::ALL {
            fs::create_dir_all(folder.path().join("sdks").join(lang.name())).unwrap();
        }
        fs::create_dir(folder.path().join("spec")).unwrap();
        folder
    }

    #[test]
    fn the_option_goes_before_the_environment_before_the_place_of_the_program() {
        let (option, variable, place) = (made(), made(), made());
        let executable = place.path().join("target/release/event-engine");
        fs::create_dir_all(executable.parent().unwrap()).unwrap();
        let root = |source: &Source| {
            source.folder(Lang::Go).map(|folder| folder.parent().unwrap().parent().unwrap().to_path_buf())
        };
        let found = Source::find(Some(option.path()), Some(variable.path()), Some(&executable)).unwrap();
        assert_eq!(root(&found), Some(option.path().canonicalize().unwrap()));
        assert!(found.to_string().ends_with("(--sdk-dir)"));
        let sdks = variable.path().join("sdks");
        let found = Source::find(None, Some(&sdks), Some(&executable)).unwrap();
        assert_eq!(root(&found), Some(variable.path().canonicalize().unwrap()));
        let found = Source::find(None, None, Some(&executable)).unwrap();
        assert_eq!(root(&found), Some(place.path().canonicalize().unwrap()));
        assert_eq!(
            Source::find(None, None, Some(Path::new("/usr/bin/event-engine"))).unwrap(),
            Source::Published
        );
    }

    #[test]
    fn a_named_folder_that_is_no_checkout_is_refused() {
        let empty = tempfile::tempdir().unwrap();
        let failure = Source::find(Some(empty.path()), None, None).unwrap_err();
        assert!(matches!(&failure, Problem::Wrong(text) if text.contains("--sdk-dir")), "{failure:?}");
    }
}
