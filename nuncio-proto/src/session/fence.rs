//! Who waits for which `PONG`.

use std::collections::VecDeque;

/// The outstanding `PING`s of one connection, in the order in which they were written.
///
/// The server answers in that order, and a `PONG` proves that all that was sent before its `PING` has been
/// processed. So every `PING`, whoever wrote it, has an entry here; a connection that ends takes all of them along.
#[derive(Debug)]
pub struct Fences<T> {
    waiting: VecDeque<T>,
}

impl<T> Default for Fences<T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new() }
    }
}

impl<T> Fences<T> {
    /// A `PING` was appended to the wire for this waiter.
    pub fn push(&mut self, waiter: T) {
        self.waiting.push_back(waiter);
    }

    /// A `PONG` arrived: the waiter it answers, or none if nobody asked.
    pub fn pong(&mut self) -> Option<T> {
        self.waiting.pop_front()
    }

    /// The connection ended: nobody will be answered.
    pub fn take_all(&mut self) -> impl Iterator<Item = T> + use<T> {
        std::mem::take(&mut self.waiting).into_iter()
    }

    /// The waiters, the next to be answered first.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.waiting.iter_mut()
    }

    /// Unanswered `PING`s.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether no `PING` is unanswered.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pongs_answer_pings_in_order_and_a_surplus_pong_answers_no_one() {
        let mut fences = Fences::default();
        fences.push("keepalive");
        fences.push("flush");
        assert_eq!(fences.pong(), Some("keepalive"));
        assert_eq!(fences.pong(), Some("flush"));
        assert_eq!(fences.pong(), None);
    }

    #[test]
    fn the_end_of_a_connection_takes_all_waiters() {
        let mut fences = Fences::default();
        fences.push(1);
        fences.push(2);
        assert_eq!(fences.take_all().collect::<Vec<_>>(), [1, 2]);
        assert_eq!(fences.pong(), None);
    }
}
