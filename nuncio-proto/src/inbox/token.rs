//! The text that tells replies to requests apart.

/// The last token of a request's reply subject: where in its table the request waits.
///
/// Its text is eight characters of `0-9A-Za-z-_`, or eleven where place or generation are very large.
///
/// # Examples
///
/// ```
/// use nuncio_proto::inbox::Token;
///
/// let token = Token { slot: 7, generation: 3 };
/// let mut reply = b"_INBOX.abc.".to_vec();
/// token.encode_into(&mut reply);
/// assert_eq!(Token::decode(reply.strip_prefix(b"_INBOX.abc.").unwrap_or_default()), Some(token));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Token {
    /// The place in the table.
    pub slot: u32,
    /// How often the place was given out before, so that a late reply is not taken for another's.
    pub generation: u32,
}

/// The text of nearly all tokens: 18 bits of the slot and 30 of the generation, six a character.
const SHORT_LEN: usize = 8;
const SHORT_SLOT_BITS: u32 = 18;
const SHORT_GENERATION_BITS: u32 = 30;

impl Token {
    /// The most bytes that a token's text takes.
    pub const MAX_LEN: usize = 11;

    /// Appends the token's text.
    pub fn encode_into(self, out: &mut Vec<u8>) {
        match self.short() {
            Some(value) => out.extend_from_slice(&symbols::<SHORT_LEN>(value)),
            None => out.extend_from_slice(&symbols::<{ Self::MAX_LEN }>(self.value())),
        }
    }

    /// Writes the token's text to the beginning of `out` and returns its length; `None` where it does not fit.
    #[inline]
    pub fn write_to(self, out: &mut [u8]) -> Option<usize> {
        if let Some(value) = self.short() {
            *out.first_chunk_mut()? = symbols::<SHORT_LEN>(value);
            return Some(SHORT_LEN);
        }
        *out.first_chunk_mut()? = symbols::<{ Self::MAX_LEN }>(self.value());
        Some(Self::MAX_LEN)
    }

    #[inline]
    fn short(self) -> Option<u64> {
        let fits = self.slot >> SHORT_SLOT_BITS == 0 && self.generation >> SHORT_GENERATION_BITS == 0;
        fits.then_some(u64::from(self.generation) << SHORT_SLOT_BITS | u64::from(self.slot))
    }

    fn value(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.slot)
    }

    /// Reads a token's text: the exact inverse of [`encode_into`](Self::encode_into), `None` for all else.
    #[inline]
    pub fn decode(text: &[u8]) -> Option<Self> {
        if let Ok(text) = <&[u8; SHORT_LEN]>::try_from(text) {
            let value = value_of_symbols(text)?;
            let slot = value as u32 & ((1 << SHORT_SLOT_BITS) - 1);
            return Some(Self { slot, generation: (value >> SHORT_SLOT_BITS) as u32 });
        }
        Self::decode_long(text)
    }

    #[cold]
    fn decode_long(text: &[u8]) -> Option<Self> {
        let text = <&[u8; Self::MAX_LEN]>::try_from(text).ok()?;
        let value = value_of_symbols(text)?;
        let token = Self { slot: value as u32, generation: (value >> 32) as u32 };
        // Two more bits than a token has, and tokens that have a short text, would give one token two texts.
        (token.short().is_none() && symbols(value) == *text).then_some(token)
    }
}

const SYMBOLS: [u8; 64] = *b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";

/// What is no symbol has a value with this bit.
const NO_SYMBOL: u8 = 0x80;

const VALUES: [u8; 256] = {
    let mut values = [NO_SYMBOL; 256];
    let mut value = 0;
    while value < SYMBOLS.len() {
        // Evaluated by the compiler.
        #[allow(clippy::indexing_slicing)]
        {
            values[SYMBOLS[value] as usize] = value as u8;
        }
        value += 1;
    }
    values
};

/// A value as symbols of six bits, the lowest bits first.
#[inline]
fn symbols<const N: usize>(value: u64) -> [u8; N] {
    let mut rest = value;
    [(); N].map(|()| {
        let symbol = SYMBOLS.get(rest as usize & 63).copied().unwrap_or_default();
        rest >>= 6;
        symbol
    })
}

/// The inverse of [`symbols`]; bits beyond 64 are lost.
#[inline]
fn value_of_symbols<const N: usize>(text: &[u8; N]) -> Option<u64> {
    let (mut value, mut all) = (0_u64, 0);
    for symbol in text.iter().rev() {
        let six = VALUES.get(usize::from(*symbol)).copied().unwrap_or(NO_SYMBOL);
        all |= six;
        value = value << 6 | u64::from(six);
    }
    (all & NO_SYMBOL == 0).then_some(value)
}
