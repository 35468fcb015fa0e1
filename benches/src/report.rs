//! The report: every figure once, as Markdown tables. Progress goes to stderr.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use toolgate::{Engine, Outcome, Reason, Session, Subject};

use crate::alloc;
use crate::args::Args;
use crate::calls::{self, Call};
use crate::cedar::{self, Cedar};
use crate::engine::{decide, load, load_bundle};
use crate::floor::Floor;
use crate::measure::{Lane, Times, percentile, race, timed};
use crate::workload::{NOW, Size, Who, World};

/// The sets of calls: those that fit every cache, those that fit some, and those that fit none.
const SETS: [(&str, usize); 3] = [("hot", 64), ("warm", 1_024), ("random", usize::MAX)];

/// Everything found at one number of policies.
#[derive(Default)]
struct Found {
    policies: usize,
    /// By set, then contestant.
    times: BTreeMap<(usize, &'static str), Times>,
    /// Decisions by outcome, over the random set.
    shares: [usize; 5],
    /// Fewest, mean and most allocations by outcome.
    allocations: [Option<(u64, f64, u64)>; 5],
    scope: (f64, usize),
    agreement: Option<(usize, usize)>,
    visible: Option<Result<(f64, BTreeMap<String, usize>), f64>>,
    threads: Option<(f64, f64)>,
    load: Option<Load>,
}

struct Load {
    without_people: f64,
    people: f64,
    whole: f64,
    held: u64,
    resident: u64,
    cedar_parse: f64,
    cedar_validate: f64,
}

/// Measures and prints.
pub fn run(args: &Args) {
    machine(args);
    let mut all = Vec::new();
    for policies in &args.policies {
        let found = measure(args, *policies);
        all.push(found);
        eprintln!("  done; so far:");
        times_table(&all, &mut |line| eprintln!("  {line}"));
    }
    println!("## Time of one decision\n");
    times_table(&all, &mut |line| println!("{line}"));
    growth(&all);
    outcomes(&all);
    allocations(&all);
    rest(args, &all);
    loads(&all);
}

fn measure(args: &Args, policies: usize) -> Found {
    let size = Size { policies, tools: args.tools, grants: args.grants };
    eprintln!("{policies} policies, {} tools, {} grants: making the company", args.tools, args.grants);
    let world = World::new(size);
    let calls = calls::calls(&world, args.calls);
    let mut found = Found { policies, ..Found::default() };
    let scopes: Vec<usize> = calls.iter().take(1_024).map(|call| calls::in_scope(&world, call)).collect();
    found.scope =
        (scopes.iter().sum::<usize>() as f64 / scopes.len() as f64, scopes.iter().copied().max().unwrap_or_default());

    let ready = ENGINE_PARTS.iter().any(|part| args.wants(part)).then(|| ready(args, &world, &calls, &mut found));

    let floor = Floor::new(&world);
    let wants_cedar = args.wants("cedar") || args.wants("agree");
    let raw = wants_cedar.then(|| {
        eprintln!("  making Cedar's entities");
        Cedar::new(&world, &calls)
    });
    if let (true, Some(raw), Some((engine, one))) = (args.wants("agree"), &raw, &ready) {
        found.agreement = Some(agreement(engine, raw, &calls, *one));
    }
    #[cfg(feature = "peers")]
    let mut peers = crate::peers::Peers::new(&world, &calls[..calls.len().min(1_024)], &|name| args.wants(name));
    for (at, (set, count)) in SETS.into_iter().enumerate() {
        let calls = &calls[..count.min(calls.len())];
        eprintln!("  racing on {} {set} calls", calls.len());
        let mut lanes = Vec::new();
        if let (true, Some((engine, _))) = (args.wants("engine"), &ready) {
            lanes.push(Lane::new("engine", |call| decide(engine, call).outcome as u8));
        }
        if args.wants("floor") {
            lanes.push(Lane::new("floor", |call| floor.decide(call)));
        }
        if let (true, Some(raw)) = (args.wants("cedar"), &raw) {
            lanes.push(Lane::new("cedar", |call| raw.decide(call)));
        }
        #[cfg(feature = "peers")]
        if count <= 1_024 {
            peers.lanes(&mut lanes);
        }
        race(&mut lanes, calls, args.race);
        for lane in lanes {
            found.times.insert((at, lane.name), lane.times);
        }
    }
    let Some((engine, one)) = ready else { return found };
    // whatever takes too long is measured on fewer calls
    let affordable = ((20.0 / one) as usize).max(64).min(calls.len());
    if args.wants("engine") || args.wants("alloc") {
        eprintln!("  counting over {affordable} calls");
        count_all(&engine, &calls[..affordable], &mut found);
    }
    if args.wants("visible") {
        eprintln!("  listing tools");
        found.visible = Some(visible(&world, &engine, &calls, one));
    }
    if args.wants("threads") {
        eprintln!("  one thread and two");
        found.threads = Some(threads(&engine, &calls, args.race));
    }
    found
}

/// What needs the engine loaded.
const ENGINE_PARTS: [&str; 6] = ["engine", "agree", "alloc", "visible", "threads", "load"];

/// The engine, and the seconds of a decision, roughly.
fn ready(args: &Args, world: &World, calls: &[Call], found: &mut Found) -> (Engine, f64) {
    // the smaller parts first, so that what the engine holds is measured alone
    let parts = args.wants("load").then(|| {
        eprintln!("  loading without people, people alone, and Cedar's parser");
        let without_people = least(3, || load_bundle(world, &world.bundle_without_people()));
        let people = least(1, || load_bundle(world, &world.bundle_of_people()));
        let text = world.cedar();
        let cedar_parse = least(3, || cedar::parse(&text));
        (without_people, people, cedar_parse)
    });
    eprintln!("  loading the engine");
    let bundle = world.bundle();
    let (before, resident) = (alloc::count(), alloc::resident());
    let (whole, engine) = timed(|| load_bundle(world, &bundle));
    let held = alloc::count().bytes.wrapping_sub(before.bytes);
    let resident = alloc::resident().saturating_sub(resident);
    eprintln!("  loaded in {whole:.1} s");
    drop(bundle);
    if let Some((without_people, people, cedar_parse)) = parts {
        eprintln!("  Cedar's strict validation");
        let text = world.cedar();
        let schema = engine.schema();
        let (cedar_validate, valid) = timed(|| cedar::validate(&text, &schema));
        assert!(valid, "Cedar finds the policies valid");
        found.load = Some(Load { without_people, people, whole, held, resident, cedar_parse, cedar_validate });
    }
    let one = mean_time(&engine, calls);
    eprintln!("  a decision takes about {}", time(one * 1e9));

    (engine, one)
}

/// Seconds of the fastest of some runs.
fn least<T>(times: usize, mut run: impl FnMut() -> T) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..times {
        let (time, value) = timed(&mut run);
        drop(value);
        best = best.min(time);
        if best > 5.0 {
            break;
        }
    }
    best
}

