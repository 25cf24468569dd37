//! The application file: an application's types, plugins and limits, written once (spec/application-file.md).
//!
//! [`ApplicationFile::read`] says everything that is wrong with a file at once, as [`Diagnostics`].
//!
//! - `file`: what a file says, with defaults filled in.
//! - `read`: from text to that, one file per table of the file; a value that makes no sense is said where it is read.
//! - `checks`: what makes no sense together: types, ports, commands.
//! - `diagnostics`: how it is said.

mod checks;
mod diagnostics;
mod file;
mod names;
mod read;
mod suggest;

pub use checks::CommandProblem;
pub use diagnostics::{Diagnostic, Diagnostics, Place, Related, Severity};
pub use file::{ApplicationFile, Bus, DeclaredType, PluginEntry, PluginKind, Until, WaitForExternal};
