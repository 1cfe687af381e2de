//! A slab whose keys carry a generation, so that a key of an earlier tenant finds nothing.

use crate::inbox::Token;

/// Values in numbered slots; a freed slot is reused under a new generation.
///
/// All operations are O(1). A key whose value was removed never finds the value that took its slot later.
///
/// Low slots are used first again once there is no value, so that after a burst the entries in use stay together.
#[derive(Debug)]
pub struct Slots<T> {
    entries: Vec<Entry<T>>,
    /// The slot that was freed last; each has the one that was freed before it. [`NONE`] if there is none.
    free: u32,
    /// From this slot on nothing is in use, or among the free ones.
    unused: u32,
    live: usize,
}

#[derive(Debug)]
struct Entry<T> {
    generation: u32,
    free: u32,
    value: Option<T>,
}

const NONE: u32 = u32::MAX;

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Slots<T> {
    /// An empty slab; nothing is allocated.
    pub const fn new() -> Self {
        Self { entries: Vec::new(), free: NONE, unused: 0, live: 0 }
    }

    /// Puts a value into a free slot and returns its key.
    #[inline]
    pub fn insert(&mut self, value: T) -> Token {
        self.live += 1;
        let slot = if self.free == NONE { self.unused } else { self.free };
        let Some(entry) = self.entries.get_mut(slot as usize) else { return self.push(value) };
        if self.free == NONE {
            self.unused += 1;
        } else {
            self.free = entry.free;
        }
        entry.value = Some(value);
        Token { slot, generation: entry.generation }
    }

    #[cold]
    fn push(&mut self, value: T) -> Token {
        let slot = self.unused;
        self.unused = slot.saturating_add(1);
        self.entries.push(Entry { generation: 0, free: NONE, value: Some(value) });
        Token { slot, generation: 0 }
    }

    /// The value under a key, if it is still there.
    pub fn get(&self, key: Token) -> Option<&T> {
        self.entries.get(key.slot as usize).filter(|e| e.generation == key.generation)?.value.as_ref()
    }

    /// The value under a key, to be changed.
    #[inline]
    pub fn get_mut(&mut self, key: Token) -> Option<&mut T> {
        self.entry(key)?.value.as_mut()
    }

    /// Takes the value out and frees its slot.
    #[inline]
    pub fn remove(&mut self, key: Token) -> Option<T> {
        let free = self.free;
        let entry = self.entry(key)?;
        let value = entry.value.take()?;
        entry.release(free);
        self.note_free(key.slot);
        Some(value)
    }

    /// Drops the value where it is and frees its slot.
    pub fn discard(&mut self, key: Token) {
        let free = self.free;
        if let Some(entry) = self.entry(key).filter(|entry| entry.value.is_some()) {
            entry.value = None;
            entry.release(free);
            self.note_free(key.slot);
        }
    }

    #[inline]
    fn entry(&mut self, key: Token) -> Option<&mut Entry<T>> {
        self.entries.get_mut(key.slot as usize).filter(|entry| entry.generation == key.generation)
    }

    #[inline]
    fn note_free(&mut self, slot: u32) {
        self.free = slot;
        self.live -= 1;
        if self.live == 0 {
            self.free = NONE;
            self.unused = 0;
        }
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.live
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// All keys and values, in the order of their slots.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Token, &mut T)> {
        self.entries.iter_mut().zip(0..self.unused).filter_map(|(entry, slot)| {
            Some((Token { slot, generation: entry.generation }, entry.value.as_mut()?))
        })
    }
}

impl<T> Entry<T> {
    /// The next tenant has another generation; `free` is what was freed before.
    #[inline]
    fn release(&mut self, free: u32) {
        self.generation = self.generation.wrapping_add(1);
        self.free = free;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removed_key_never_finds_the_next_tenant() {
        let mut slots = Slots::new();
        let first = slots.insert("first");
        assert_eq!(slots.remove(first), Some("first"));
        let second = slots.insert("second");
        assert_eq!(second.slot, first.slot);
        assert_eq!(slots.get(first), None);
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.get(second), Some(&"second"));
        assert_eq!(slots.len(), 1);
    }

    #[test]
    fn freed_slots_are_reused() {
        let mut slots = Slots::new();
        for i in 0..100_000 {
            let key = slots.insert(i);
            slots.remove(key);
        }
        assert!(slots.is_empty());
        assert_eq!(slots.entries.len(), 1);
    }

    #[test]
    fn low_slots_are_used_first_after_a_burst() {
        let mut slots = Slots::new();
        let burst: Vec<_> = (0..10).map(|n| slots.insert(n)).collect();
        burst.iter().rev().skip(1).for_each(|key| slots.discard(*key));
        assert_eq!(slots.iter_mut().map(|(_, n)| *n).collect::<Vec<_>>(), [9]);
        burst.iter().for_each(|key| slots.discard(*key));
        let after: Vec<_> = (0..12).map(|n| slots.insert(n)).collect();
        assert!(after.iter().zip(0..).all(|(key, slot)| key.slot == slot));
        assert_eq!(slots.len(), 12);
        assert!(burst.iter().all(|key| slots.get(*key).is_none()));
        assert!(after.iter().zip(0..).all(|(key, n)| slots.remove(*key) == Some(n)));
    }

    #[test]
    fn slots_are_never_shared_whatever_the_order() {
        let mut rng = fastrand::Rng::with_seed(7);
        let (mut slots, mut model) = (Slots::new(), Vec::<(Token, u64)>::new());
        for n in 0..20_000 {
            if model.is_empty() || rng.u8(..) < 120 {
                model.push((slots.insert(n), n));
            } else {
                let (key, n) = model.swap_remove(rng.usize(..model.len()));
                assert_eq!(slots.remove(key), Some(n));
                assert_eq!(slots.remove(key), None);
            }
            assert_eq!(slots.len(), model.len());
        }
        assert!(model.iter().all(|(key, n)| slots.get(*key) == Some(n)));
        assert_eq!(slots.iter_mut().count(), model.len());
    }
}
