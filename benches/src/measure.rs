//! Timing: contestants take turns within one run, so that drift hits all alike.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::calls::Call;

/// How long a contestant's turn lasts, if one call does not take longer.
const TURN: Duration = Duration::from_millis(12);
/// Calls timed together for the median.
const BATCH: usize = 50;

/// A contestant: answers a call with a small number.
pub struct Lane<'a> {
    /// What the report calls it.
    pub name: &'static str,
    run: Box<dyn FnMut(&Call) -> u8 + 'a>,
    /// What it took.
    pub times: Times,
    next: usize,
    one: f64,
}

/// What a contestant took on one set of calls, in nanoseconds a call.
#[derive(Clone, Debug, Default)]
pub struct Times {
    /// Batches of up to 50 calls, averaged.
    pub batches: Vec<f64>,
    /// Single calls and what was answered.
    pub singles: Vec<(u8, f64)>,
}

impl Times {
    /// The median of the batches.
    pub fn p50(&self) -> f64 {
        percentile(&mut self.batches.clone(), 50.0)
    }

    /// The 99th percentile of single calls.
    pub fn p99(&self) -> f64 {
        percentile(&mut self.singles.iter().map(|(_, time)| *time).collect::<Vec<_>>(), 99.0)
    }

    /// The median of single calls with this answer, and how many there were.
    pub fn of(&self, answer: u8) -> (f64, usize) {
        let mut times: Vec<f64> = self.singles.iter().filter(|(is, _)| *is == answer).map(|(_, time)| *time).collect();
        (percentile(&mut times, 50.0), times.len())
    }
}

impl<'a> Lane<'a> {
    /// A contestant that has not run yet.
    pub fn new(name: &'static str, run: impl FnMut(&Call) -> u8 + 'a) -> Self {
        Self { name, run: Box::new(run), times: Times::default(), next: 0, one: 0.0 }
    }

    fn step(&mut self, calls: &[Call]) -> u8 {
        let at = self.next;
        self.next = if at + 1 < calls.len() { at + 1 } else { 0 };
        black_box((self.run)(black_box(&calls[at])))
    }

    /// A quarter of the turn to get warm again after the others, a quarter for batches, the rest for single calls.
    fn turn(&mut self, calls: &[Call], overhead: f64) {
        let begin = Instant::now();
        if self.one == 0.0 {
            self.step(calls);
            self.one = begin.elapsed().as_nanos() as f64;
        }
        let turn = TURN.as_nanos() as f64;
        let slow = self.one > turn / 8.0;
        if !slow {
            let size = BATCH.min((turn / 32.0 / self.one) as usize).max(1);
            let batch = |lane: &mut Self| {
                let start = Instant::now();
                for _ in 0..size {
                    lane.step(calls);
                }
                lane.one = start.elapsed().as_nanos() as f64 / size as f64;
                lane.one
            };
            while begin.elapsed() < TURN / 4 {
                batch(self);
            }
            while self.times.batches.is_empty() || begin.elapsed() < TURN / 2 {
                let time = batch(self);
                self.times.batches.push(time);
            }
        }
        loop {
            let start = Instant::now();
            let answer = self.step(calls);
            let time = (start.elapsed().as_nanos() as f64 - overhead).max(0.0);
            self.times.singles.push((answer, time));
            if slow {
                self.one = time;
                self.times.batches.push(time);
            }
            if begin.elapsed() > TURN {
                break;
            }
        }
    }
}

/// Lets every contestant take turns on these calls for about so long; each begins afresh.
pub fn race(lanes: &mut [Lane<'_>], calls: &[Call], long: Duration) {
    if lanes.is_empty() {
        return;
    }
    let overhead = overhead();
    for lane in lanes.iter_mut() {
        (lane.times, lane.next, lane.one) = (Times::default(), 0, 0.0);
    }
    let begin = Instant::now();
    let mut rounds = 0;
    while begin.elapsed() < long || rounds < 3 {
        lanes.iter_mut().for_each(|lane| lane.turn(calls, overhead));
        rounds += 1;
    }
}

/// What reading the clock twice takes by itself.
pub fn overhead() -> f64 {
    let mut times: Vec<f64> = (0..20_000)
        .map(|_| {
            let start = Instant::now();
            start.elapsed().as_nanos() as f64
        })
        .collect();
    percentile(&mut times, 50.0)
}

/// A percentile; not a number if there is nothing to take it of.
pub fn percentile(values: &mut [f64], percent: f64) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    values.sort_by(f64::total_cmp);
    let at = ((values.len() - 1) as f64 * percent / 100.0).round() as usize;
    values[at]
}

/// How long something takes, in seconds, and what it gives.
pub fn timed<T>(run: impl FnOnce() -> T) -> (f64, T) {
    let begin = Instant::now();
    let value = run();
    (begin.elapsed().as_secs_f64(), value)
}
