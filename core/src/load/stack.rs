//! A stack that is deep enough for Cedar, whatever thread the host calls on.
//!
//! Owns the one place where a stack is grown. Refuses nothing: what would need more than this, the scan has refused.

/// Runs `f` on a stack that is deep enough for any policy that [`scan::cedar`](crate::load::scan::cedar) lets through.
///
/// Cedar 4.14.1 recurses on nesting and on chains (`a && b && c`, `a.b.c`, `1 + 1 + 1`). KiB of stack per level,
/// measured on x86-64 Linux by searching for the first policy of up to 10 000 bytes that aborts the process (or, for
/// `is_authorized`, that fails with "recursion limit reached") on stacks of 128 KiB to 8 MiB:
///
/// | | `opt-level = 3` | 1 | 0 |
/// |-|-|-|-|
/// | parse, per bracket | 16 | 14 | 57 |
/// | parse, per `if` | 1.8 | 2 | 6 |
/// | parse, per link of a chain | 0 | 0 | 0 |
/// | `Policy::to_pst`, per link | 3.5 | 3.5 | 34 |
/// | `Policy::to_json`, per link | 4.3 | 2.6 | 14 |
/// | `is_authorized`, per link or bracket | 4.3 | | 58 |
/// | drop, per link | 0.1 | 0.1 | 0.2 |
///
/// Validation and evaluation stop with an error when less than 100 KiB are left, and Cedar skips a policy that stops;
/// the others abort. A chain that fits in 10 000 bytes has up to 4 978 links: too many for 8 MiB, and 595 are too many
/// for the 2 MiB of a thread. Hence the bound of 300 links ([`CHAIN`](crate::load::scan::CHAIN)) beside that of 32
/// levels. At both bounds Cedar needs less than 2 MiB optimised (300 × 4.3 + 32 × 16 KiB), 19 MiB unoptimised.
///
/// Growing costs 11 to 23 µs (measured); with enough stack left it costs nothing. On wasm there is no growing: there
/// the bounds alone must do, and do with an optimised build and a stack of 8 MiB (the linker's default is 1 MiB).
pub(crate) fn with_stack<R>(f: impl FnOnce() -> R) -> R {
    #[cfg(target_family = "wasm")]
    return f();
    #[cfg(not(target_family = "wasm"))]
    stacker::maybe_grow(RED_ZONE, STACK, f)
}

/// Runs `f` with as much stack as a decision by compiled policies needs: what the scan lets through is nested 32 deep at
/// most, and a level takes less than a KiB optimised.
pub(crate) fn with_little_stack<R>(f: impl FnOnce() -> R) -> R {
    #[cfg(target_family = "wasm")]
    return f();
    #[cfg(not(target_family = "wasm"))]
    stacker::maybe_grow(RED_ZONE / 12, STACK, f)
}

/// How much must be left: an unoptimised Cedar needs ten times what an optimised one does.
#[cfg(not(target_family = "wasm"))]
const RED_ZONE: usize = if cfg!(debug_assertions) { 24 } else { 3 } * 1024 * 1024;

/// How much is taken instead. Address space, not memory: only pages that are touched cost any.
pub(crate) const STACK: usize = if cfg!(debug_assertions) { 32 } else { 8 } * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn depth(levels: usize) -> usize {
        let frame = std::hint::black_box([1_usize; 128]);
        levels.checked_sub(1).map_or(0, |below| depth(below).saturating_add(frame[levels % 128]))
    }

    #[test]
    fn a_small_thread_gets_a_deep_stack() {
        let thread = std::thread::Builder::new().stack_size(128 * 1024).spawn(|| with_stack(|| depth(1_500)));
        assert_eq!(thread.unwrap().join().unwrap(), 1_500);
    }

    #[test]
    fn a_deep_stack_is_not_grown_again() {
        let (outer, inner) = with_stack(|| (stacker::remaining_stack(), with_stack(stacker::remaining_stack)));
        assert!(inner <= outer && outer.is_some());
    }
}