/// Seconds of a decision, roughly.
fn mean_time(engine: &Engine, calls: &[Call]) -> f64 {
    let begin = Instant::now();
    let mut count = 0;
    for call in calls.iter().take(1_024) {
        black_box(decide(engine, call));
        count += 1;
        if begin.elapsed() > Duration::from_millis(500) {
            break;
        }
    }
    begin.elapsed().as_secs_f64() / f64::from(count)
}

/// How often Cedar allows exactly the calls that the engine lets run at once. Only calls that pass the gate and lean on
/// no approval: Cedar knows neither.
fn agreement(engine: &Engine, raw: &Cedar, calls: &[Call], one: f64) -> (usize, usize) {
    eprintln!("  comparing verdicts with Cedar");
    let (mut same, mut asked) = (0, 0);
    let begin = Instant::now();
    for call in calls.iter().take(4_096) {
        if begin.elapsed().as_secs_f64() + one > 20.0 {
            break;
        }
        let decision = decide(engine, call);
        let gate = decision.outcome == Outcome::Deny && decision.reason != Reason::PolicyDenied;
        if gate || decision.reason == Reason::AllowedByApproval {
            continue;
        }
        asked += 1;
        same += usize::from(raw.allows(&raw.request(call)) == decision.is_allowed());
    }
    (same, asked)
}

fn count_all(engine: &Engine, calls: &[Call], found: &mut Found) {
    let mut counts: [Vec<u64>; 5] = Default::default();
    let numbers = &mut counts;
    numbers.iter_mut().for_each(|numbers| numbers.reserve(calls.len()));
    calls.iter().take(64).for_each(|call| drop(decide(engine, call)));
    for call in calls {
        let before = alloc::count().allocations;
        let decision = decide(engine, call);
        let after = alloc::count().allocations;
        numbers[decision.outcome as usize].push(after - before);
    }
    for (outcome, numbers) in counts.iter().enumerate() {
        found.shares[outcome] = numbers.len();
        if let (Some(least), Some(most)) = (numbers.iter().min(), numbers.iter().max()) {
            let mean = numbers.iter().sum::<u64>() as f64 / numbers.len() as f64;
            found.allocations[outcome] = Some((*least, mean, *most));
        }
    }
}

