//! Placeholder.

/// Placeholder.
#[derive(Debug, Default)]
pub struct HeaderMap(Vec<u8>);

impl HeaderMap {
    /// Placeholder.
    pub fn new() -> Self {
        Self::default()
    }
    /// Placeholder.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// Placeholder.
    pub fn encoded_len(&self) -> usize {
        self.0.len() + 2
    }
    /// Placeholder.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
        out.extend_from_slice(b"\r\n");
    }
}
