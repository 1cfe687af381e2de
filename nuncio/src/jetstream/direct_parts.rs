//! The subjects whose last messages are asked for, in portions that the server takes.

use std::collections::{BTreeSet, VecDeque};

/// Subjects of one request at most: the server tells of so many.
const SUBJECTS: usize = 1024;
/// Bytes of them at most, so that a request stays well below what a server takes.
const BYTES: usize = 256 * 1024;

/// The portions that are still to be asked for.
#[derive(Debug, Default)]
pub(super) struct Parts {
    waiting: VecDeque<Vec<String>>,
    /// There was or is more than one.
    many: bool,
    /// What was handed out: one message may be the last for subjects of several portions.
    seen: BTreeSet<u64>,
}

impl Parts {
    /// Leaves the first portion in `subjects`.
    pub(super) fn of(subjects: &mut Vec<String>) -> Self {
        let mut parts = Self::default();
        let mut bytes = 0;
        for subject in std::mem::take(subjects) {
            bytes += subject.len();
            match parts.waiting.back_mut() {
                Some(last) if last.len() < SUBJECTS && bytes <= BYTES => last.push(subject),
                _ => {
                    bytes = subject.len();
                    parts.waiting.push_back(vec![subject]);
                }
            }
        }
        *subjects = parts.waiting.pop_front().unwrap_or_default();
        parts.many = !parts.waiting.is_empty();
        parts
    }

    pub(super) fn are_many(&self) -> bool {
        self.many
    }

    pub(super) fn next(&mut self) -> Option<Vec<String>> {
        self.waiting.pop_front()
    }

    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }

    /// Leaves half of a portion that was too much; false if it cannot be parted.
    pub(super) fn halve(&mut self, subjects: &mut Vec<String>) -> bool {
        if subjects.len() < 2 {
            return false;
        }
        self.waiting.push_front(subjects.split_off(subjects.len() / 2));
        self.many = true;
        true
    }

    /// Whether the message has not been handed out.
    pub(super) fn is_new(&mut self, sequence: u64) -> bool {
        !self.many || self.seen.insert(sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subjects(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("s.{n}")).collect()
    }

    #[test]
    fn what_the_server_takes_is_one_portion() {
        let mut first = subjects(1024);
        let mut parts = Parts::of(&mut first);
        assert_eq!((first.len(), parts.are_many(), parts.next()), (1024, false, None));
        assert!(parts.is_new(7) && parts.is_new(7));
    }

    #[test]
    fn more_subjects_are_several_portions_in_their_order() {
        let mut first = subjects(2050);
        let mut parts = Parts::of(&mut first);
        assert!(parts.are_many());
        let all: Vec<_> = std::iter::successors(Some(first), |_| parts.next())
            .inspect(|p| assert!(p.len() <= 1024))
            .collect();
        assert_eq!((all.len(), all.concat()), (3, subjects(2050)));
        assert!(parts.is_new(7) && !parts.is_new(7));
    }

    #[test]
    fn long_subjects_are_bounded_in_bytes() {
        let mut first = vec!["s".repeat(100_000); 5];
        let parts = Parts::of(&mut first);
        assert_eq!((first.len(), parts.waiting.len()), (2, 2));
    }

    #[test]
    fn a_portion_that_is_too_much_is_halved_until_it_is_one_subject() {
        let mut portion = subjects(3);
        let mut parts = Parts::of(&mut portion);
        assert!(parts.halve(&mut portion));
        assert_eq!(portion, ["s.0"]);
        assert!(!parts.halve(&mut portion));
        assert_eq!(parts.next().unwrap(), ["s.1", "s.2"]);
    }
}
