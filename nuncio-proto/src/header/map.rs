//! Headers to send.

use std::borrow::Cow;
use std::fmt;

use super::error::{HeaderError, validate};
use super::status::Status;
use super::view::{Entries, HeaderView, Keys, Values, debug, split_line, split_name};
use super::{FIRST_LINE, VERSION};

const CRLF: [u8; 2] = *b"\r\n";
/// Room for the version line and a few short entries, so that the usual map allocates once.
const FIRST_RESERVE: usize = 128;

/// The headers of a message to send.
///
/// Kept as the text that goes on the wire: one allocation for the whole map, which a clone or an
/// [`encode_into`](Self::encode_into) copies as a piece. A look-up reads the entries one after the other; that is
/// what suits the few that a message has.
///
/// How names are compared is said in the [module's documentation](super#which-name-is-which).
///
/// # Examples
///
/// ```
/// use nuncio_proto::header::HeaderMap;
///
/// let mut headers = HeaderMap::new();
/// headers.append("id", "7")?.append("tag", "a")?.append("tag", "b")?;
/// headers.insert("id", "8")?;
/// assert_eq!(headers.get("ID"), Some("8"));
/// assert_eq!(headers.get_all("tag").collect::<Vec<_>>(), ["a", "b"]);
/// # Ok::<(), nuncio_proto::header::HeaderError>(())
/// ```
#[derive(Clone, Default)]
pub struct HeaderMap {
    /// The block without the empty line at its end; may be empty in place of a bare version line. It is UTF-8.
    wire: Vec<u8>,
}

impl HeaderMap {
    /// An empty map; allocates with the first entry.
    pub const fn new() -> Self {
        Self { wire: Vec::new() }
    }

