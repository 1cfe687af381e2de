//! Stdout: for people, or one JSON object a line.

use std::io::{self, BufWriter, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nuncio::{HeaderError, HeaderView, Message};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::printable::printable;
use crate::table::{Row, write_table};

/// Something to print: as JSON by its [`Serialize`], and for people.
pub(crate) trait Show: Serialize {
    /// Writes it for people, with the end of the line.
    fn show(&self, out: &mut dyn Write) -> io::Result<()>;
}

/// Where results go. Nothing is written before [`Output::flush`], or before there is much to write.
pub(crate) struct Output {
    json: bool,
    out: BufWriter<Box<dyn Write>>,
}

impl Output {
    pub(crate) fn stdout(json: bool) -> Self {
        Self::new(json, Box::new(io::stdout().lock()))
    }

    fn new(json: bool, out: Box<dyn Write>) -> Self {
        Self { json, out: BufWriter::new(out) }
    }

    pub(crate) fn show(&mut self, value: &impl Show) -> io::Result<()> {
        if self.json {
            serde_json::to_writer(&mut self.out, value)?;
            self.out.write_all(b"\n")
        } else {
            value.show(&mut self.out)
        }
    }

    /// As a table for people, as one object a line for programs. Nothing of nothing.
    pub(crate) fn table<R: Row>(&mut self, rows: &[R]) -> io::Result<()> {
        if !self.json {
            return write_table(&mut self.out, rows);
        }
        for row in rows {
            serde_json::to_writer(&mut self.out, row)?;
            self.out.write_all(b"\n")?;
        }
        Ok(())
    }

    /// Writes these bytes as they are, and an end of line.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.out.write_all(b"\n")
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Bytes as text where they are UTF-8, else as base64.
pub(crate) struct Content<'a>(pub(crate) &'a [u8]);

impl<'a> Content<'a> {
    pub(crate) fn text(&self) -> Option<&'a str> {
        std::str::from_utf8(self.0).ok()
    }

    /// Adds `name` with the text, or `name_base64`.
    pub(crate) fn entry<M: SerializeMap>(&self, map: &mut M, name: &str) -> Result<(), M::Error> {
        match self.text() {
            Some(text) => map.serialize_entry(name, text),
            None => map.serialize_entry(&format!("{name}_base64"), &STANDARD.encode(self.0)),
        }
    }

    /// Writes it for people: control characters of a stranger must not reach the terminal.
    pub(crate) fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        match self.text() {
            Some(text) => out.write_all(printable(text).as_bytes()),
            None => write!(out, "({} bytes that are not text)", self.0.len()),
        }
    }
}

/// Writes what there is of these, a line each: name and value.
pub(crate) fn show_fields(
    out: &mut dyn Write,
    fields: impl IntoIterator<Item = (&'static str, Option<String>)>,
) -> io::Result<()> {
    for (name, value) in fields {
        if let Some(value) = value {
            writeln!(out, "  {name}: {}", printable(&value))?;
        }
    }
    Ok(())
}

/// A received message.
///
/// As JSON: `subject`, `reply` (null without one), `headers` (an object of arrays), `size` (of the payload) and
/// `payload` or `payload_base64`; `status` and `description` where there is a status line, `headers_error` where
/// the headers are malformed.
pub(crate) struct MessageLine<'a> {
    pub(crate) message: &'a Message,
    /// The number to show, where messages are numbered.
    pub(crate) number: Option<u64>,
    pub(crate) with_payload: bool,
}

impl MessageLine<'_> {
    /// The entries, for objects that have more of them.
    pub(crate) fn entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let message = self.message;
        map.serialize_entry("subject", &message.subject())?;
        map.serialize_entry("reply", &message.reply())?;
        header_entries(map, message.headers())?;
        if let Some(status) = message.status() {
            map.serialize_entry("status", &status.code())?;
            map.serialize_entry("description", &String::from_utf8_lossy(status.description))?;
        }
        map.serialize_entry("size", &message.payload().len())?;
        if self.with_payload {
            Content(message.payload()).entry(map, "payload")?;
        }
        Ok(())
    }

    fn show_headers(&self, out: &mut dyn Write) -> io::Result<()> {
        if let Some(status) = self.message.status() {
            let (code, text) =
                (String::from_utf8_lossy(status.code_text), String::from_utf8_lossy(status.description));
            writeln!(out, "status {} {}", printable(&code), printable(&text))?;
        }
        show_headers(out, self.message.headers())
    }
}

impl Serialize for MessageLine<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.entries(&mut map)?;
        map.end()
    }
}

impl Show for MessageLine<'_> {
    /// The subject where messages are numbered, the headers, and the payload after an empty line if there are any.
    fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        let message = self.message;
        if let Some(number) = self.number {
            write!(out, "#{number} {}", printable(&message.subject()))?;
            match message.reply() {
                Some(reply) => writeln!(out, ", reply to {}", printable(&reply))?,
                None => writeln!(out)?,
            }
        }
        self.show_headers(out)?;
        if self.with_payload {
            if message.has_headers() {
                writeln!(out)?;
            }
            Content(message.payload()).show(out)?;
            writeln!(out)?;
        }
        if self.number.is_some() { writeln!(out) } else { Ok(()) }
    }
}

/// Adds `headers`, an object of arrays with names in the order of their first value, and `headers_error` where they are
/// malformed.
pub(crate) fn header_entries<M: SerializeMap>(
    map: &mut M,
    headers: Result<HeaderView<'_>, HeaderError>,
) -> Result<(), M::Error> {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for (name, value) in headers.iter().flat_map(|headers| headers.iter()) {
        match groups.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value),
            None => groups.push((name, vec![value])),
        }
    }
    map.serialize_entry("headers", &Grouped(groups))?;
    match &headers {
        Err(error) => map.serialize_entry("headers_error", &error.to_string()),
        Ok(_) => Ok(()),
    }
}

struct Grouped<'a>(Vec<(&'a str, Vec<&'a str>)>);

impl Serialize for Grouped<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, values)| (name, values)))
    }
}

/// Writes headers for people, a line each.
pub(crate) fn show_headers(
    out: &mut dyn Write,
    headers: Result<HeaderView<'_>, HeaderError>,
) -> io::Result<()> {
    match headers {
        Ok(headers) => {
            for (name, value) in headers.iter() {
                writeln!(out, "{name}: {}", printable(value))?;
            }
            Ok(())
        }
        Err(error) => writeln!(out, "(malformed headers: {})", printable(&error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_text_are_counted_for_people() {
        let mut out = Vec::new();
        Content(b"\xff\x00").show(&mut out).unwrap();
        assert_eq!(out, b"(2 bytes that are not text)");
    }
}
