//! For `valgrind --tool=callgrind`: loads the engine, decides every call once so that all is warm, then decides them
//! again between marks. `instructions.sh` runs it and reads what was counted.
//!
//! `instructions POLICIES TOOLS GRANTS CALLS`

use std::hint::black_box;

use toolgate::{Engine, Outcome};
use toolgate_benches::calls::{self, Call};
use toolgate_benches::engine::decide;
use toolgate_benches::report::engine_of;
use toolgate_benches::workload::Size;

/// One mark an outcome. The constant keeps the compiler from making one function of them.
macro_rules! mark {
    ($name:ident, $number:literal) => {
        #[inline(never)]
        #[unsafe(no_mangle)]
        fn $name(engine: &Engine, call: &Call) {
            black_box($number);
            black_box(decide(engine, call));
        }
    };
}

mark!(decide_marker_auto_approve, 1u8);
mark!(decide_marker_self_approve, 2u8);
mark!(decide_marker_manager_approve, 3u8);
mark!(decide_marker_deny, 4u8);
mark!(decide_marker_ticket_fallback, 5u8);

fn main() {
    let numbers: Vec<usize> = std::env::args().skip(1).map(|word| word.parse().expect("a number")).collect();
    let [policies, tools, grants, count] = numbers[..] else {
        eprintln!("instructions POLICIES TOOLS GRANTS CALLS");
        std::process::exit(2);
    };
    let (world, engine) = engine_of(Size { policies, tools, grants });
    let calls = calls::calls(&world, count);
    drop(world);
    let outcomes: Vec<Outcome> = calls.iter().map(|call| decide(&engine, call).outcome).collect();
    callgrind(START_INSTRUMENTATION);
    for (call, outcome) in calls.iter().zip(outcomes) {
        match outcome {
            Outcome::AutoApprove => decide_marker_auto_approve(&engine, call),
            Outcome::SelfApprove => decide_marker_self_approve(&engine, call),
            Outcome::ManagerApprove => decide_marker_manager_approve(&engine, call),
            Outcome::Deny => decide_marker_deny(&engine, call),
            Outcome::TicketFallback => decide_marker_ticket_fallback(&engine, call),
        }
    }
    callgrind(STOP_INSTRUMENTATION);
    // the engine is not taken apart: that would be counted in a run without marks, and takes long under valgrind
    std::process::exit(0);
}

const START_INSTRUMENTATION: u64 = 0x4354_0004;
const STOP_INSTRUMENTATION: u64 = 0x4354_0005;

/// A request to callgrind (valgrind.h, `VALGRIND_DO_CLIENT_REQUEST`): rotations that add up to nothing, which only
/// valgrind takes for a message. So loading runs without being counted, at a tenth of the cost.
#[cfg(target_arch = "x86_64")]
fn callgrind(request: u64) {
    let message = [request, 0, 0, 0, 0, 0];
    // SAFETY: outside valgrind these instructions leave every register as it was, but for `rdx`, declared as written.
    unsafe {
        std::arch::asm!(
            "rol rdi, 3", "rol rdi, 13", "rol rdi, 61", "rol rdi, 51", "xchg rbx, rbx",
            inout("rdx") 0u64 => _, in("rax") message.as_ptr(), out("rdi") _,
        );
    }
}

/// Elsewhere `instructions.sh` has to run with `--instr-atstart=yes`.
#[cfg(not(target_arch = "x86_64"))]
fn callgrind(_request: u64) {}