    /// An empty map with room for that many bytes on the wire.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { wire: Vec::with_capacity(bytes) }
    }

    /// A map with a status, such as `503` and `No Responders`, and no entries.
    ///
    /// # Errors
    ///
    /// If the description holds a CR or LF.
    pub fn with_status(code: u16, description: &str) -> Result<Self, HeaderError> {
        if description.contains(['\r', '\n']) {
            return Err(HeaderError::description(description));
        }
        let mut wire = Vec::with_capacity(FIRST_RESERVE + description.len());
        wire.extend_from_slice(VERSION.as_bytes());
        wire.push(b' ');
        wire.extend_from_slice(itoa::Buffer::new().format(code).as_bytes());
        if !description.is_empty() {
            wire.push(b' ');
            wire.extend_from_slice(description.as_bytes());
        }
        wire.extend_from_slice(&CRLF);
        Ok(Self { wire })
    }

    /// The entries of an iterator, in its order.
    ///
    /// # Errors
    ///
    /// As [`append`](Self::append), for the first entry at fault.
    pub fn try_from_iter<K, V>(entries: impl IntoIterator<Item = (K, V)>) -> Result<Self, HeaderError>
    where
        K: AsRef<str>,
        V: AsRef<str>,
    {
        let mut map = Self::new();
        map.try_extend(entries)?;
        Ok(map)
    }

    /// A map of the lines of a checked block.
    pub(super) fn from_parts(first: &str, lines: &str) -> Self {
        Self { wire: [first.as_bytes(), lines.as_bytes()].concat() }
    }

    /// Adds an entry behind all others, also if the name has a value already.
    ///
    /// # Errors
    ///
    /// If the name is empty or holds more than printable ASCII without `:`, or if the value holds a CR or LF.
    /// The map is then unchanged.
    pub fn append(
        &mut self,
        name: impl AsRef<str>,
        value: impl AsRef<str>,
    ) -> Result<&mut Self, HeaderError> {
        let (name, value) = (name.as_ref(), value.as_ref());
        validate(name, value)?;
        self.push(name, value);
        Ok(self)
    }

    /// Gives the name this one value.
    ///
    /// The entries of the same spelling go; the new one takes the place of the first of them, or the last place
    /// if there are none.
    ///
    /// # Errors
    ///
    /// As [`append`](Self::append).
    pub fn insert(
        &mut self,
        name: impl AsRef<str>,
        value: impl AsRef<str>,
    ) -> Result<&mut Self, HeaderError> {
        let (name, value) = (name.as_ref(), value.as_ref());
        validate(name, value)?;
        if !self.replace(name, Some(value)) {
            self.push(name, value);
        }
        Ok(self)
    }

    /// Appends the entries of an iterator: all, or none if one is at fault.
    ///
    /// # Errors
    ///
    /// As [`append`](Self::append), for the first entry at fault.
    pub fn try_extend<K, V>(&mut self, entries: impl IntoIterator<Item = (K, V)>) -> Result<(), HeaderError>
    where
        K: AsRef<str>,
        V: AsRef<str>,
    {
        let before = self.wire.len();
        for (name, value) in entries {
            if let Err(error) = self.append(name, value) {
                self.wire.truncate(before);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Removes all entries of the name in its exact spelling; whether there were any.
    pub fn remove(&mut self, name: &str) -> bool {
        self.replace(name, None)
    }

    /// Removes all entries and the status; keeps the memory.
    pub fn clear(&mut self) {
        self.wire.clear();
    }

    /// Bytes on the wire that it has room for.
    pub fn capacity(&self) -> usize {
        self.wire.capacity()
    }

    fn push(&mut self, name: &str, value: &str) {
        if self.wire.is_empty() {
            self.wire.reserve(FIRST_RESERVE.max(FIRST_LINE.len() + line_len(name, value)));
            self.wire.extend_from_slice(FIRST_LINE);
        } else {
            self.wire.reserve(line_len(name, value));
        }
        push_line(&mut self.wire, name, value);
    }

    /// Puts one entry, or none, in the place of all those of the name; false, and nothing done, if there are none.
    fn replace(&mut self, name: &str, mut value: Option<&str>) -> bool {
        if self.get_exact(name).is_none() {
            return false;
        }
        let mut wire = Vec::with_capacity(self.wire.len() + value.map_or(0, |value| line_len(name, value)));
        let mut rest = self.text();
        if let Some((first, lines)) = split_line(rest) {
            wire.extend_from_slice(first.as_bytes());
            rest = lines;
        }
        while let Some((line, next)) = split_line(rest) {
            rest = next;
            if split_name(line).is_none_or(|(candidate, _)| candidate != name) {
                wire.extend_from_slice(line.as_bytes());
            } else if let Some(value) = value.take() {
                push_line(&mut wire, name, value);
            }
        }
        self.wire = wire;
        true
    }

    /// A view of the map, with the same getters.
    pub fn view(&self) -> HeaderView<'_> {
        HeaderView::of_map(self.text())
    }

    fn text(&self) -> &str {
        // Only text is ever appended.
        str::from_utf8(&self.wire).unwrap_or_default()
    }

    /// The first value of the name: in the exact spelling, or else ignoring ASCII case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.view().get(name)
    }

    /// The first value of the name in its exact spelling.
    pub fn get_exact(&self, name: &str) -> Option<&str> {
        self.view().get_exact(name)
    }

    /// The first value whose name is the MIME spelling of the one asked for: `nats-msg-id` finds `Nats-Msg-Id`.
    pub fn get_canonical(&self, name: &str) -> Option<&str> {
        self.view().get_canonical(name)
    }

    /// All values of the name, in order: of its exact spelling, or if there are none, ignoring ASCII case.
    pub fn get_all<'a, 'n>(&'a self, name: &'n str) -> Values<'a, 'n> {
        self.view().get_all(name)
    }

    /// The last of [`get_all`](Self::get_all).
    pub fn get_last(&self, name: &str) -> Option<&str> {
        self.view().get_last(name)
    }

    /// Whether [`get`](Self::get) would find something.
    pub fn contains(&self, name: &str) -> bool {
        self.view().contains(name)
    }

    /// The distinct names, in the order of their first entries. Spellings in another case are names of their own.
    ///
    /// Allocates only if there are more than 64 entries.
    pub fn keys(&self) -> Keys<'_> {
        self.view().keys()
    }

    /// All names and values, in order.
    pub fn iter(&self) -> Entries<'_> {
        self.view().iter()
    }

    /// The number of entries, found by counting.
    pub fn len(&self) -> usize {
        self.view().len()
    }

    /// Whether there is nothing to send: neither an entry nor a status.
    #[inline]
    pub fn is_empty(&self) -> bool {
        // Where the first line ends behind the version, what follows are entries.
        self.wire.len() <= FIRST_LINE.len()
            || (self.wire.get(VERSION.len()) != Some(&b'\r') && self.view().is_empty())
    }

    /// The status, if the map was made with one.
    pub fn status(&self) -> Option<Status<'_>> {
        self.view().status()
    }

    /// Bytes of the header block on the wire, from `NATS/1.0` to the empty line.
    #[inline]
    pub fn encoded_len(&self) -> usize {
        self.block().len() + CRLF.len()
    }

    /// Appends the header block as it goes on the wire, from `NATS/1.0` to the empty line.
    #[inline]
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        out.reserve(self.encoded_len());
        out.extend_from_slice(self.block());
        out.extend_from_slice(&CRLF);
    }

    /// The block without the empty line at its end.
    #[inline]
    fn block(&self) -> &[u8] {
        if self.wire.is_empty() { FIRST_LINE } else { &self.wire }
    }
}