/// Seconds of one listing and what it shows; or how long it would take, if that is too long.
fn visible(world: &World, engine: &Engine, calls: &[Call], one: f64) -> Result<(f64, BTreeMap<String, usize>), f64> {
    let expected = one * world.tools.len() as f64;
    if expected > 20.0 {
        return Err(expected);
    }
    let (mut times, mut shown) = (Vec::new(), BTreeMap::new());
    let now = NOW.parse().unwrap();
    let begin = Instant::now();
    let known = calls.iter().filter(|call| matches!(call.who, Some(Who::Agent(..))));
    for call in known.take(256) {
        let subject = Subject::agent(&call.subject, call.client.as_deref().unwrap());
        let labels = call.labels.iter().map(|label| label.to_string()).collect();
        let session = Session { calls: Some(call.calls as u64), labels: Some(labels), ..Session::default() };
        let (time, list) = timed(|| engine.visible_tools(&subject, &session, now));
        times.push(time);
        for tool in &list {
            *shown.entry(tool.visibility.to_string()).or_default() += 1;
        }
        if begin.elapsed().as_secs() > 5 {
            break;
        }
    }
    let lists = times.len();
    shown.values_mut().for_each(|count| *count /= lists);
    Ok((percentile(&mut times, 50.0), shown))
}

/// Decisions a second on one thread and on two, the better of three turns each.
fn threads(engine: &Engine, calls: &[Call], long: Duration) -> (f64, f64) {
    let throughput = |threads: usize| {
        let stop = AtomicBool::new(false);
        let begin = Instant::now();
        let total: usize = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads)
                .map(|thread| {
                    let stop = &stop;
                    scope.spawn(move || {
                        let (mut at, mut done) = (calls.len() / threads * thread, 0);
                        while !stop.load(Ordering::Relaxed) {
                            black_box(decide(engine, &calls[at]));
                            at = if at + 1 < calls.len() { at + 1 } else { 0 };
                            done += 1;
                        }
                        done
                    })
                })
                .collect();
            std::thread::sleep(long / 3);
            stop.store(true, Ordering::Relaxed);
            workers.into_iter().map(|worker| worker.join().unwrap()).sum()
        });
        total as f64 / begin.elapsed().as_secs_f64()
    };
    let (mut one, mut two) = (0.0f64, 0.0f64);
    for _ in 0..3 {
        one = one.max(throughput(1));
        two = two.max(throughput(2));
    }
    (one, two)
}

fn machine(args: &Args) {
    let read = |file: &str, key: &str| {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(key)).map(str::to_string);
        line.and_then(|line| line.split_once(':').map(|(_, value)| value.trim().to_string())).unwrap_or_default()
    };
    let date = std::process::Command::new("date").args(["-u", "+%F %H:%M UTC"]).output();
    let date = date.map(|out| String::from_utf8_lossy(&out.stdout).trim().to_string()).unwrap_or_default();
    let memory = read("/proc/meminfo", "MemTotal");
    let memory = memory.trim_end_matches(" kB").parse::<f64>().unwrap_or_default() / (1 << 20) as f64;
    println!(
        "Machine: {}, {} cores, {memory:.0} GiB. {date}. {} tools, {} grants, {} random calls.\nCommand: `report {}`\n",
        read("/proc/cpuinfo", "model name"),
        std::thread::available_parallelism().map_or(0, usize::from),
        args.tools,
        args.grants,
        args.calls,
        std::env::args().skip(1).collect::<Vec<_>>().join(" ")
    );
}

type Line<'a> = &'a mut dyn FnMut(String);

fn times_table(all: &[Found], out: Line<'_>) {
    let names: Vec<&str> = ["engine", "floor", "cedar", "cedarling", "regorus", "regorus-rvm", "casbin", "cel"]
        .into_iter()
        .filter(|name| all.iter().any(|found| found.times.keys().any(|(_, has)| has == name)))
        .collect();
    let heads: String = names.iter().map(|name| format!(" {name} p50 | p99 |")).collect();
    out(format!("| policies | calls |{heads} engine ÷ floor | cedar ÷ engine |"));
    out(format!("|--:|---|{}--:|--:|", "--:|--:|".repeat(names.len())));
    for found in all {
        for (at, (set, _)) in SETS.iter().enumerate() {
            let of = |name: &'static str| found.times.get(&(at, name));
            let mut line = format!("| {} | {set} |", thousands(found.policies));
            for name in &names {
                match of(name) {
                    Some(times) => line += &format!(" {} | {} |", time(times.p50()), time(times.p99())),
                    None => line += " – | – |",
                }
            }
            let ratio = |over: &'static str, under: &'static str| match (of(over), of(under)) {
                (Some(over), Some(under)) => factor(over.p50() / under.p50()),
                _ => "–".into(),
            };
            out(format!("{line} {} | {} |", ratio("engine", "floor"), ratio("cedar", "engine")));
        }
    }
    out(String::new());
}

