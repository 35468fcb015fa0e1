//! A stack that is deep enough for Cedar's recursive parser and evaluator, whatever thread we are on.

/// What the loader lets through needs less than 2 MiB optimised, 20 MiB not. Address space, not memory.
const STACK: usize = 256 * 1024 * 1024;

/// Runs something on a thread of its own; nothing if there is no thread to be had, or it gave up.
pub(crate) fn deep<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    std::thread::scope(|scope| {
        let worker = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        worker.ok()?.join().ok()
    })
}
