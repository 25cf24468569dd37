//! The control socket: opened before anything runs, for the user who starts the application and nobody else (EE-CONTROL-1).

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use event_engine_protocol::constants;

use super::connection::{self, Code};
use super::connections::{accept_until, Connections};
use super::lock::Lock;
use super::Control;
use crate::start_error::StartError;
use crate::wake::Waker;

/// An open socket that nobody answers yet. Dropping it removes its file.
pub(crate) struct ControlSocket {
    listener: UnixListener,
    file: SocketFile,
}

/// The socket's file, as long as it is this one.
struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let same = |file: &fs::Metadata| (file.dev(), file.ino()) == (self.device, self.inode);
        if fs::symlink_metadata(&self.path).is_ok_and(|file| same(&file)) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl ControlSocket {
    /// Opens the socket at `path`.
    ///
    /// # Errors
    /// [`StartError::Control`], which says what to do.
    pub(crate) fn open(path: &Path) -> Result<Self, StartError> {
        open(path).map_err(|what| StartError::Control { path: path.to_path_buf(), what })
    }

    /// Answers from now on.
    ///
    /// # Errors
    /// The system has no thread or descriptors for it.
    pub(crate) fn start(self, control: Control) -> io::Result<ControlServer> {
        let waker = Waker::new()?;
        let connections = Connections::new(constants::CONTROL_MAX_CONNECTIONS);
        let (own_waker, own_connections) = (Arc::clone(&waker), Arc::clone(&connections));
        let thread = thread::Builder::new().name("ee-control".into()).spawn(move || {
            let ControlSocket { listener, file } = self;
            accept_until(listener.as_fd(), &own_waker, || accept(&listener, &own_connections, &control));
            // Nobody finds the socket any more; those who have found it are answered still.
            drop(file);
        })?;
        Ok(ControlServer { waker, connections, thread: Some(thread) })
    }
}

/// A control socket that answers, until this is dropped.
pub(crate) struct ControlServer {
    waker: Arc<Waker>,
    connections: Arc<Connections<UnixStream>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for ControlServer {
    fn drop(&mut self) {
        self.waker.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.connections.finish(Duration::from_millis(constants::LINGER_MS));
    }
}

fn accept(
    listener: &UnixListener,
    connections: &Arc<Connections<UnixStream>>,
    control: &Control,
) -> io::Result<()> {
    let (stream, _) = listener.accept()?;
    stream.set_nonblocking(false)?;
    if !is_allowed(&stream) {
        connection::refuse(
            &stream,
            Code::NotAllowed,
            "only the user who started the application may use its control socket",
        );
        return Ok(());
    }
    let control = control.clone();
    let refused =
        connections.serve(stream, "ee-control-peer", move |stream| connection::serve(&stream, &control))?;
    if let Some(stream) = refused {
        connection::refuse(&stream, Code::Busy, "there are too many connections; close some of them");
    }
    Ok(())
}

/// The user who started the engine, and root.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn is_allowed(stream: &UnixStream) -> bool {
    rustix::net::sockopt::socket_peercred(stream)
        .is_ok_and(|peer| peer.uid.is_root() || peer.uid == rustix::process::geteuid())
}

/// Where the system does not tell who connects, the file's mode alone keeps others out.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn is_allowed(_: &UnixStream) -> bool {
    true
}

fn open(path: &Path) -> Result<ControlSocket, String> {
    let length = path.as_os_str().len();
    let max = constants::CONTROL_PATH_MAX_BYTES;
    if length > max {
        return Err(format!(
            "the path has {length} bytes, and the system allows {max}; choose a shorter one"
        ));
    }
    // Where it stands, even if the process changes its folder.
    let absolute = std::path::absolute(path).map_err(|error| error.to_string())?;
    let folder = absolute.parent().ok_or("it is no path of a file")?;
    let own = prepare_folder(folder)?;
    // Two engines that find the same dead socket do not replace each other's.
    let turn = Duration::from_millis(constants::CONTROL_LOCK_MS);
    let _lock = own.then(|| Lock::take(&absolute, turn)).transpose()?;
    let listener = match UnixListener::bind(path) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            remove_dead(path)?;
            UnixListener::bind(path)
        }
        other => other,
    };
    let listener = listener.map_err(|error| format!("it could not be opened: {error}"))?;
    let file = fs::symlink_metadata(path).map_err(|error| error.to_string())?;
    let file = SocketFile { path: absolute, device: file.dev(), inode: file.ino() };
    fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(|error| error.to_string())?;
    listener.set_nonblocking(true).map_err(|error| error.to_string())?;
    Ok(ControlSocket { listener, file })
}

/// Makes the folder if it is not there; whether it is this user's. In one that others may change, the socket could be replaced.
fn prepare_folder(folder: &Path) -> Result<bool, String> {
    let told = |error: io::Error| format!("the folder {} could not be made: {error}", folder.display());
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(told)?;
    let found = fs::metadata(folder).map_err(told)?;
    let own = found.uid() == rustix::process::geteuid().as_raw();
    const STICKY: u32 = 0o1000;
    let others_write = found.mode() & 0o022 != 0 && found.mode() & STICKY == 0;
    if others_write || !(own || found.uid() == 0) {
        return Err(format!(
            "other users may change the folder {}; take their permission away (chmod go-w) or choose another path",
            folder.display()
        ));
    }
    Ok(own)
}

/// Removes a socket at which nobody listens any more.
fn remove_dead(path: &Path) -> Result<(), String> {
    let found = fs::symlink_metadata(path).map_err(|error| error.to_string())?;
    if !found.file_type().is_socket() {
        return Err(
            "there is something else at this path, which is left alone; remove it or choose another path"
                .into(),
        );
    }
    match UnixStream::connect(path) {
        Ok(_) => {
            Err("an application that runs answers there; stop that one, or choose another name or path"
                .into())
        }
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(|error| format!("a dead socket could not be removed: {error}"))
        }
        Err(error) => Err(format!("somebody else's socket is there ({error}); choose another path")),
    }
}
