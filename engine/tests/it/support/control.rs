//! Control sockets in folders of their own, and connections to them that say whatever a test wants.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use super::SOON;

/// A folder that is gone with this.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("ee-{}-{number}", process::id()));
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    /// The path of something in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// One connection to a control socket.
pub(crate) struct RawControl {
    pub(crate) stream: UnixStream,
    reader: BufReader<UnixStream>,
}

impl RawControl {
    pub(crate) fn connect(path: &Path) -> RawControl {
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream.set_write_timeout(Some(SOON)).unwrap();
        let reader = BufReader::new(stream.try_clone().unwrap());
        RawControl { stream, reader }
    }

    /// Sends bytes as they are.
    pub(crate) fn say(&self, bytes: impl AsRef<[u8]>) {
        (&self.stream).write_all(bytes.as_ref()).unwrap();
    }

    /// The next answer; none when the engine has closed the connection.
    pub(crate) fn heard(&mut self) -> Option<Value> {
        let mut line = String::new();
        match self.reader.read_line(&mut line) {
            Ok(0) => None,
            // What the engine did not read any more when it closed.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => None,
            result => {
                result.expect("no answer in time");
                Some(serde_json::from_str(&line).unwrap())
            }
        }
    }

    /// Sends a line and returns its answer.
    pub(crate) fn ask(&mut self, line: &str) -> Value {
        self.say(format!("{line}\n"));
        self.heard().expect("the connection was closed")
    }
}

/// The code of an answer that says an error.
pub(crate) fn code(answer: &Value) -> &str {
    answer["error"]["code"].as_str().unwrap_or_else(|| panic!("no error: {answer}"))
}
