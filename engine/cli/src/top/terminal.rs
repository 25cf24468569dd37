//! `top` on a terminal: looks in a thread, draws, and gives the terminal back whatever happens.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use event_engine::control::client::ClientError;
use event_engine::control::messages::Status;
use ratatui::crossterm::event::{self, Event};
use ratatui::DefaultTerminal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use super::sample::Sample;
use super::screen::{Action, Screen};
use crate::exit::{Exit, Problem};
use crate::live::{self, Live};
use crate::output;

/// How long a key may wait, at most, for what is not a key: a signal, a look.
const TICK: Duration = Duration::from_millis(100);
/// After such a silence the screen says so.
const SILENT: Duration = Duration::from_secs(3);

/// Why the screen ends.
enum End {
    Quit,
    Application(ClientError),
    Signal(i32),
    Terminal(io::Error),
}

/// Shows the application until somebody quits or it ends.
///
/// # Errors
/// [`Problem::Failed`] if the terminal cannot be used or the application's answers cannot be understood.
pub(crate) fn run(live: Live, interval: Duration) -> Result<Exit, Problem> {
    let name = live.name().to_owned();
    let signal = Arc::new(AtomicUsize::new(0));
    for number in [SIGTERM, SIGHUP, SIGINT, SIGQUIT] {
        let value = usize::try_from(number).unwrap_or_default();
        signal_hook::flag::register_usize(number, Arc::clone(&signal), value)
            .map_err(|error| failed(&error))?;
    }
    let (looks, stop) = look(live, interval);
    // From here on a panic gives the terminal back, too.
    let mut terminal = ratatui::try_init().map_err(|error| failed(&error))?;
    let end = show(&mut terminal, &looks, &signal);
    // Here, since a signal ends the program before `terminal` is dropped.
    let _ = terminal.show_cursor();
    ratatui::restore();
    drop(stop);
    match end {
        End::Quit => Ok(Exit::Done),
        End::Application(ClientError::Closed) => {
            output::say(&format!("{name} has ended\n"));
            Ok(Exit::Done)
        }
        End::Application(error) => Err(live::problem(&name, error)),
        End::Terminal(error) => Err(failed(&error)),
        End::Signal(number) => {
            // As if it had not been caught: whoever sent it sees it in the exit status.
            let _ = signal_hook::low_level::emulate_default_handler(number);
            Ok(Exit::Done)
        }
    }
}

fn failed(error: &io::Error) -> Problem {
    Problem::Failed(format!("the terminal cannot be used: {error}; try --once"))
}

/// Looks at the application again and again, in a thread: one that does not answer does not stop the keys. The thread ends when
/// the sender is dropped.
fn look(mut live: Live, interval: Duration) -> (Receiver<Result<Status, ClientError>>, Sender<()>) {
    let (sender, looks) = mpsc::channel();
    let (stop, stopped) = mpsc::channel();
    thread::spawn(move || loop {
        let status = live.status();
        let over = status.is_err();
        if sender.send(status).is_err() || over {
            return;
        }
        if stopped.recv_timeout(interval) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    });
    (looks, stop)
}

fn show(
    terminal: &mut DefaultTerminal,
    looks: &Receiver<Result<Status, ClientError>>,
    signal: &AtomicUsize,
) -> End {
    let mut screen = Screen::default();
    let mut before: Option<Status> = None;
    let mut heard = Instant::now();
    let mut draw = true;
    loop {
        if draw {
            if let Err(error) = terminal.draw(|frame| screen.draw(frame)) {
                return End::Terminal(error);
            }
        }
        draw = match event::poll(TICK).and_then(|any| any.then(event::read).transpose()) {
            Ok(Some(Event::Key(key))) => match screen.key(key) {
                Action::Quit => return End::Quit,
                Action::Draw => true,
                Action::Ignore => false,
            },
            Ok(Some(Event::Resize(..))) => true,
            Ok(_) => false,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => false,
            Err(error) => return End::Terminal(error),
        };
        match i32::try_from(signal.load(Ordering::Relaxed)) {
            Ok(0) | Err(_) => {}
            Ok(number) => return End::Signal(number),
        }
        while let Ok(look) = looks.try_recv() {
            let status = match look {
                Ok(status) => status,
                Err(error) => return End::Application(error),
            };
            screen.show(Sample::between(before.as_ref(), &status));
            before = Some(status);
            heard = Instant::now();
            draw = true;
        }
        if heard.elapsed() > SILENT {
            screen.silent(heard.elapsed().as_secs());
            draw = true;
        }
    }
}