/// Bytes of an entry on the wire: name, colon, space, value, CRLF.
fn line_len(name: &str, value: &str) -> usize {
    name.len() + value.len() + 4
}

fn push_line(wire: &mut Vec<u8>, name: &str, value: &str) {
    wire.extend_from_slice(name.as_bytes());
    wire.extend_from_slice(b": ");
    wire.extend_from_slice(value.as_bytes());
    wire.extend_from_slice(&CRLF);
}

impl<K: AsRef<str>, V: AsRef<str>, const N: usize> TryFrom<[(K, V); N]> for HeaderMap {
    type Error = HeaderError;

    fn try_from(entries: [(K, V); N]) -> Result<Self, HeaderError> {
        Self::try_from_iter(entries)
    }
}

/// For what takes headers either way.
impl From<HeaderMap> for Cow<'_, HeaderMap> {
    #[inline]
    fn from(map: HeaderMap) -> Self {
        Self::Owned(map)
    }
}

/// For what takes headers either way.
impl<'a> From<&'a HeaderMap> for Cow<'a, HeaderMap> {
    #[inline]
    fn from(map: &'a HeaderMap) -> Self {
        Self::Borrowed(map)
    }
}

impl From<HeaderView<'_>> for HeaderMap {
    fn from(view: HeaderView<'_>) -> Self {
        view.to_map()
    }
}

impl<'a> IntoIterator for &'a HeaderMap {
    type Item = (&'a str, &'a str);
    type IntoIter = Entries<'a>;

    fn into_iter(self) -> Entries<'a> {
        self.iter()
    }
}

/// Equal if the status and the entries are, in the same order. Spaces around values do not count.
impl PartialEq for HeaderMap {
    fn eq(&self, other: &Self) -> bool {
        self.view() == other.view()
    }
}

impl Eq for HeaderMap {}

impl PartialEq<HeaderView<'_>> for HeaderMap {
    fn eq(&self, other: &HeaderView<'_>) -> bool {
        self.view() == *other
    }
}

impl PartialEq<HeaderMap> for HeaderView<'_> {
    fn eq(&self, other: &HeaderMap) -> bool {
        *self == other.view()
    }
}

impl fmt::Debug for HeaderMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug(f, "HeaderMap", self.view())
    }
}

#[cfg(test)]
mod tests;
