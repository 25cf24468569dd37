//! The application file: an application's types, plugins and limits, written once (spec/application-file.md).
//!
//! [`ApplicationFile::read`] says everything that is wrong with a file at once, as [`Diagnostics`].
//!
//! - `file`: what a file says, with defaults filled in.
//! - `read`: from text to that, one file per table of the file; a value that makes no sense is said where it is read.
//! - `checks`: what makes no sense together: types, ports, commands.
//! - `diagnostics`: how it is said.
//! - `start`: from there to a running application: [`Application`].

mod checks;
mod diagnostics;
mod file;
mod names;
mod read;
mod start;
mod suggest;

pub use diagnostics::{Diagnostic, Diagnostics, Place, Related, Severity};
pub use file::{ApplicationFile, Bus, DeclaredType, PluginEntry, PluginKind, Until, WaitForExternal};
pub use start::Application;
