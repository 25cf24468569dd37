//! What it costs to be watched: the same application with and without a reader of its status and a scraper of its metrics,
//! in pairs.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use event_engine::control::Client;
use event_engine::{Builder, PluginSpec};

use crate::Failure;

/// How much of it is measured.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Pairs of runs, one of each kind
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(2..))]
    pairs: u32,
    /// Length of a run in milliseconds
    #[arg(long, default_value_t = 3000, value_parser = clap::value_parser!(u64).range(500..))]
    millis: u64,
}

/// As often as `top` asks, and more often than Prometheus does.
const INTERVAL: Duration = Duration::from_secs(1);
const EVENT: [u8; 100] = [b'x'; 100];
const READERS: usize = 2;

/// Prints each pair's rates, their ratio, and the mean with its confidence interval. Whether nothing was lost.
pub(crate) fn run(options: &Options) -> Result<bool, Failure> {
    let length = Duration::from_millis(options.millis);
    let mut ratios = Vec::new();
    let mut lossless = true;
    println!("pair      plain/s    watched/s   ratio   delivered ÷ sent");
    for pair in 1..=options.pairs {
        // Who is first takes turns, too.
        let first = pair % 2 == 0;
        let a = measure(length, first)?;
        let b = measure(length, !first)?;
        let (watched, plain) = if first { (a, b) } else { (b, a) };
        let ratio = watched.per_second / plain.per_second;
        let whole = watched.whole && plain.whole;
        lossless &= whole;
        println!(
            "{pair:>4} {:>12.0} {:>12.0} {ratio:>7.4}   {}",
            plain.per_second,
            watched.per_second,
            if whole { "1" } else { "LOST" }
        );
        ratios.push(ratio);
    }
    let (mean, margin) = mean_and_margin(&ratios);
    println!(
        "watched ÷ plain: {mean:.4}, 95 % confidence interval {:.4} to {:.4}, {} pairs of {} ms",
        mean - margin,
        mean + margin,
        options.pairs,
        options.millis
    );
    Ok(lossless)
}

/// One run's rate at one reader, and whether every reader got what was accepted.
struct Measured {
    per_second: f64,
    whole: bool,
}

fn measure(length: Duration, watched: bool) -> Result<Measured, Failure> {
    let folder = std::env::temp_dir().join(format!("event-engine-bench-{}", std::process::id()));
    let socket = folder.join("watched.sock");
    let received = Arc::new(AtomicU64::new(0));
    let mut builder = Builder::new().name("watched").plugin(PluginSpec::new("source"), |context| {
        while !context.stopping() {
            context.publish_batch((0..64).map(|_| EVENT.as_slice()))?;
        }
        Ok(())
    });
    for number in 0..READERS {
        let received = Arc::clone(&received);
        builder =
            builder.plugin(PluginSpec::new(format!("reader {number}")).subscribe("x"), move |context| {
                while context.next_event().is_ok() {
                    received.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            });
    }
    if watched {
        builder = builder.control_socket(&socket).metrics("127.0.0.1:0");
    }
    let handle = builder.start()?;
    let done = Arc::new(AtomicBool::new(false));
    let watcher = match handle.metrics_address().filter(|_| watched) {
        Some(address) => {
            let (done, socket) = (Arc::clone(&done), socket.clone());
            Some(thread::spawn(move || watch(&socket, address, &done).map_err(|error| error.to_string())))
        }
        None => None,
    };
    thread::park_timeout(length / 10); // warm
    let (before, start) = (received.load(Ordering::Relaxed), Instant::now());
    let until = start + length;
    while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        thread::park_timeout(left);
    }
    let events = received.load(Ordering::Relaxed) - before;
    let per_second = events as f64 / READERS as f64 / start.elapsed().as_secs_f64();
    done.store(true, Ordering::Relaxed);
    if let Some(watcher) = watcher {
        watcher.thread().unpark();
        watcher.join().map_err(|_| "the watcher panicked")??;
    }
    handle.stop();
    let report = handle.wait();
    let _ = std::fs::remove_dir_all(&folder);
    let accepted = report.ledger.accepted;
    let whole = report.ledger.balances() && received.load(Ordering::Relaxed) == accepted * READERS as u64;
    Ok(Measured { per_second, whole })
}

/// Asks as `top` does, and as Prometheus does.
fn watch(socket: &Path, metrics: SocketAddr, done: &AtomicBool) -> Result<(), Failure> {
    let mut client = Client::connect(socket)?;
    while !done.load(Ordering::Relaxed) {
        client.status()?;
        let mut http = TcpStream::connect(metrics)?;
        http.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut page = Vec::new();
        http.read_to_end(&mut page)?;
        if !page.starts_with(b"HTTP/1.1 200") {
            return Err("the metrics were not served".into());
        }
        thread::park_timeout(INTERVAL);
    }
    Ok(())
}

/// The mean, and half of the 95 % confidence interval by Student's t.
fn mean_and_margin(values: &[f64]) -> (f64, f64) {
    let n = values.len().max(2) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, student(values.len().saturating_sub(1)) * (variance / n).sqrt())
}

/// The two-sided 95 % quantile of Student's t.
fn student(freedom: usize) -> f64 {
    const TABLE: [f64; 10] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];
    match freedom {
        0 => f64::INFINITY,
        freedom => TABLE.get(freedom - 1).copied().unwrap_or(match freedom {
            11..=14 => 2.201,
            15..=19 => 2.131,
            20..=29 => 2.086,
            30..=59 => 2.042,
            _ => 2.0,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_equal_values_is_nothing() {
        let (mean, margin) = mean_and_margin(&[2.0; 20]);
        assert!((mean - 2.0).abs() < 1e-12 && margin < 1e-12);
    }

    #[test]
    fn a_known_interval() {
        // Mean 3, standard deviation √2.5, 4 degrees of freedom.
        let (mean, margin) = mean_and_margin(&[1.0, 2.0, 3.0, 4.0, 5.0]);
        assert!((mean - 3.0).abs() < 1e-12);
        assert!((margin - 2.776 * (2.5f64 / 5.0).sqrt()).abs() < 1e-9);
    }
}
