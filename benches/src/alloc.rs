//! An allocator that counts, for each thread by itself, so that counting costs next to nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator with counts.
pub struct Counting;

/// What a thread has allocated so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Times memory was asked for, growing included.
    pub allocations: u64,
    /// Bytes held: asked for less given back. Wraps if a thread gives back what another asked for.
    pub bytes: u64,
}

thread_local! {
    static COUNT: Cell<Count> = const { Cell::new(Count { allocations: 0, bytes: 0 }) };
}

/// What this thread has allocated so far.
pub fn count() -> Count {
    COUNT.get()
}

fn add(allocations: u64, bytes: u64) {
    let _ = COUNT.try_with(|cell| {
        let Count { allocations: a, bytes: b } = cell.get();
        cell.set(Count { allocations: a.wrapping_add(allocations), bytes: b.wrapping_add(bytes) });
    });
}

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(1, layout.size() as u64);
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        add(1, layout.size() as u64);
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        add(1, (size as u64).wrapping_sub(layout.size() as u64));
        unsafe { System.realloc(at, layout, size) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        add(0, 0u64.wrapping_sub(layout.size() as u64));
        unsafe { System.dealloc(at, layout) }
    }
}

/// Bytes of this process that are in memory, as the kernel counts them.
pub fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()));
    pages.unwrap_or_default() * 4096
}
