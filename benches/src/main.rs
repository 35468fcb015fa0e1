//! `report`: every figure in one run.

use toolgate_benches::alloc::Counting;
use toolgate_benches::args::Args;
use toolgate_benches::report;

#[global_allocator]
static COUNTING: Counting = Counting;

fn main() {
    report::run(&Args::read());
}
