//! Temporary.
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};
use event_engine::{Builder, PluginSpec, QueueLimits, InternalPlugin};
use trail_camera::{detector::Detector, gate::Gate, power::Power, progress::{Progress, Trouble}};

fn main() {
    let late: Option<u64> = std::env::args().nth(1).map(|s| s.parse().unwrap());
    let out = PathBuf::from(std::env::var_os("TRAIL_CAMERA_OUT").unwrap());
    let trouble = late.map(|seed| Trouble::new(Gate::shut(&out.join("gate")).unwrap(), 1000, seed));
    let lim = || QueueLimits { max_bytes: 16 << 20, ..QueueLimits::default() };
    let handle = Builder::new()
        .external(PluginSpec::new("generator"), 0)
        .plugin_object(PluginSpec::new("detector").subscribe("IM").queue_limits(lim()), Box::new(Detector) as Box<dyn InternalPlugin>)
        .external(PluginSpec::new("scorer").subscribe("DT"), 0)
        .external(PluginSpec::new("store").subscribe("IM").subscribe("ST").subscribe("DE").queue_limits(lim()), 0)
        .external(PluginSpec::new("timeline").subscribe("DC").subscribe("DT").subscribe("SC").subscribe("SD").subscribe("DD").subscribe("PW").subscribe("SU"), 0)
        .plugin_object(PluginSpec::new("power").subscribe("DC"), Box::new(Power))
        .plugin_object(PluginSpec::new("progress").subscribe("DC").subscribe("SC"), Box::new(Progress::new(trouble)))
        .start().unwrap();
    let mut children: BTreeMap<&str, Child> = BTreeMap::new();
    let spawn = |name: &str| {
        let mut c = match name { "scorer" => Command::new("scorer/start.sh"), "store" => Command::new("../../target/trail-camera/bin/store"), n => { let mut c = Command::new("python3"); c.arg(format!("{n}/{n}.py")); c } };
        c.env("IMAGES","2000").env("SEED","20").env("THRESHOLD","800").env("EVENT_ENGINE_ENDPOINT", format!("tcp://127.0.0.1:{}", handle.port(name).unwrap())).spawn().unwrap()
    };
    for n in ["generator","scorer","store","timeline"] { children.insert(n, spawn(n)); }
    let begin = Instant::now();
    let mut stopped = false;
    loop {
        std::thread::sleep(Duration::from_millis(20));
        assert!(begin.elapsed() < Duration::from_secs(150));
        let mut done = vec![];
        let mut again = vec![];
        for (n, c) in children.iter_mut() {
            if let Some(s) = c.try_wait().unwrap() { if s.success() { done.push(*n) } else { eprintln!("{n} {s}"); again.push(*n) } }
        }
        for n in done { children.remove(n); }
        for n in again { let c = spawn(n); children.insert(n, c); }
        if !stopped && !children.contains_key("generator") {
            let l = handle.ledger();
            if l.parked == 0 && l.plugins.iter().all(|p| p.queued == 0) && l.plugin("store").unwrap().published == 2000 && l.plugins.iter().all(|p| p.in_flight <= 1) { stopped = true; handle.stop(); }
        }
        if stopped { break; }
    }
    let r = handle.wait();
    println!("{r}");
    for c in children.values_mut() { c.wait().unwrap(); }
    println!("success {} after {:?}", r.is_success(), begin.elapsed());
}