fn growth(all: &[Found]) {
    let find = |policies| all.iter().find(|found| found.policies == policies);
    let (Some(small), Some(large)) = (find(100), find(10_000)) else { return };
    println!("## Growth from 100 to 10,000 policies\n\n| calls | engine | cedar |\n|---|--:|--:|");
    for (at, (set, _)) in SETS.iter().enumerate() {
        let ratio = |name: &'static str| match (large.times.get(&(at, name)), small.times.get(&(at, name))) {
            (Some(large), Some(small)) => factor(large.p50() / small.p50()),
            _ => "–".into(),
        };
        println!("| {set} | {} | {} |", ratio("engine"), ratio("cedar"));
    }
    println!();
}

fn outcomes(all: &[Found]) {
    if all.iter().all(|found| found.shares == [0; 5]) {
        return;
    }
    let heads: String = Outcome::ALL.iter().map(|outcome| format!(" {outcome} |")).collect();
    println!("## p50 by outcome, random calls (share of calls)\n\n| policies |{heads}\n|--:|{}", "--:|".repeat(5));
    for found in all {
        let total: usize = found.shares.iter().sum();
        let mut line = format!("| {} |", thousands(found.policies));
        for outcome in 0..5 {
            let took = found.times.get(&(2, "engine")).map_or(f64::NAN, |times| times.of(outcome as u8).0);
            let share = 100.0 * found.shares[outcome] as f64 / total.max(1) as f64;
            line += &format!(" {} ({share:.0} %) |", time(took));
        }
        println!("{line}");
    }
    println!();
}

fn allocations(all: &[Found]) {
    if all.iter().all(|found| found.allocations == [None; 5]) {
        return;
    }
    let heads: String = Outcome::ALL.iter().map(|outcome| format!(" {outcome} |")).collect();
    println!("## Allocations a decision: fewest / mean / most\n\n| policies |{heads}\n|--:|{}", "--:|".repeat(5));
    for found in all {
        let mut line = format!("| {} |", thousands(found.policies));
        for count in &found.allocations {
            match count {
                Some((least, mean, most)) => line += &format!(" {least} / {mean:.1} / {most} |"),
                None => line += " – |",
            }
        }
        println!("{line}");
    }
    println!();
}

fn rest(args: &Args, all: &[Found]) {
    println!(
        "## The rest\n\n| policies | in scope: mean / most | as Cedar | visible_tools over {} | shown | 1 thread | 2 threads | ratio |\n|--:|--:|--:|--:|---|--:|--:|--:|",
        args.tools
    );
    for found in all {
        let agreement = found.agreement.map_or("–".into(), |(same, asked)| format!("{same} of {asked}"));
        let (listing, shown) = match &found.visible {
            None => ("–".into(), "–".into()),
            Some(Err(expected)) => (format!("not run: about {expected:.0} s"), "–".into()),
            Some(Ok((took, shown))) => {
                let shown: Vec<String> = shown.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
                (time(took * 1e9), shown.join(", "))
            }
        };
        let threads = found.threads.map_or("– | – | – |".into(), |(one, two)| {
            format!("{} /s | {} /s | {:.2} |", thousands(one as usize), thousands(two as usize), two / one)
        });
        println!(
            "| {} | {:.1} / {} | {agreement} | {listing} | {shown} | {threads}",
            thousands(found.policies),
            found.scope.0,
            found.scope.1
        );
    }
    println!();
}

fn loads(all: &[Found]) {
    if all.iter().all(|found| found.load.is_none()) {
        return;
    }
    println!(
        "## Loading\n\n| policies | engine without people | Cedar parse | Cedar parse, schema, strict validation | snapshot alone | whole engine | heap held | resident |\n|--:|--:|--:|--:|--:|--:|--:|--:|"
    );
    for found in all {
        let Some(load) = &found.load else { continue };
        let seconds = |seconds: f64| time(seconds * 1e9);
        println!(
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            thousands(found.policies),
            seconds(load.without_people),
            seconds(load.cedar_parse),
            seconds(load.cedar_validate),
            seconds(load.people),
            seconds(load.whole),
            bytes(load.held),
            bytes(load.resident)
        );
    }
    println!();
}

/// Nanoseconds, in the unit that suits them.
pub fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        n if n.is_nan() => "–".into(),
        n if n < 1e3 => format!("{n:.0} ns"),
        n if n < 1e4 => format!("{:.2} µs", n / 1e3),
        n if n < 1e6 => format!("{:.0} µs", n / 1e3),
        n if n < 1e7 => format!("{:.2} ms", n / 1e6),
        n if n < 1e9 => format!("{:.0} ms", n / 1e6),
        n => format!("{:.1} s", n / 1e9),
    }
}

fn factor(ratio: f64) -> String {
    if ratio < 10.0 { format!("{ratio:.2} ×") } else { format!("{} ×", thousands(ratio as usize)) }
}

fn bytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / (1 << 20) as f64)
}

fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The engine alone, for what measures nothing else.
pub fn engine_of(size: Size) -> (World, Engine) {
    let world = World::new(size);
    let engine = load(&world);
    (world, engine)
}
