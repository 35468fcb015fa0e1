//! The engine in use: read by many, swapped whole by one.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use crate::data::delta::Delta;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind};

/// Holds the engine that calls are decided with. Readers never wait; a swap is whole or not at all, and never goes
/// back to an older snapshot.
///
/// ```
/// # use toolgate::{Bundle, Engine, Live, Source};
/// # let load = |version: u64| Engine::load(&Bundle {
/// #     policies: vec![], tools: Default::default(), overlay: None,
/// #     snapshot: Source::new("s.json", format!(r#"{{"version": {version}, "issued_at": "2026-11-20T09:00:00Z", "max_age": "PT24H"}}"#)),
/// # });
/// let live = Live::new(load(7)?);
/// live.swap(load(8)?)?;
/// assert!(live.swap(load(7)?).is_err(), "a snapshot of yesterday does not come back");
/// assert_eq!(live.engine().snapshot_version(), 8);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Live {
    current: ArcSwap<Engine>,
}

/// The engine that was current when it was asked for. Keep it for one decision, not for long: it keeps the engine
/// alive, and a revoked grant in force.
pub struct InUse(Guard<Arc<Engine>>);

impl Live {
    /// Begins with an engine.
    pub fn new(engine: Engine) -> Self {
        Self { current: ArcSwap::from_pointee(engine) }
    }

    /// The engine to decide the next call with. Never waits, and touches no counter that other threads use.
    pub fn engine(&self) -> InUse {
        InUse(self.current.load())
    }

    /// Puts another engine in its place: for every decision from now on, wholly.
    ///
    /// Refused with [`ErrorKind::SnapshotOlder`] if its snapshot is older, or says something else under the same
    /// version. Other policies or another catalog over the same snapshot are fine.
    pub fn swap(&self, engine: Engine) -> Result<(), Error> {
        let next = Arc::new(engine);
        self.change(|current| newer(current, &next).map(|()| Arc::clone(&next)))
    }

    /// Adds and revokes grants and approvals, sharing everything else. A revoked grant is refused from the next
    /// decision on.
    pub fn apply(&self, delta: &Delta) -> Result<(), Error> {
        self.change(|current| current.with(delta).map(Arc::new))
    }

    /// Makes a new engine of the current one, again if another one came between.
    fn change(&self, make: impl Fn(&Engine) -> Result<Arc<Engine>, Error>) -> Result<(), Error> {
        let mut current = self.current.load_full();
        loop {
            let next = make(&current)?;
            // FAIL-CLOSED: a_swap_never_goes_to_an_older_version, also if two are made at once
            let found = self.current.compare_and_swap(&current, next);
            if Arc::ptr_eq(&found, &current) {
                return Ok(());
            }
            current = Arc::clone(&found);
        }
    }
}

fn newer(current: &Engine, next: &Engine) -> Result<(), Error> {
    let (is, would_be) = (current.snapshot_version(), next.snapshot_version());
    let refuse = |message| Err(Error::new(ErrorKind::SnapshotOlder, message));
    if would_be < is {
        return refuse(format!("snapshot version {would_be} is older than {is}, which is in use"));
    }
    if would_be == is && !current.same_snapshot(next) {
        return refuse(format!("snapshot version {would_be} is in use and says something else"));
    }
    Ok(())
}

impl Deref for InUse {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.0
    }
}

impl fmt::Debug for InUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Live").field(&self.engine()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::load::bundle::{Bundle, Source};

    fn engine(version: u64, more: &str) -> Engine {
        let snapshot = format!(
            r#"{{"version": {version}, "issued_at": "2026-11-20T09:00:00Z", "max_age": "PT24H", "users": [{more}]}}"#
        );
        let bundle = Bundle {
            policies: Vec::new(),
            tools: Default::default(),
            overlay: None,
            snapshot: Source::new("s.json", snapshot),
        };
        Engine::load(&bundle).unwrap()
    }

    #[test]
    fn a_swap_never_goes_to_an_older_version() {
        let live = Live::new(engine(7, ""));
        let version = || live.engine().snapshot_version();
        let kind = |result: Result<(), Error>| result.map_err(|error| error.kind());
        assert_eq!(kind(live.swap(engine(6, ""))), Err(ErrorKind::SnapshotOlder));
        assert_eq!(kind(live.swap(engine(7, r#"{"id": "ann", "active": true}"#))), Err(ErrorKind::SnapshotOlder));
        assert_eq!(version(), 7);
        assert_eq!(kind(live.swap(engine(7, ""))), Ok(()), "the same once more");

        // another one comes between the look and the swap
        let (newest, next) = (engine(9, ""), Arc::new(engine(8, "")));
        let looks = Cell::new(0);
        let swap = live.change(|current| {
            looks.set(looks.get() + 1);
            newer(current, &next)?;
            if looks.get() == 1 {
                live.swap(newest.clone()).unwrap();
            }
            Ok(Arc::clone(&next))
        });
        assert_eq!((kind(swap), looks.get(), version()), (Err(ErrorKind::SnapshotOlder), 2, 9));
        assert_eq!(kind(live.swap(engine(10, ""))), Ok(()));
        assert_eq!(version(), 10);
    }
}
