//! The operations of the wire, as the decoders report them.

/// Where the parts of one delivered message lie in its frame.
///
/// A frame is everything from the `M` (or `H`) of the control line to the CRLF behind the payload. All offsets
/// are relative to the first byte of the frame, so a layout stays true wherever the frame's bytes are moved to.
/// The decoders only make layouts whose parts lie inside the frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// The subscription that the message is for.
    pub sid: u64,
    /// First byte of the subject.
    pub subject_at: u32,
    /// Bytes of the subject.
    pub subject_len: u32,
    /// First byte of the reply subject; meaningless when `reply_len` is 0.
    pub reply_at: u32,
    /// Bytes of the reply subject; 0 means that there is none.
    pub reply_len: u32,
    /// First byte of the header block, or of the payload where there is no header block.
    pub body_at: u32,
    /// Bytes of the header block; 0 means that there is none.
    pub header_len: u32,
    /// Bytes of the payload (the header block not counted).
    pub payload_len: u32,
}

/// One operation that a server sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerOp<'a> {
    /// `MSG` or `HMSG`.
    Msg(Layout),
    /// `INFO`, with its JSON text.
    Info(&'a [u8]),
    /// `PING`
    Ping,
    /// `PONG`
    Pong,
    /// `+OK`
    Ok,
    /// `-ERR`, with its text: trimmed, quotes stripped, possibly empty.
    Err(&'a [u8]),
}

/// One operation that a client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientOp<'a> {
    /// `CONNECT`, with its JSON text.
    Connect(&'a [u8]),
    /// `PUB` (no header block) or `HPUB` (with one).
    Publish {
        /// The subject.
        subject: &'a [u8],
        /// The reply subject, if any.
        reply: Option<&'a [u8]>,
        /// The whole header block of an `HPUB`, from `NATS/1.0` to the empty line.
        header: Option<&'a [u8]>,
        /// The payload without the header block.
        payload: &'a [u8],
    },
    /// `SUB`
    Subscribe {
        /// The subject, wildcards allowed.
        subject: &'a [u8],
        /// The queue group, if any.
        queue: Option<&'a [u8]>,
        /// The subscription id, opaque to the server.
        sid: &'a [u8],
    },
    /// `UNSUB`
    Unsubscribe {
        /// The subscription id.
        sid: &'a [u8],
        /// Remove after that many messages in all; `None` means at once.
        max: Option<u64>,
    },
    /// `PING`
    Ping,
    /// `PONG`
    Pong,
}
