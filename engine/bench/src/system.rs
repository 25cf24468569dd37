//! The systems that take part, and what each does.

use crate::plan::Load;
use crate::programs::{Program, Running};
use crate::Failure;

/// A way to carry events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum System {
    Own,
    OwnBatch,
    Seed,
    Ancestor,
    LibzmqPubSub,
    Log,
    LogBatch,
    Channel,
    LibzmqRouter,
    Filters10,
    Filters1000,
    Sdk(Sdk),
    SdkBatch(Sdk),
    Nats,
    LibzmqTcp,
    PyzmqTcp,
}

/// A way to program a client of the session profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sdk {
    Rust,
    C,
    Go,
    Python,
    Asyncio,
}

impl Sdk {
    pub(crate) fn program(self) -> Program {
        match self {
            Sdk::Rust => Program::Rust,
            Sdk::C => Program::C,
            Sdk::Go => Program::Go,
            Sdk::Python | Sdk::Asyncio => Program::Python,
        }
    }

    /// Starts its client: it is to `receive` or to `publish` the load's events.
    pub(crate) fn start(self, what: &str, endpoint: &str, load: Load) -> Result<Running, Failure> {
        let what = if self == Sdk::Asyncio { format!("{what}-asyncio") } else { what.to_string() };
        self.program().start(&[&what, endpoint, &load.events.to_string(), &load.bytes.to_string()])
    }
}

impl System {
    pub(crate) const ALL: [System; 24] = [
        System::Own,
        System::OwnBatch,
        System::Seed,
        System::Ancestor,
        System::LibzmqPubSub,
        System::Log,
        System::LogBatch,
        System::Channel,
        System::LibzmqRouter,
        System::Filters10,
        System::Filters1000,
        System::Sdk(Sdk::Rust),
        System::SdkBatch(Sdk::Rust),
        System::Sdk(Sdk::C),
        System::SdkBatch(Sdk::C),
        System::Sdk(Sdk::Go),
        System::SdkBatch(Sdk::Go),
        System::Sdk(Sdk::Python),
        System::SdkBatch(Sdk::Python),
        System::Sdk(Sdk::Asyncio),
        System::SdkBatch(Sdk::Asyncio),
        System::Nats,
        System::LibzmqTcp,
        System::PyzmqTcp,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            System::Own => "own",
            System::OwnBatch => "own-batch",
            System::Seed => "seed",
            System::Ancestor => "ancestor",
            System::LibzmqPubSub => "libzmq-pubsub-inproc",
            System::Log => "log",
            System::LogBatch => "log-batch",
            System::Channel => "std-mpsc",
            System::LibzmqRouter => "libzmq-req-router",
            System::Filters10 => "own-10-filters",
            System::Filters1000 => "own-1000-filters",
            System::Sdk(Sdk::Rust) => "rust",
            System::SdkBatch(Sdk::Rust) => "rust-batch",
            System::Sdk(Sdk::C) => "c",
            System::SdkBatch(Sdk::C) => "c-batch",
            System::Sdk(Sdk::Go) => "go",
            System::SdkBatch(Sdk::Go) => "go-batch",
            System::Sdk(Sdk::Python) => "python",
            System::SdkBatch(Sdk::Python) => "python-batch",
            System::Sdk(Sdk::Asyncio) => "python-asyncio",
            System::SdkBatch(Sdk::Asyncio) => "python-asyncio-batch",
            System::Nats => "nats",
            System::LibzmqTcp => "libzmq-pubsub-tcp",
            System::PyzmqTcp => "pyzmq-pubsub-tcp",
        }
    }

    /// What exactly it does.
    pub(crate) fn description(self) -> &'static str {
        match self {
            System::Own => "this engine's own API: `context.publish` of one slice (copied in), `context.next_event`; one thread per plugin",
            System::OwnBatch => "the same with `publish_batch` of 32 events",
            System::Seed => "this engine through the API of event-engine 0.2: zmq sockets of a `Plugin`; send copies, recv_msg does not",
            System::Ancestor => "event-engine 0.2.0 from its registry, the same source as `seed`; sending begins when all subscriptions work; loses events, so the rate is of those received",
            System::LibzmqPubSub => "one inproc PUB, one SUB per reader, one context, default high-water marks, unpaced; loses, as above",
            System::Log => "std Mutex<Vec<Bytes>> and Condvar: publisher copies in and appends one per lock, wakes only if somebody sleeps; readers clone slices of up to 256 under the lock; nothing is ever freed",
            System::LogBatch => "the same, 32 appended per lock",
            System::Channel => "one std::sync::mpsc::sync_channel of 8,192 Bytes per reader; the publisher copies in once and sends a clone to each",
            System::LibzmqRouter => "a thread with a raw ROUTER that answers each request at once: publish with the engine's reply, next_msg with an event made of one copy",
            System::Filters10 => "own API, 10 filters: one reader of one filter that matches, nine plugins share the other 9; time of `publish` alone, the reader starts after it",
            System::Filters1000 => "the same with 1,000 filters (nine plugins share the other 999)",
            System::Sdk(Sdk::Rust) => "this engine and a process with the Rust SDK: `next_event`, `publish_batch`",
            System::Sdk(Sdk::C) => "this engine and a process with the C SDK: `ee_next_event`, `ee_publish_batch`",
            System::Sdk(Sdk::Go) => "this engine and a process with the Go SDK: `Events`, `PublishBatch`",
            System::Sdk(Sdk::Python) => "this engine and a process with the Python SDK: iteration, `publish_batch`",
            System::Sdk(Sdk::Asyncio) => "this engine and a process with the Python SDK's asyncio client",
            System::SdkBatch(_) => "the same client, and `publish_batch` of 32 events at the source",
            System::Nats => "NATS core, default settings, Go clients: publisher, server and one subscriber are three processes, the subscriber has no pending limits. receive: until the last event is there; publish: until the publisher's one flush at the end is answered",
            System::LibzmqTcp => "raw libzmq over TCP without high-water marks (nothing is dropped, memory is unbounded): PUB here, SUB in another process (Rust); latency: a PAIR hands each event to the PUB's thread, as the engine does",
            System::PyzmqTcp => "the same with the SUB in a Python process (pyzmq)",
        }
    }

    /// Whether losing an event is a failure.
    pub(crate) fn is_lossless(self) -> bool {
        !matches!(self, System::Ancestor | System::LibzmqPubSub | System::Nats)
    }

    /// The program beside this one that it needs.
    pub(crate) fn program(self) -> Option<Program> {
        match self {
            System::Sdk(sdk) | System::SdkBatch(sdk) => Some(sdk.program()),
            System::Nats => Some(Program::Nats),
            System::LibzmqTcp => Some(Program::Rust),
            System::PyzmqTcp => Some(Program::Python),
            _ => None,
        }
    }

    pub(crate) fn by_name(name: &str) -> Option<System> {
        System::ALL.into_iter().find(|system| system.name() == name)
    }
}
