//! Unique names: NUIDs, inboxes and the tokens of requests.
//!
//! All of them are text of `0-9A-Za-z`, tokens of `-_` besides, so they are safe as a token of a subject.

mod token;

use std::cell::RefCell;
use std::hash::{BuildHasher, RandomState};

pub use token::Token;

use crate::subject::{self, SubjectError};

const ALPHABET: [u8; 62] = *b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const PREFIX_LEN: usize = 12;
const SEQUENCE_LEN: usize = 10;
/// 62 to the tenth: what the sequential part can count to.
const SEQUENCE_END: u64 = 62u64.pow(SEQUENCE_LEN as u32);

/// Bytes of a NUID, and of a random token.
pub const NUID_LEN: usize = PREFIX_LEN + SEQUENCE_LEN;

/// The operating system gave no randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gives no randomness ({0}); check that the process may call getrandom")]
pub struct NuidError(getrandom::Error);

/// A generator of NUIDs: unique names that cost a few nanoseconds each.
///
/// A NUID is 22 base62 characters: 12 random ones, which tell generators apart, and 10 that count up from a
/// random start by a random step. NUIDs are unique, not secret: from some of them the next can be guessed. Where
/// that matters use [`random_token`].
///
/// # Examples
///
/// ```
/// let mut nuid = nuncio_proto::inbox::Nuid::new()?;
/// assert_ne!(nuid.next(), nuid.next());
/// # Ok::<(), nuncio_proto::inbox::NuidError>(())
/// ```
#[derive(Debug)]
pub struct Nuid {
    prefix: [u8; PREFIX_LEN],
    sequence: u64,
    step: u64,
}

impl Nuid {
    /// A generator with a prefix, a start and a step from the operating system.
    ///
    /// # Errors
    ///
    /// If the operating system gives no randomness.
    pub fn new() -> Result<Self, NuidError> {
        let mut raw = [0; 32];
        getrandom::fill(&mut raw).map_err(NuidError)?;
        Ok(Self::from_random(raw))
    }

    /// A generator whose output depends on the seed alone, for tests.
    pub fn with_seed(seed: u64) -> Self {
        let mut raw = [0; 32];
        fastrand::Rng::with_seed(seed).fill(&mut raw);
        Self::from_random(raw)
    }

    fn from_random(raw: [u8; 32]) -> Self {
        let mut numbers = raw.as_chunks::<16>().0.iter().map(|half| u128::from_le_bytes(*half));
        let (mut high, low) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        // 128 bits are so many more than the 71 in use that the remainders are even.
        let prefix = [(); PREFIX_LEN].map(|()| {
            let place = digit((high % 62) as u64);
            high /= 62;
            place
        });
        let (start, step) = ((low >> 64) as u64, low as u64);
        Self { prefix, sequence: start % SEQUENCE_END, step: 33 + step % 300 }
    }

    /// The next NUID.
    ///
    /// A sequence that reaches its end carries into the prefix, so a generator does not repeat itself.
    // Not an `Iterator`: that would wrap each name into an `Option` that is never `None`.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> [u8; NUID_LEN] {
        self.sequence += self.step;
        if self.sequence >= SEQUENCE_END {
            self.sequence -= SEQUENCE_END;
            self.carry();
        }
        let mut id = [b'0'; NUID_LEN];
        let (prefix, sequence) = id.split_at_mut(PREFIX_LEN);
        prefix.copy_from_slice(&self.prefix);
        let mut rest = self.sequence;
        for place in sequence.iter_mut().rev() {
            *place = digit(rest % 62);
            rest /= 62;
        }
        id
    }

    fn carry(&mut self) {
        for place in self.prefix.iter_mut().rev() {
            let next = value_of(*place).map_or(0, |value| (value + 1) % 62);
            *place = digit(next);
            if next != 0 {
                return;
            }
        }
    }
}

thread_local! {
    static NUID: RefCell<Nuid> = RefCell::new(fresh());
}

/// A generator that is always there: see [`random_token`] for where its randomness comes from.
fn fresh() -> Nuid {
    let mut raw = [0; 32];
    random_bytes(&mut raw);
    Nuid::from_random(raw)
}

/// A new NUID, from a generator of the calling thread.
pub fn nuid() -> String {
    // The generator of a thread that is ending may be gone already.
    text(NUID.try_with(|nuid| nuid.borrow_mut().next()).unwrap_or_else(|_| fresh().next()))
}

/// 22 random base62 characters: 130 bits that nobody can guess.
///
/// The bits come from the operating system, at the price of a call into it. Where it refuses the direct call they are drawn from the keys that
/// the standard library got from it for its hash maps.
pub fn random_token() -> [u8; NUID_LEN] {
    base62(random_bytes)
}

/// A subject to receive replies on: the prefix, a dot and [`random_token`].
///
/// # Examples
///
/// ```
/// assert!(nuncio_proto::inbox::new_inbox("_INBOX").starts_with("_INBOX."));
/// ```
pub fn new_inbox(prefix: &str) -> String {
    let mut inbox = String::with_capacity(prefix.len() + 1 + NUID_LEN);
    inbox.push_str(prefix);
    inbox.push('.');
    inbox.extend(random_token().map(char::from));
    inbox
}

/// Checks a prefix for inboxes, such as `_INBOX`.
///
/// # Errors
///
/// If it is not a valid subject, or holds a wildcard: the inboxes of others would match it.
pub fn validate_prefix(prefix: &[u8]) -> Result<(), SubjectError> {
    subject::validate_inbox_prefix(prefix)
}

/// The base62 character of a value below 62.
fn digit(value: u64) -> u8 {
    ALPHABET.get(value as usize).copied().unwrap_or(b'0')
}

fn value_of(digit: u8) -> Option<u64> {
    let value = match digit {
        b'0'..=b'9' => digit - b'0',
        b'A'..=b'Z' => digit - b'A' + 10,
        b'a'..=b'z' => digit - b'a' + 36,
        _ => return None,
    };
    Some(value.into())
}

fn text(id: [u8; NUID_LEN]) -> String {
    id.into_iter().map(char::from).collect()
}

/// Even base62 characters from random bytes: six bits each, drawn again where they are no digit.
fn base62(mut random: impl FnMut(&mut [u8])) -> [u8; NUID_LEN] {
    let mut out = [b'0'; NUID_LEN];
    let mut places = out.iter_mut();
    // More than is wanted, so that one draw nearly always does.
    let mut raw = [0; 32];
    loop {
        random(&mut raw);
        for bits in raw.map(|b| u64::from(b & 63)) {
            if bits < 62 {
                let Some(place) = places.next() else { return out };
                *place = digit(bits);
            }
        }
    }
}

/// Fills memory with random bytes of the operating system, or else such as it gave the standard library.
pub fn random_bytes(raw: &mut [u8]) {
    if getrandom::fill(raw).is_err() {
        fill_from_hash_keys(raw);
    }
}

/// Random bytes from the keys of the standard library's hash maps, which it got from the operating system.
fn fill_from_hash_keys(raw: &mut [u8]) {
    let keys = RandomState::new();
    for (count, chunk) in raw.chunks_mut(8).enumerate() {
        for (place, b) in chunk.iter_mut().zip(keys.hash_one(count).to_le_bytes()) {
            *place = b;
        }
    }
}

#[cfg(test)]
mod tests;
