//! The headers of a received message, read where they lie.

use std::collections::HashSet;
use std::fmt;
use std::iter::FusedIterator;

use super::error::HeaderError;
use super::scan::is_well_formed;
use super::status::{Status, after_version, status};
use super::{BLANKS, HeaderMap, is_valid_name};
use crate::words;

/// A checked header block: every getter reads it in place.
///
/// How names are compared is said in the [module's documentation](super#which-name-is-which).
///
/// # Examples
///
/// ```
/// use nuncio_proto::header::HeaderView;
///
/// let headers = HeaderView::parse(b"NATS/1.0\r\nTrace: 1\r\nTag: a\r\nTag: b\r\n\r\n")?;
/// assert_eq!(headers.get("trace"), Some("1"));
/// assert_eq!(headers.get_all("Tag").collect::<Vec<_>>(), ["a", "b"]);
/// # Ok::<(), nuncio_proto::header::HeaderError>(())
/// ```
#[derive(Clone, Copy)]
pub struct HeaderView<'a> {
    /// The version line with its CRLF.
    first: &'a str,
    /// The lines of the entries, each with its CRLF; the empty line at the end is left out.
    lines: &'a str,
}

impl<'a> HeaderView<'a> {
    /// Checks a whole header block.
    ///
    /// # Errors
    ///
    /// If the first line does not start with `NATS/1.0`, if a line is no entry (name, colon, value, CRLF), if a
    /// name is empty or holds more than printable ASCII, if a value holds a CR, if a part is not UTF-8, or if the
    /// block does not end with its only empty line. Folded values are refused.
    #[inline]
    pub fn parse(block: &'a [u8]) -> Result<Self, HeaderError> {
        if is_well_formed(block)
            && let Ok(text) = str::from_utf8(block)
            && let Some((first, behind)) = split_line(text)
        {
            return Ok(Self { first, lines: behind.strip_suffix("\r\n").unwrap_or(behind) });
        }
        Self::check(block)
    }

    /// Checks a block line by line and tells what is wrong.
    #[cold]
    pub(crate) fn check(block: &'a [u8]) -> Result<Self, HeaderError> {
        let text = str::from_utf8(block).map_err(|error| HeaderError::utf8(block, error.valid_up_to()))?;
        let (first, behind) = split_line(text).ok_or_else(|| match after_version(block) {
            Some(_) => HeaderError::MissingEnd,
            None => HeaderError::version(block),
        })?;
        let content = without_crlf(first)?;
        if after_version(content.as_bytes()).is_none() {
            return Err(HeaderError::version(content.as_bytes()));
        }
        let mut rest = behind;
        while let Some((line, next)) = split_line(rest) {
            let content = without_crlf(line)?;
            if content.is_empty() {
                if !next.is_empty() {
                    return Err(HeaderError::trailing(next.as_bytes()));
                }
                let lines = behind.strip_suffix("\r\n").unwrap_or(behind);
                return Ok(Self { first, lines });
            }
            check_entry(content)?;
            rest = next;
        }
        Err(HeaderError::MissingEnd)
    }

    /// A view of a map's text, which has no empty line at the end, and no line at all if it is new.
    pub(super) fn of_map(wire: &'a str) -> Self {
        let (first, lines) = split_line(wire).unwrap_or_default();
        Self { first, lines }
    }

    /// The first value of the name: in the exact spelling, or else ignoring ASCII case.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        let mut similar = None;
        for (candidate, value) in self.iter() {
            if candidate == name {
                return Some(value);
            }
            if similar.is_none() && candidate.eq_ignore_ascii_case(name) {
                similar = Some(value);
            }
        }
        similar
    }

    /// The first value of the name in its exact spelling.
    pub fn get_exact(&self, name: &str) -> Option<&'a str> {
        self.iter().find_map(|(candidate, value)| (candidate == name).then_some(value))
    }

    /// The first value whose name is the MIME spelling of the one asked for: `nats-msg-id` finds `Nats-Msg-Id`.
    pub fn get_canonical(&self, name: &str) -> Option<&'a str> {
        self.iter().find_map(|(candidate, value)| is_canonical(candidate, name).then_some(value))
    }

    /// All values of the name, in order: of its exact spelling, or if there are none, ignoring ASCII case.
    pub fn get_all<'n>(&self, name: &'n str) -> Values<'a, 'n> {
        Values { entries: self.iter(), name, exact: self.get_exact(name).is_some() }
    }

    /// The last of [`get_all`](Self::get_all).
    pub fn get_last(&self, name: &str) -> Option<&'a str> {
        self.get_all(name).last()
    }

    /// Whether [`get`](Self::get) would find something.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The distinct names, in the order of their first entries. Spellings in another case are names of their own.
    ///
    /// Allocates only if there are more than 64 entries.
    pub fn keys(&self) -> Keys<'a> {
        Keys { all: self.iter(), rest: self.iter(), taken: 0, seen: HashSet::new() }
    }

    /// All names and values, in order.
    pub fn iter(&self) -> Entries<'a> {
        Entries { rest: self.lines }
    }

    /// The number of entries, found by counting.
    pub fn len(&self) -> usize {
        memchr::memchr_iter(b'\n', self.lines.as_bytes()).count()
    }

    /// Whether there is neither an entry nor a status.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.status().is_none()
    }

    /// The status of the first line, if it has one.
    pub fn status(&self) -> Option<Status<'a>> {
        status(self.first.as_bytes())
    }

    /// A map of the same text.
    pub fn to_map(&self) -> HeaderMap {
        HeaderMap::from_parts(self.first, self.lines)
    }
}

