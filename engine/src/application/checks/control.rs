//! Whether the control socket can be opened on this machine.

use std::fs;
use std::path::Path;

use crate::application::diagnostics::Diagnostics;
use crate::application::read::Draft;

/// Says what keeps the control socket from being opened at its path.
pub(in crate::application) fn control(draft: &Draft, out: &mut Diagnostics) {
    let Some(control) = &draft.application.control else { return };
    let path = &control.value;
    // A symbolic link is not followed when a socket is opened, so it is in the way, too.
    let in_the_way = match fs::symlink_metadata(path) {
        Ok(found) if is_socket(&found) => None,
        Ok(_) => Some(path.as_path()),
        Err(_) => no_folder(path),
    };
    let Some(in_the_way) = in_the_way else { return };
    let message = if in_the_way == path {
        format!("`control` cannot be a socket: something else is at {}", path.display())
    } else {
        format!("`control` cannot be a socket: {} is no folder", in_the_way.display())
    };
    out.error(&control.span, message)
        .help("choose another path, such as \"run/app.sock\", or remove what is there");
}

/// The nearest thing on the way to this path that is there, if it is no folder.
fn no_folder(path: &Path) -> Option<&Path> {
    path.ancestors().skip(1).find(|folder| folder.exists()).filter(|found| !found.is_dir())
}

#[cfg(unix)]
fn is_socket(found: &fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    found.file_type().is_socket()
}

#[cfg(not(unix))]
fn is_socket(_: &fs::Metadata) -> bool {
    true
}
