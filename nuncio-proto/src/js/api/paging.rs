//! Lists that come in pages.

use serde::{Deserialize, Serialize};

/// Asks for a page of a list: of names 1024, of descriptions 256.
///
/// ```
/// use nuncio_proto::js::api::paging::PageRequest;
///
/// assert_eq!(serde_json::to_string(&PageRequest::new())?, "{}");
/// let next = PageRequest::new().offset(256).subject("orders.>");
/// assert_eq!(serde_json::to_string(&next)?, r#"{"offset":256,"subject":"orders.>"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct PageRequest {
    /// How many to leave out.
    #[serde(skip_serializing_if = "super::wire::unset")]
    pub offset: u64,
    /// Only streams that take some of these subjects, with wildcards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

impl PageRequest {
    /// The first page of everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many to leave out.
    #[must_use]
    pub fn offset(mut self, offset: u64) -> Self {
        self.offset = offset;
        self
    }

    /// Only streams that take some of these subjects, with wildcards.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }
}

/// Where a page lies in its list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Page {
    /// How many there are in all.
    pub total: u64,
    /// How many were left out.
    pub offset: u64,
    /// How many fit on a page.
    pub limit: u64,
}

impl Page {
    /// The offset of the next page, after one with `len` entries; `None` when this was the last.
    ///
    /// An empty page is the last whatever the total says, since the list may have shrunk meanwhile.
    pub fn next(&self, len: usize) -> Option<u64> {
        let next = self.offset.saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
        (len > 0 && next < self.total).then_some(next)
    }
}
