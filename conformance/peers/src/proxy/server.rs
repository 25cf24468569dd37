//! The proxy's loop: accepts, forwards, obeys.

use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::io::Errno;

use crate::lines::{answer, error};
use crate::Failure;

use super::faults::{Cut, Faults};
use super::link::{reset, Link, State};

/// A target on this machine answers so soon.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Stats {
    connections: u64,
    cuts: u64,
    /// Connections that were closed because the target took none.
    unreached: u64,
    up_bytes: u64,
    down_bytes: u64,
}

pub(crate) struct Server {
    address: SocketAddr,
    /// None while connections are refused.
    listener: Option<TcpListener>,
    target: SocketAddr,
    faults: Faults,
    links: Vec<Link>,
    paused: bool,
    stats: Stats,
    commands: Receiver<String>,
    /// A byte for each command.
    woken: UnixStream,
}

impl Server {
    pub(crate) fn bind(
        port: u16,
        target: SocketAddr,
        faults: Faults,
        commands: Receiver<String>,
        woken: UnixStream,
    ) -> io::Result<Self> {
        let listener = listen((Ipv4Addr::LOCALHOST, port).into())?;
        woken.set_nonblocking(true)?;
        Ok(Server {
            address: listener.local_addr()?,
            listener: Some(listener),
            target,
            faults,
            links: Vec::new(),
            paused: false,
            stats: Stats::default(),
            commands,
            woken,
        })
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn run(mut self) -> Result<(), Failure> {
        loop {
            self.wait()?;
            let mut bytes = [0; 64];
            // Only wakes; the commands are in the channel.
            let _ = (&self.woken).read(&mut bytes);
            while let Ok(command) = self.commands.try_recv() {
                answer(&self.command(&command));
            }
            self.accept();
            if !self.paused {
                self.forward();
            }
        }
    }

    /// Until there is something to do.
    fn wait(&self) -> Result<(), Failure> {
        let now = Instant::now();
        let mut wake_at: Option<Instant> = None;
        let mut fds = vec![PollFd::new(&self.woken, PollFlags::IN)];
        if let Some(listener) = &self.listener {
            fds.push(PollFd::new(listener, PollFlags::IN));
        }
        for link in self.links.iter().filter(|_| !self.paused) {
            let interest = link.interest(now);
            let (client, target) = link.streams();
            // A stream of which nothing is wanted is left out, as poll reports its end again and again.
            for (stream, flags) in [(client, interest.client), (target, interest.target)] {
                if !flags.is_empty() {
                    fds.push(PollFd::new(stream, flags));
                }
            }
            wake_at = match (wake_at, interest.wake_at) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
        }
        let timeout = wake_at.and_then(|at| Timespec::try_from(at.saturating_duration_since(now)).ok());
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn accept(&mut self) {
        // An error is that of one connection, which has gone again.
        while let Some(Ok((client, _))) = self.listener.as_ref().map(TcpListener::accept) {
            self.stats.connections += 1;
            let lifetime_bytes = self.faults.lifetime_bytes();
            match TcpStream::connect_timeout(&self.target, CONNECT_WITHIN) {
                Ok(target) => match Link::new(client, target, lifetime_bytes) {
                    Ok(link) => self.links.push(link),
                    Err(_) => self.stats.unreached += 1,
                },
                Err(_) => {
                    self.stats.unreached += 1;
                    reset(&client);
                }
            }
        }
    }

    fn forward(&mut self) {
        let Server { links, faults, stats, .. } = self;
        links.retain_mut(|link| {
            let state = link.forward(faults);
            if state != State::Open {
                stats.count(link);
                stats.cuts += u64::from(state == State::Cut);
            }
            state == State::Open
        });
    }

    fn command(&mut self, command: &str) -> String {
        match command {
            "cut" => {
                let cut = self.faults.cut();
                self.cut_all(cut)
            }
            "cut fin" => self.cut_all(Cut::Fin),
            "cut reset" => self.cut_all(Cut::Reset),
            "pause" => {
                self.paused = true;
                "paused".to_string()
            }
            "resume" => {
                self.paused = false;
                "resumed".to_string()
            }
            "faults on" => {
                self.faults.on = true;
                "faults on".to_string()
            }
            "faults off" => {
                self.faults.on = false;
                "faults off".to_string()
            }
            "refuse" => {
                self.listener = None;
                "refusing".to_string()
            }
            "accept" => match self.listener.is_some() {
                true => "accepting".to_string(),
                false => match listen(self.address) {
                    Ok(listener) => {
                        self.listener = Some(listener);
                        "accepting".to_string()
                    }
                    Err(why) => error(why),
                },
            },
            "stats" => self.stats(),
            other => error(format!("there is no command `{other}`")),
        }
    }

    fn cut_all(&mut self, cut: Cut) -> String {
        let count = self.links.len();
        for link in self.links.drain(..) {
            link.cut(cut);
            self.stats.count(&link);
            self.stats.cuts += 1;
        }
        format!("cut {count}")
    }

    fn stats(&self) -> String {
        let Stats { connections, cuts, unreached, mut up_bytes, mut down_bytes } = self.stats;
        for link in &self.links {
            let (up, down) = link.bytes();
            up_bytes += up;
            down_bytes += down;
        }
        format!(
            "connections {connections} open {} cuts {cuts} unreached {unreached} up {up_bytes} down {down_bytes}",
            self.links.len()
        )
    }
}

impl Stats {
    /// Adds what went through a connection that is over.
    fn count(&mut self, link: &Link) {
        let (up, down) = link.bytes();
        self.up_bytes += up;
        self.down_bytes += down;
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)
        .map_err(|why| io::Error::new(why.kind(), format!("{address} cannot be opened: {why}")))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
