//! The arguments of a control line, for the tolerant path.

/// What separates arguments: space, tab and line end. A stray CR counts too, as it does in nats-server.
pub(super) const fn is_break(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// `text` without the breaks around it.
pub(super) fn trimmed(text: &[u8]) -> &[u8] {
    let begin = text.iter().position(|byte| !is_break(byte)).unwrap_or(text.len());
    let end = text.iter().rposition(|byte| !is_break(byte)).map_or(begin, |last| last + 1);
    text.get(begin..end).unwrap_or_default()
}

/// One argument.
#[derive(Clone, Copy)]
pub(super) struct Arg<'a> {
    /// Its first byte, counted from the beginning of the line.
    pub(super) at: usize,
    /// Its bytes, never empty.
    pub(super) text: &'a [u8],
}

/// Splits a line at runs of space.
pub(super) struct Args<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Args<'a> {
    /// The arguments of `line` from its byte `at` on.
    pub(super) fn new(line: &'a [u8], at: usize) -> Self {
        Self { rest: line.get(at..).unwrap_or_default(), at }
    }
}

impl<'a> Iterator for Args<'a> {
    type Item = Arg<'a>;

    fn next(&mut self) -> Option<Arg<'a>> {
        let skipped = self.rest.iter().position(|byte| !is_break(byte))?;
        let (_, from) = self.rest.split_at_checked(skipped)?;
        let len = from.iter().position(is_break).unwrap_or(from.len());
        let (text, rest) = from.split_at_checked(len)?;
        let at = self.at + skipped;
        self.at = at + len;
        self.rest = rest;
        Some(Arg { at, text })
    }
}

/// Why a text is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NumberError {
    NotDecimal,
    TooLarge,
}

/// Decimal digits and nothing else: no sign, no space.
pub(super) fn decimal(text: &[u8]) -> Result<u64, NumberError> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return Err(NumberError::NotDecimal);
    }
    text.iter()
        .try_fold(0_u64, |number, byte| number.checked_mul(10)?.checked_add(u64::from(byte - b'0')))
        .ok_or(NumberError::TooLarge)
}

/// A length: as [`decimal`], but a number too large for 64 bits is `u64::MAX`, which is over every limit.
pub(super) fn length(text: &[u8]) -> Option<u64> {
    match decimal(text) {
        Ok(number) => Some(number),
        Err(NumberError::TooLarge) => Some(u64::MAX),
        Err(NumberError::NotDecimal) => None,
    }
}
