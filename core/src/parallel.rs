//! Work on several threads, with results that do not depend on how many there are.
//!
//! Owns the one place where threads are started. They end before the call returns.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::load::stack;

/// How many threads can run at once, as far as is known; 1 on wasm.
pub(crate) fn threads() -> usize {
    if cfg!(target_family = "wasm") { 1 } else { thread::available_parallelism().map_or(1, usize::from) }
}

/// `f` of every item, in the items' order, worked out on up to `threads` threads, this one among them.
///
/// Each has a stack as deep as [`stack::with_stack`] gives. A thread that cannot be started is done without. A panic
/// of `f` is passed on once all threads have ended: there is no result to give in its place.
pub(crate) fn map<T: Sync, R: Send>(items: &[T], threads: usize, f: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = if cfg!(target_family = "wasm") { 1 } else { threads.min(items.len()) };
    if threads <= 1 {
        return stack::with_stack(|| items.iter().map(f).collect());
    }
    // small enough that no thread waits long for the last, big enough that counting costs nothing
    let share = items.len().checked_div(threads.saturating_mul(16)).unwrap_or(1).clamp(1, 64);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let from = next.fetch_add(share, Ordering::Relaxed);
            match items.get(from..from.saturating_add(share).min(items.len())) {
                Some(some) if !some.is_empty() => done.push((from, some.iter().map(&f).collect::<Vec<R>>())),
                _ => return done,
            }
        }
    };
    let mut done = thread::scope(|scope| {
        let start = |number: usize| {
            let thread = thread::Builder::new().name(format!("toolgate-{number}")).stack_size(stack::STACK);
            thread.spawn_scoped(scope, work).ok()
        };
        let others: Vec<_> = (1..threads).filter_map(start).collect();
        let mut done = stack::with_stack(work);
        for other in others {
            done.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        done
    });
    done.sort_unstable_by_key(|(from, _)| *from);
    done.into_iter().flat_map(|(_, results)| results).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn results_stand_in_the_order_of_the_items_whatever_the_threads() {
        for count in [0, 1, 2, 63, 1_000] {
            let items: Vec<usize> = (0..count).collect();
            let wanted: Vec<usize> = items.iter().map(|item| item * 3).collect();
            for threads in [0, 1, 2, 3, 7, 2_000] {
                assert_eq!(map(&items, threads.min(40), |item| item * 3), wanted, "{count} on {threads}");
            }
        }
    }

    #[test]
    fn every_thread_has_a_deep_stack() {
        let remaining = map(&[(); 200], 4, |()| stacker::remaining_stack().unwrap());
        let least = remaining.into_iter().min().unwrap();
        assert!(least >= 2 * 1024 * 1024, "{least}");
    }

    #[test]
    fn a_panic_is_passed_on() {
        let items: Vec<usize> = (0..200).collect();
        let ran = |bad: usize| catch_unwind(AssertUnwindSafe(|| map(&items, 2, |&item| assert_ne!(item, bad))));
        assert!(ran(150).is_err());
        assert!(ran(1_000).is_ok(), "the twin");
    }
}
