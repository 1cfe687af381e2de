//! The queue of those who wait for room.

use std::collections::VecDeque;
use std::task::Waker;

#[derive(Debug, Default)]
pub(super) struct Turns {
    queue: VecDeque<Turn>,
    newest: u64,
}

/// A place in the queue.
#[derive(Debug)]
struct Turn {
    id: u64,
    waker: Option<Waker>,
}

impl Turns {
    /// Whether nobody has waited longer than who has this place, or none.
    pub(super) fn admit(&self, turn: Option<u64>) -> bool {
        self.queue.front().is_none_or(|first| Some(first.id) == turn)
    }

    /// Queues up, or keeps the place.
    pub(super) fn wait(&mut self, turn: Option<u64>, waker: &Waker) -> u64 {
        if let Some(turn) = self.queue.iter_mut().find(|other| Some(other.id) == turn) {
            turn.waker = Some(waker.clone());
            return turn.id;
        }
        self.newest += 1;
        self.queue.push_back(Turn { id: self.newest, waker: Some(waker.clone()) });
        self.newest
    }

    pub(super) fn leave(&mut self, turn: u64) {
        self.queue.retain(|other| other.id != turn);
    }

    /// The waker of the first, once for each of its waits.
    pub(super) fn call_first(&mut self) -> Option<Waker> {
        self.queue.front_mut()?.waker.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_keeps_its_place_until_it_leaves() {
        let mut turns = Turns::default();
        assert!(turns.admit(None));
        let [first, second] = [(); 2].map(|()| turns.wait(None, Waker::noop()));
        assert_eq!(turns.wait(Some(first), Waker::noop()), first);
        assert!(turns.admit(Some(first)) && !turns.admit(Some(second)) && !turns.admit(None));
        assert!(turns.call_first().is_some());
        assert!(turns.call_first().is_none(), "it is called once");
        turns.leave(first);
        assert!(turns.admit(Some(second)) && turns.call_first().is_some());
        turns.leave(second);
        assert!(turns.admit(None) && turns.call_first().is_none());
    }
}
