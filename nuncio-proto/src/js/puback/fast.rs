//! The short way for what servers answer nearly always.

/// The fields of an ordinary acknowledgement.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fast<'a> {
    pub(super) stream: &'a str,
    pub(super) sequence: u64,
    pub(super) domain: Option<&'a str>,
    pub(super) duplicate: bool,
}

/// Reads an object of these four fields alone, each at most once, with text that needs no unescaping. `None` for all else.
pub(super) fn parse(reply: &[u8]) -> Option<Fast<'_>> {
    let mut scan = Scan(reply);
    let (mut stream, mut sequence, mut domain, mut duplicate) = (None, None, None, None);
    scan.take(b'{')?;
    loop {
        let key = scan.text()?;
        scan.take(b':')?;
        let repeated = match key {
            b"stream" => stream.replace(scan.text()?).is_some(),
            b"seq" => sequence.replace(scan.number()?).is_some(),
            b"domain" => domain.replace(scan.text()?).is_some(),
            b"duplicate" => duplicate.replace(scan.boolean()?).is_some(),
            _ => return None,
        };
        if repeated {
            return None;
        }
        match scan.next()? {
            b',' => {}
            b'}' => break,
            _ => return None,
        }
    }
    scan.end()?;
    Some(Fast {
        stream: std::str::from_utf8(stream.filter(|name| !name.is_empty())?).ok()?,
        sequence: sequence?,
        domain: match domain.filter(|name| !name.is_empty()) {
            Some(name) => Some(std::str::from_utf8(name).ok()?),
            None => None,
        },
        duplicate: duplicate.unwrap_or(false),
    })
}

/// The sequence in an acknowledgement of the stream `known` that tells nothing else, in the form in which servers write
/// it. `None` for all else.
#[inline]
pub(super) fn sequence_in(reply: &[u8], known: &str) -> Option<u64> {
    let rest = reply.strip_prefix(br#"{"stream":""#)?.strip_prefix(known.as_bytes())?;
    let rest = rest.strip_prefix(br#"","#)?;
    let rest = rest.strip_prefix(b" ").unwrap_or(rest);
    let digits = rest.strip_prefix(br#""seq":"#)?.strip_suffix(b"}")?;
    // More may be too large a number.
    if digits.len() > 19 || matches!(digits, [] | [b'0', _, ..]) {
        return None;
    }
    let mut sequence = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        sequence = sequence * 10 + u64::from(digit);
    }
    Some(sequence)
}

struct Scan<'a>(&'a [u8]);

impl<'a> Scan<'a> {
    fn skip_space(&mut self) {
        while let [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] = self.0 {
            self.0 = rest;
        }
    }

    fn next(&mut self) -> Option<u8> {
        self.skip_space();
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn take(&mut self, wanted: u8) -> Option<()> {
        (self.next()? == wanted).then_some(())
    }

    fn end(&mut self) -> Option<()> {
        self.skip_space();
        self.0.is_empty().then_some(())
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        self.take(b'"')?;
        let len = self.0.iter().position(|b| matches!(b, b'"' | b'\\' | ..b' '))?;
        let (text, rest) = self.0.split_at_checked(len)?;
        // Not a backslash or a control character, white space included, which need a closer look.
        self.0 = rest.strip_prefix(b"\"")?;
        Some(text)
    }

    fn number(&mut self) -> Option<u64> {
        self.skip_space();
        let len = self.0.iter().take_while(|b| b.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        // JSON has no leading zeros, and a fraction is no sequence.
        let (first, more) = digits.split_first()?;
        if *first == b'0' && !more.is_empty() {
            return None;
        }
        digits.iter().try_fold(0u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
    }

    fn boolean(&mut self) -> Option<bool> {
        self.skip_space();
        let (value, rest) = match self.0 {
            [b't', b'r', b'u', b'e', rest @ ..] => (true, rest),
            [b'f', b'a', b'l', b's', b'e', rest @ ..] => (false, rest),
            _ => return None,
        };
        self.0 = rest;
        Some(value)
    }
}