impl<'a> TryFrom<&'a [u8]> for HeaderView<'a> {
    type Error = HeaderError;

    fn try_from(block: &'a [u8]) -> Result<Self, HeaderError> {
        Self::parse(block)
    }
}

impl<'a> IntoIterator for HeaderView<'a> {
    type Item = (&'a str, &'a str);
    type IntoIter = Entries<'a>;

    fn into_iter(self) -> Entries<'a> {
        self.iter()
    }
}

/// Equal if the status and the entries are, in the same order. Spaces around values do not count.
impl PartialEq for HeaderView<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.status() == other.status() && (self.lines == other.lines || self.iter().eq(other.iter()))
    }
}

impl Eq for HeaderView<'_> {}

impl fmt::Debug for HeaderView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug(f, "HeaderView", *self)
    }
}

/// Prints the status, if there is one, and the entries.
pub(super) fn debug(f: &mut fmt::Formatter<'_>, name: &str, headers: HeaderView<'_>) -> fmt::Result {
    let mut out = f.debug_struct(name);
    if let Some(status) = headers.status() {
        out.field("status", &status);
    }
    out.field("entries", &headers.iter()).finish()
}

/// All entries of a header block, as names and values.
#[derive(Clone)]
pub struct Entries<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Entries<'a> {
    type Item = (&'a str, &'a str);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (line, rest) = split_line(self.rest)?;
        self.rest = rest;
        // Only checked lines get here: this finds a colon and a CRLF.
        let (name, value) = split_name(line)?;
        let value = value.strip_suffix("\r\n").unwrap_or(value);
        // Nearly every value is one space and then text.
        let value = value.strip_prefix(' ').unwrap_or(value);
        let padded = value.starts_with(BLANKS) || value.ends_with(BLANKS);
        Some((name, if padded { value.trim_matches(BLANKS) } else { value }))
    }
}

impl FusedIterator for Entries<'_> {}

impl fmt::Debug for Entries<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.clone()).finish()
    }
}

/// The values of one name.
#[derive(Clone, Debug)]
pub struct Values<'a, 'n> {
    entries: Entries<'a>,
    name: &'n str,
    exact: bool,
}

impl<'a> Iterator for Values<'a, '_> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let Self { entries, name, exact } = self;
        let found = |candidate: &str| candidate == *name || (!*exact && candidate.eq_ignore_ascii_case(name));
        entries.find_map(|(candidate, value)| found(candidate).then_some(value))
    }
}

impl FusedIterator for Values<'_, '_> {}

/// The distinct names of a header block.
#[derive(Clone, Debug)]
pub struct Keys<'a> {
    all: Entries<'a>,
    rest: Entries<'a>,
    taken: usize,
    /// The names before `rest`, once they are too many to look through again for each: a peer may send a
    /// hundred thousand.
    seen: HashSet<&'a str>,
}

impl<'a> Keys<'a> {
    /// Whether the name, which is the next entry's, has not come before.
    fn is_new(&mut self, name: &'a str) -> bool {
        const FEW: usize = 64;
        if self.taken < FEW {
            return self.all.clone().take(self.taken).all(|(before, _)| before != name);
        }
        if self.taken == FEW {
            self.seen = self.all.clone().take(FEW).map(|(before, _)| before).collect();
        }
        self.seen.insert(name)
    }
}

impl<'a> Iterator for Keys<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        loop {
            let (name, _) = self.rest.next()?;
            let new = self.is_new(name);
            self.taken += 1;
            if new {
                return Some(name);
            }
        }
    }
}

impl FusedIterator for Keys<'_> {}

/// The first line, with its LF, and what follows; `None` if there is no LF.
#[inline]
pub(super) fn split_line(text: &str) -> Option<(&str, &str)> {
    let end = words::find(text.as_bytes(), b'\n')?;
    text.split_at_checked(end + 1)
}

/// Splits a line at its first colon.
#[inline]
pub(super) fn split_name(line: &str) -> Option<(&str, &str)> {
    let colon = words::find(line.as_bytes(), b':')?;
    let (name, value) = line.split_at_checked(colon)?;
    Some((name, value.strip_prefix(':')?))
}

fn without_crlf(line: &str) -> Result<&str, HeaderError> {
    line.strip_suffix("\r\n").ok_or_else(|| HeaderError::line_end(line.trim_end_matches('\n').as_bytes()))
}

fn check_entry(line: &str) -> Result<(), HeaderError> {
    if line.starts_with(BLANKS) {
        return Err(HeaderError::continuation(line.as_bytes()));
    }
    let (name, value) = split_name(line).ok_or_else(|| HeaderError::colon(line.as_bytes()))?;
    if !is_valid_name(name.as_bytes()) {
        return Err(HeaderError::name(name.as_bytes()));
    }
    if memchr::memchr(b'\r', value.as_bytes()).is_some() {
        return Err(HeaderError::value(name.as_bytes()));
    }
    Ok(())
}

/// Whether `stored` is `asked` in MIME spelling: a capital at the start and behind each hyphen, small elsewhere.
fn is_canonical(stored: &str, asked: &str) -> bool {
    let mut at_start = true;
    stored.len() == asked.len()
        && stored.bytes().zip(asked.bytes()).all(|(stored, asked)| {
            let wanted = if at_start { asked.to_ascii_uppercase() } else { asked.to_ascii_lowercase() };
            at_start = asked == b'-';
            stored == wanted
        })
}

#[cfg(test)]
mod tests;
