//! A slab whose keys carry a generation, so that a key of an earlier tenant finds nothing.

use crate::inbox::Token;

/// Values in numbered slots; a freed slot is reused under a new generation.
///
/// All operations are O(1). A key whose value was removed never finds the value that took its slot later.
#[derive(Debug)]
pub struct Slots<T> {
    entries: Vec<Entry<T>>,
    free: Vec<u32>,
    live: usize,
}

#[derive(Debug)]
struct Entry<T> {
    generation: u32,
    value: Option<T>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Slots<T> {
    /// An empty slab; nothing is allocated.
    pub const fn new() -> Self {
        Self { entries: Vec::new(), free: Vec::new(), live: 0 }
    }

    /// Puts a value into a free slot and returns its key.
    pub fn insert(&mut self, value: T) -> Token {
        self.live += 1;
        if let Some(slot) = self.free.pop()
            && let Some(entry) = self.entries.get_mut(slot as usize)
        {
            entry.value = Some(value);
            return Token { slot, generation: entry.generation };
        }
        let slot = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        self.entries.push(Entry { generation: 0, value: Some(value) });
        Token { slot, generation: 0 }
    }

    /// The value under a key, if it is still there.
    pub fn get(&self, key: Token) -> Option<&T> {
        self.entries.get(key.slot as usize).filter(|e| e.generation == key.generation)?.value.as_ref()
    }

    /// The value under a key, to be changed.
    pub fn get_mut(&mut self, key: Token) -> Option<&mut T> {
        self.entry(key)?.value.as_mut()
    }

    /// Takes the value out and frees its slot.
    pub fn remove(&mut self, key: Token) -> Option<T> {
        let value = self.entry(key)?.value.take()?;
        self.free(key);
        Some(value)
    }

    /// Drops the value where it is and frees its slot.
    pub fn discard(&mut self, key: Token) {
        if let Some(entry) = self.entry(key).filter(|entry| entry.value.is_some()) {
            entry.value = None;
            self.free(key);
        }
    }

    fn entry(&mut self, key: Token) -> Option<&mut Entry<T>> {
        self.entries.get_mut(key.slot as usize).filter(|entry| entry.generation == key.generation)
    }

    fn free(&mut self, key: Token) {
        if let Some(entry) = self.entry(key) {
            entry.generation = entry.generation.wrapping_add(1);
        }
        self.free.push(key.slot);
        self.live -= 1;
        if self.live == 0 {
            self.shrink();
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
        self.entries.iter_mut().zip(0..).filter_map(|(entry, slot)| {
            Some((Token { slot, generation: entry.generation }, entry.value.as_mut()?))
        })
    }

    /// Low slots are used first again after a burst, so that the entries in use stay together.
    fn shrink(&mut self) {
        self.free.sort_unstable_by(|a, b| b.cmp(a));
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
}
