//! This engine through its own API.

use std::sync::{mpsc, Arc};
use std::time::Instant;

use event_engine::{BoxError, Builder, Context, Payload, PluginSpec, Report};

use crate::external::{Client, Rounds};
use crate::measurement::Measurement;
use crate::payload::{Template, FILTER};
use crate::plan::{Kind, Load};
use crate::run::Run;
use crate::system::System;
use crate::Failure;

/// One source, many readers; `batch` events per publish.
pub(crate) fn internal(kind: Kind, load: Load, batch: Option<u64>) -> Result<Measurement, Failure> {
    let run = Run::new(kind, load, System::Own);
    let mut builder = Builder::new();
    for number in 0..load.readers {
        let run = Arc::clone(&run);
        let spec = PluginSpec::new(format!("reader {number}")).subscribe(FILTER);
        builder = builder.plugin(spec, move |context| read(&run, context));
    }
    let source = Arc::clone(&run);
    builder = builder.plugin(PluginSpec::new("source"), move |context| {
        match batch {
            None => source.produce(|event| context.publish(event).map(drop))?,
            Some(size) => source.produce_batches(
                size,
                |event| Payload::from(event),
                |events| context.publish_batch(events).map(drop),
            )?,
        }
        Ok(())
    });
    check(&builder.start()?.wait())?;
    run.measurement()
}

fn read(run: &Arc<Run>, context: &mut Context) -> Result<(), BoxError> {
    let mut reader = run.reader();
    while !reader.take(&context.next_event()?)? {}
    Ok(())
}

/// What `publish` takes when one reader's filter matches and `filters` - 1 others, of nine plugins, do not. All filters
/// are of one length and differ in their last digits. The reader begins when everything was published: it costs nothing.
pub(crate) fn publish_cost(load: Load, filters: usize) -> Result<Measurement, Failure> {
    const BYSTANDERS: usize = 9;
    let filter = |number: usize| format!("type-{number:04}:");
    let mut builder = Builder::new();
    for bystander in 1..=BYSTANDERS {
        let numbers = (1..filters).filter(|number| number % BYSTANDERS == bystander % BYSTANDERS);
        let spec = numbers
            .fold(PluginSpec::new(format!("bystander {bystander}")), |spec, n| spec.subscribe(filter(n)));
        builder = builder.plugin(spec, |context| match context.events().next() {
            None => Ok(()),
            Some(_) => Err("an event that nobody subscribed to".into()),
        });
    }
    let (published, publishing_over) = mpsc::channel();
    let (read, received) = mpsc::channel();
    let reader = PluginSpec::new("reader").subscribe(filter(0));
    builder = builder.plugin(reader, move |context| {
        publishing_over.recv()?;
        let count = context.events().take(usize::try_from(load.events)?).count();
        read.send(count as u64)?;
        Ok(())
    });
    let (timed, time) = mpsc::channel();
    builder = builder.plugin(PluginSpec::new("source"), move |context| {
        let mut template = Template::new(filter(0).as_bytes(), load.bytes);
        let start = Instant::now();
        for sequence in 0..load.events {
            context.publish(template.stamp(sequence, 0))?;
        }
        timed.send(start.elapsed())?;
        published.send(())?;
        Ok(())
    });
    let handle = builder.start()?;
    let (elapsed, delivered) = (time.recv()?, received.recv()?);
    handle.stop();
    check(&handle.wait())?;
    let per_second = Some(load.events as f64 / elapsed.as_secs_f64());
    Ok(Measurement { per_second, p50_us: None, p99_us: None, sent: load.events, delivered, rss_bytes: None })
}

/// A client at an external plugin's port.
pub(crate) fn external(kind: Kind, load: Load) -> Result<Measurement, Failure> {
    let run = Run::new(kind, load, System::Own);
    let mut builder = Builder::new();
    let rounds = Rounds::new(load, System::Own);
    if kind == Kind::ExternalNext {
        let rounds = Arc::clone(&rounds);
        builder = builder
            .external(PluginSpec::new("client").subscribe(FILTER), 0)
            .plugin(PluginSpec::new("source"), move |context| {
                Ok(rounds.produce(|event| context.publish(event).map(drop))?)
            });
    } else {
        builder = builder.external(PluginSpec::new("client"), 0);
        for number in 0..load.readers {
            let run = Arc::clone(&run);
            let spec = PluginSpec::new(format!("reader {number}")).subscribe(FILTER);
            builder = builder.plugin(spec, move |context| read(&run, context));
        }
    }
    let handle = builder.start()?;
    let client = Client::connect(handle.port("client").ok_or("the client has no port")?)?;
    let measurement = client.measure(kind, &run, &rounds)?;
    client.quit()?;
    check(&handle.wait())?;
    Ok(measurement)
}

pub(super) fn check(report: &Report) -> Result<(), Failure> {
    match report.is_success() && report.ledger.balances() {
        true => Ok(()),
        false => Err(report.to_string().into()),
    }
}
