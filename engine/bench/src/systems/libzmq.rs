//! libzmq alone: PUB and SUB in one process, and a ROUTER that answers at once.

use std::sync::Arc;
use std::thread;

use crate::external::{Client, Rounds, NEXT_MSG, PUBLISHED, QUIT};
use crate::measurement::Measurement;
use crate::payload::{self, FILTER};
use crate::plan::{Kind, Load};
use crate::run::Run;
use crate::system::System;
use crate::Failure;

const ENDPOINT: &str = "inproc://bench";

/// One PUB, many SUBs.
pub(crate) fn internal(load: Load) -> Result<Measurement, Failure> {
    let run = Run::new(Kind::Throughput, load, System::LibzmqPubSub);
    let context = zmq::Context::new();
    let source = context.socket(zmq::PUB)?;
    source.bind(ENDPOINT)?;
    let readers: Vec<_> = (0..load.readers)
        .map(|_| {
            let (run, context) = (Arc::clone(&run), context.clone());
            thread::spawn(move || read(&run, &context))
        })
        .collect();
    run.produce(|event| source.send(event, 0))?;
    for reader in readers {
        reader.join().map_err(|_| "a reader panicked")??;
    }
    run.measurement()
}

fn read(run: &Arc<Run>, context: &zmq::Context) -> Result<(), Failure> {
    let socket = context.socket(zmq::SUB)?;
    socket.connect(ENDPOINT)?;
    socket.set_subscribe(FILTER)?;
    let mut reader = run.reader();
    while !reader.take(&socket.recv_msg(0)?)? {}
    Ok(())
}

/// A client at a ROUTER that does nothing but answer.
pub(crate) fn external(kind: Kind, load: Load) -> Result<Measurement, Failure> {
    // Nobody reads what is published here.
    let run = Run::new(kind, Load { readers: 0, ..load }, System::LibzmqRouter);
    let context = zmq::Context::new();
    let router = context.socket(zmq::ROUTER)?;
    router.bind("tcp://127.0.0.1:*")?;
    let endpoint = router.get_last_endpoint()?.map_err(|_| "the ROUTER's endpoint is no text")?;
    let port = endpoint.rsplit(':').next().ok_or("the ROUTER has no port")?.parse()?;
    let server = thread::spawn(move || serve(&router, load));
    let client = Client::connect(port)?;
    let measurement = client.measure(kind, &run, &Rounds::new(load, System::LibzmqRouter))?;
    client.quit()?;
    server.join().map_err(|_| "the ROUTER's thread panicked")??;
    Ok(measurement)
}

fn serve(router: &zmq::Socket, load: Load) -> Result<(), Failure> {
    let mut template = payload::Template::new(FILTER, load.bytes);
    let mut sequence = 0;
    loop {
        let (routing_id, delimiter, body) = (router.recv_msg(0)?, router.recv_msg(0)?, router.recv_msg(0)?);
        if &body[..] == QUIT {
            return Ok(());
        }
        router.send(routing_id, zmq::SNDMORE)?;
        router.send(delimiter, zmq::SNDMORE)?;
        if &body[..] == NEXT_MSG {
            router.send(template.stamp(sequence, 0), 0)?;
            sequence += 1;
        } else {
            router.send(PUBLISHED, 0)?;
        }
    }
}
