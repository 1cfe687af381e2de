//! Who waits for room in the outbox.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;

use crate::driver::shared::Shared;

/// Those who wait, in the order in which they came.
#[derive(Default)]
pub(crate) struct Room {
    waiting: BTreeMap<u64, Waker>,
    next: u64,
}

/// A place among those who wait.
pub(crate) struct Entry {
    pub(crate) number: u64,
    /// The waker of the poll before; not to be dropped under the lock.
    pub(crate) before: Option<Waker>,
}

impl Room {
    /// Keeps the waker, in the place of the poll before if that is still there.
    pub(crate) fn wait(&mut self, place: Option<u64>, waker: &Waker) -> Entry {
        if let Some((number, kept)) = place.and_then(|number| Some((number, self.waiting.get_mut(&number)?)))
        {
            let before = (!kept.will_wake(waker)).then(|| std::mem::replace(kept, waker.clone()));
            return Entry { number, before };
        }
        let number = self.next;
        self.next += 1;
        Entry { number, before: self.waiting.insert(number, waker.clone()) }
    }

    fn leave(&mut self, number: u64) -> Option<Waker> {
        self.waiting.remove(&number)
    }

    /// All of them, to be woken without the lock.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Waker> + use<> {
        std::mem::take(&mut self.waiting).into_values()
    }
}

/// Gives the place up when it is dropped: nothing is left of somebody who no longer waits.
pub(crate) struct Place {
    shared: Arc<Shared>,
    pub(crate) number: u64,
}

impl Place {
    pub(crate) fn new(shared: &Arc<Shared>, number: u64) -> Self {
        Self { shared: Arc::clone(shared), number }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let waker = self.shared.core().room.leave(self.number);
        // Not under the lock: it may be the last share of a task.
        drop(waker);
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Place").field("number", &self.number).finish_non_exhaustive()
    }
}
