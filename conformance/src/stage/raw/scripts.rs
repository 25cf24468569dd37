//! Steps that stand for several others: the handshakes of the session profile.

use std::time::{Duration, Instant};

use super::{Raw, Role};
use crate::case::{Argument, Step};
use crate::header::{Header, CLIENT, ENGINE};
use crate::stage::{decode, number, Stage, Stop};
use crate::zmtp;
use crate::zmtp::connection::{Connection, Reading};

impl Stage<'_> {
    /// As a client: the whole handshake of a new session, until `ok`.
    pub(super) fn opens(&mut self, name: &str, raw: &mut Raw, step: &Step) -> Result<(), Stop> {
        let session = step.key("session").unwrap_or("$s").to_owned();
        let upto = step.key("upto").unwrap_or("8192");
        let wait = if step.has("waiting") { "" } else { "{n} hear ok" };
        let script = format!(
            "{{n}} say hello version=1 session={session} client=conformance/1\n{{n}} hear welcome resumed=0 received=0\n\
             {{n}} say ready\n{{n}} say ack seq=0 upto={upto}\n{wait}"
        );
        self.script(name, raw, step, &script)
    }

    /// `hellos PORT times=N`: so many connections one after the other, each of which opens a session, hears `welcome` and goes.
    pub(super) fn hellos(&mut self, step: &Step) -> Result<(), Stop> {
        let port = step.words().next().ok_or_else(|| "hellos PORT times=N".to_owned())?.to_owned();
        let address = self.direct(&port)?;
        let deadline = self.until(step)?;
        let times = step.key("times").map(number).transpose()?.unwrap_or(1);
        for index in 1..=times {
            let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            let connection = Connection::dial(address, left, Reading::Units)
                .map_err(|error| Stop::broken(format!("connection {index}"), error.to_string()))?;
            let mut raw = Raw::new(connection, Role::Client);
            let name = "hellos";
            self.shake_hands(name, &mut raw, "DEALER", &[], deadline)?;
            let id = format!("{:016x}{:016x}", self.random.next(), self.random.next());
            let hello = format!("{CLIENT}hello version=1 session={id} client=conformance/1");
            self.write(name, &mut raw, &zmtp::message(&[hello.as_bytes().to_vec()]), hello)?;
            let frames = self.message_but(name, &mut raw, deadline, &[])?;
            if !frames
                .first()
                .is_some_and(|first| Header::read(first, ENGINE).is_ok_and(|it| it.verb == "welcome"))
            {
                return Err(Stop::broken(format!("`welcome` for session {index}"), decode::message(&frames)));
            }
        }
        Ok(())
    }

    /// As an engine: hears `hello`, says `welcome`, hears `ready` and `ack`; with `ok` says that, too.
    pub(super) fn welcomes(&mut self, name: &str, raw: &mut Raw, step: &Step) -> Result<(), Stop> {
        let mut keys = vec![
            ("version", "1".to_owned()),
            ("engine", "conformance/1".to_owned()),
            ("plugin", "client".to_owned()),
            ("resumed", "0".to_owned()),
            ("received", "0".to_owned()),
            ("max-event-bytes", "134217728".to_owned()),
            ("publish-window", "16384".to_owned()),
            ("publish-window-bytes", "16777216".to_owned()),
            ("ping-ms", "30000".to_owned()),
            ("grace-ms", "60000".to_owned()),
        ];
        for argument in &step.arguments {
            let Argument::Key(key, _, value) = argument else { continue };
            if let Some((_, old)) = keys.iter_mut().find(|(name, _)| name == key) {
                old.clone_from(value);
            }
        }
        if keys.iter().any(|(key, value)| *key == "resumed" && value == "1") {
            self.variables.insert("resumed".to_owned(), b"1".to_vec());
        }
        let keys: Vec<String> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let session = step.key("session").unwrap_or("*");
        let mut script = format!(
            "{{n}} hear hello version=1 session={session} client=*\n{{n}} say welcome {}\n",
            keys.join(" ")
        );
        if !step.has("only") {
            script.push_str("{n} hear ready\n{n} hear ack\n");
        }
        if step.has("ok") {
            script.push_str("{n} say ok\n");
        }
        self.script(name, raw, step, &script)
    }

    /// Several steps that stand for one.
    pub(super) fn script(
        &mut self,
        name: &str,
        raw: &mut Raw,
        step: &Step,
        script: &str,
    ) -> Result<(), Stop> {
        for mut part in Step::read(&script.replace("{n}", name))? {
            part.line = step.line;
            self.on_raw(name, raw, &part)?;
        }
        Ok(())
    }
}
