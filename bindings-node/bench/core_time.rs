//! What a decision takes without Node: `core_time FILE` prints microseconds a call, the median of many turns. The file
//! is `{"sources": TEXT, "calls": [TEXT, …]}`.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use serde_json::Value;
use toolgate::wire;

const TURNS: usize = 301;

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args().nth(1).ok_or("name a file")?;
    let bench: Value = serde_json::from_slice(&std::fs::read(file)?)?;
    let text = |name| bench.get(name).and_then(Value::as_str).ok_or("not a bench file");
    let engine = wire::load(text("sources")?.as_bytes())?;
    let calls = bench.get("calls").and_then(Value::as_array).ok_or("not a bench file")?;
    let calls: Vec<&str> = calls.iter().filter_map(Value::as_str).collect();
    let turn = || {
        let start = Instant::now();
        for _ in 0..8 {
            for call in &calls {
                black_box(wire::decide(&engine, black_box(call.as_bytes())));
            }
        }
        start.elapsed().as_secs_f64() * 1e6 / 8.0 / f64::from(u32::try_from(calls.len()).unwrap_or(u32::MAX))
    };
    let mut turns: Vec<f64> = (0..TURNS).map(|_| turn()).collect();
    turns.sort_by(f64::total_cmp);
    println!("{:.3}", turns.get(TURNS / 2).ok_or("no turns")?);
    Ok(())
}
