//! The file of a control socket: whose it is, what becomes of dead ones, and what cannot be one.

use std::env;
use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use event_engine::control::client::ClientError;
use event_engine::control::Client;
use event_engine::{Builder, StartError};

use crate::support::control::Folder;
use crate::support::{end, eventually, start, within, SOON};

/// Where a test that runs as another user finds the socket.
const SOCKET: &str = "EE_TEST_SOCKET";
const NOBODY: u32 = 65_534;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

fn refused(path: &Path) -> String {
    match Builder::new().control_socket(path).start() {
        Err(error @ StartError::Control { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

/// EE-CONTROL-1: nobody else may even try, and who tries all the same is turned away.
#[test]
fn another_user_cannot_connect() {
    if let Some(path) = env::var_os(SOCKET) {
        let error = Client::connect(path).unwrap_err();
        assert!(matches!(error, ClientError::NotYours { .. }), "{error}");
        return;
    }
    let folder = Folder::new();
    let path = folder.path("made/for/it/own.sock");
    let (handle, source) = start(Builder::new().control_socket(&path));
    assert_eq!(mode(&path), 0o600);
    for made in ["made", "made/for", "made/for/it"] {
        assert_eq!(mode(&folder.path(made)), 0o700);
    }
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        // This test again, as a user who may run it but not more.
        let program = folder.path("as-another");
        fs::copy(env::current_exe().unwrap(), &program).unwrap();
        let as_another = || {
            let mut command = Command::new(&program);
            command.args(["--exact", "control::socket::another_user_cannot_connect", "--nocapture"]);
            command.current_dir("/").env(SOCKET, &path).uid(NOBODY).gid(NOBODY);
            let output = within(SOON, "another user", move || command.output().unwrap());
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success() && text.contains("1 passed"), "{text}");
        };
        fs::set_permissions(folder.path(""), Permissions::from_mode(0o755)).unwrap();
        as_another();
        // With all doors open it is the engine itself that says no.
        for made in ["made", "made/for", "made/for/it", "made/for/it/own.sock"] {
            fs::set_permissions(folder.path(made), Permissions::from_mode(0o777)).unwrap();
        }
        as_another();
    } else {
        eprintln!("not run by root: connecting as another user is skipped");
    }
    Client::connect(&path).unwrap();
    drop(source);
    handle.stop();
    end(handle);
}

/// EE-CONTROL-2: a dead socket is replaced, a living one is not, and what is no socket is left alone.
#[test]
fn only_dead_sockets_are_replaced() {
    let folder = Folder::new();
    let path = folder.path("app.sock");
    drop(UnixListener::bind(&path).unwrap());
    let (handle, source) = start(Builder::new().control_socket(&path));
    let error = refused(&path);
    assert!(error.contains("app.sock") && error.contains("stop that one"), "{error}");
    assert_eq!(Client::connect(&path).unwrap().status().unwrap().phase, "running");
    drop(source);
    end(handle);
    assert!(!path.exists(), "removed at the end");
    fs::write(&path, "precious").unwrap();
    let error = refused(&path);
    assert!(error.contains("left alone"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"precious");
}

/// EE-CONTROL-2: a killed engine's socket does not keep the next one from starting; many at once make one winner.
#[test]
fn of_many_that_start_at_once_one_wins() {
    let folder = Folder::new();
    let path = folder.path("race.sock");
    for _ in 0..10 {
        drop(UnixListener::bind(&path).unwrap());
        let starts: Vec<_> = (0..4)
            .map(|_| {
                let path = path.clone();
                thread::spawn(move || {
                    Builder::new()
                        .control_socket(path)
                        .plugin(event_engine::PluginSpec::new("reads").subscribe("x"), super::reads)
                        .start()
                })
            })
            .collect();
        let results: Vec<_> = starts.into_iter().map(|start| start.join().unwrap()).collect();
        let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), lost.len()), (1, 3), "{lost:?}");
        // Its plugin's thread may be on its way still.
        let mut client = Client::connect(&path).unwrap();
        eventually("the winner runs", || client.status().unwrap().phase == "running");
        for handle in won.into_iter().flatten() {
            handle.stop();
            end(handle);
        }
        assert!(!path.exists());
    }
}

/// EE-CONTROL-2: whoever may open the folder may lock it, and keeps nobody from starting by that.
#[test]
fn a_lock_on_the_folder_keeps_nobody_from_starting() {
    let folder = Folder::new();
    let path = folder.path("app.sock");
    let locked = fs::File::open(folder.path("")).unwrap();
    locked.lock().unwrap();
    let (handle, source) = within(SOON, "the start", move || start(Builder::new().control_socket(path)));
    let names: Vec<_> =
        fs::read_dir(folder.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["app.sock"], "nothing is left of its own lock");
    drop(source);
    end(handle);
}

/// EE-CONTROL-2: a turn that does not come is not waited for without end, and what a killed runner leaves is in nobody's way.
#[test]
fn a_turn_that_does_not_come_is_told() {
    let folder = Folder::new();
    let path = folder.path("app.sock");
    let lock = folder.path(".app.sock.lock");
    let held = fs::File::create(&lock).unwrap();
    held.lock().unwrap();
    let own = path.clone();
    let error = within(SOON, "the start", move || refused(&own));
    assert!(error.contains(".app.sock.lock") && error.contains("end that one"), "{error}");
    drop(held);
    let (handle, source) = start(Builder::new().control_socket(&path));
    assert!(!lock.exists());
    drop(source);
    end(handle);
    // What is no lock of this user's is not taken for one, and left alone.
    let target = folder.path("target");
    std::os::unix::fs::symlink(&target, &lock).unwrap();
    let error = refused(&path);
    assert!(error.contains("remove it") && !target.exists(), "{error}");
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    let error = refused(&path);
    assert!(error.contains("remove it") && lock.is_dir(), "{error}");
    fs::remove_dir(&lock).unwrap();
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        fs::write(&lock, "").unwrap();
        std::os::unix::fs::chown(&lock, Some(NOBODY), None).unwrap();
        let error = refused(&path);
        assert!(error.contains("another user") && lock.exists(), "{error}");
    }
}

/// EE-CONTROL-2: what somebody else has put there meanwhile is not removed.
#[test]
fn only_its_own_file_is_removed() {
    let folder = Folder::new();
    let path = folder.path("own.sock");
    let (handle, source) = start(Builder::new().control_socket(&path));
    fs::remove_file(&path).unwrap();
    let _other = UnixListener::bind(&path).unwrap();
    drop(source);
    end(handle);
    assert!(fs::metadata(&path).unwrap().file_type().is_socket());
}

/// EE-CONTROL-3: paths that cannot be, each with what to do.
#[test]
fn bad_paths_are_refused_before_anything_runs() {
    let folder = Folder::new();
    let long = folder.path(&"long".repeat(40));
    let error = refused(&long);
    assert!(error.contains("the system allows 107") && error.contains("shorter"), "{error}");
    let open = folder.path("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, Permissions::from_mode(0o777)).unwrap();
    let error = refused(&open.join("app.sock"));
    assert!(error.contains("chmod go-w"), "{error}");
    fs::write(folder.path("file"), "").unwrap();
    let error = refused(&folder.path("file/app.sock"));
    assert!(error.contains("could not be made"), "{error}");
    assert!(refused(Path::new("")).contains("control socket"));
}

/// EE-CONTROL-17: what a client is told when there is no engine.
#[test]
fn a_client_says_what_is_wrong() {
    let folder = Folder::new();
    let path = folder.path("app.sock");
    let error = Client::connect(&path).unwrap_err();
    assert!(
        matches!(error, ClientError::NotRunning { .. }) && error.to_string().contains("app.sock"),
        "{error}"
    );
    let listener = UnixListener::bind(&path).unwrap();
    let answers = thread::spawn(move || {
        for says in [
            "220 smtp ready\n",
            "",
            "{\"id\":1,\"ok\":{}}\n",
            "{\"id\":9,\"ok\":{}}\n{\"id\":1,\"error\":{\"code\":\"busy\",\"text\":\"later\"}}\n",
        ] {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.write_all(says.as_bytes());
        }
        listener
    });
    let error = Client::connect(&path).unwrap_err();
    assert!(matches!(error, ClientError::NotAnEngine { .. }), "{error}");
    assert!(matches!(Client::connect(&path).unwrap_err(), ClientError::Closed));
    let error = Client::connect(&path).unwrap_err();
    assert!(matches!(error, ClientError::NotAnEngine { .. }), "{error}");
    let error = Client::connect(&path).unwrap_err();
    assert!(matches!(&error, ClientError::Refused { code, .. } if code == "busy"), "{error}");
    // Dead now, without a trace of it in the file system.
    drop(answers.join().unwrap());
    assert!(matches!(Client::connect(&path), Err(ClientError::NotRunning { .. })));
}

/// EE-CONTROL-17: a process that listens and never answers holds nobody up for ever.
#[test]
fn a_client_waits_so_long_and_not_longer() {
    let folder = Folder::new();
    let path = folder.path("silent.sock");
    let _listener = UnixListener::bind(&path).unwrap();
    let error = within(Duration::from_secs(60), "an answer that never comes", move || {
        Client::connect(path).unwrap_err()
    });
    assert!(matches!(error, ClientError::Timeout(within) if within == Duration::from_secs(10)), "{error}");
}
