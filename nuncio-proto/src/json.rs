//! Reading JSON objects that a peer wrote: tolerant in the types of values, strict in depth and shape.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{self, Deserialize, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Deepest nesting of arrays and objects that is read. What servers and clients write is at most 2 deep.
pub(crate) const MAX_DEPTH: usize = 32;

/// Most strings that are taken out of one list; the rest is skipped.
pub(crate) const MAX_LIST: usize = 256;

/// What is wrong with a text that should have been a JSON object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("is not a JSON object")]
    NotAnObject,
    #[error("is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    #[error("is not valid JSON at line {line}, column {column}")]
    Syntax { line: usize, column: usize },
}

/// One value of an object, as far as any known field needs it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Bool(bool),
    /// Any number without a fraction; floats are saturated.
    Integer(i128),
    Text(String),
    /// The strings of a list; other elements are left out.
    List(Vec<String>),
    /// `null`, an object, or a number with a fraction.
    Other,
}

impl Value {
    /// The truth value; anything that is not one counts as the default.
    pub(crate) fn bool_or(self, default: bool) -> bool {
        if let Value::Bool(value) = self { value } else { default }
    }

    /// The number, where it fits; 0 otherwise.
    pub(crate) fn number<T: TryFrom<i128> + Default>(self) -> T {
        match self {
            Value::Integer(value) => T::try_from(value).unwrap_or_default(),
            _ => T::default(),
        }
    }

    /// The number, cut to what an `i64` holds; 0 where it is none.
    pub(crate) fn saturated(self) -> i64 {
        match self {
            Value::Integer(value) => {
                i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
            }
            _ => 0,
        }
    }

    /// The text; empty where it is none.
    pub(crate) fn text(self) -> String {
        self.optional_text().unwrap_or_default()
    }

    /// The text, unless it is none or empty.
    pub(crate) fn optional_text(self) -> Option<String> {
        match self {
            Value::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// The strings of a list; none where it is no list.
    pub(crate) fn list(self) -> Vec<String> {
        if let Value::List(list) = self { list } else { Vec::new() }
    }
}

/// Reads one object and hands each of its members to `field`, in order; a key may come more than once.
pub(crate) fn read_object(text: &[u8], field: impl FnMut(&str, Value)) -> Result<(), Fault> {
    if text.trim_ascii_start().first() != Some(&b'{') {
        return Err(Fault::NotAnObject);
    }
    if deeper_than(text, MAX_DEPTH) {
        return Err(Fault::TooDeep);
    }
    let mut reader = serde_json::Deserializer::from_slice(text);
    reader
        .deserialize_map(Members(field))
        .and_then(|()| reader.end())
        .map_err(|e| Fault::Syntax { line: e.line(), column: e.column() })
}

/// Whether brackets nest deeper than `limit`, found without recursion and before anything is built.
fn deeper_than(text: &[u8], limit: usize) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for &byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

struct Members<F>(F);

impl<'de, F: FnMut(&str, Value)> Visitor<'de> for Members<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        while let Some(key) = members.next_key::<String>()? {
            let value = members.next_value::<Value>()?;
            (self.0)(&key, value);
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        // `as` saturates, which is what an absurdly large limit should come to.
        Ok(if value.fract() == 0.0 { Value::Integer(value as i128) } else { Value::Other })
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while list.len() < MAX_LIST {
            match elements.next_element::<Value>()? {
                Some(Value::Text(text)) => list.push(text),
                Some(_) => {}
                None => return Ok(Value::List(list)),
            }
        }
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(text: &str) -> Result<Vec<(String, Value)>, Fault> {
        let mut all = Vec::new();
        read_object(text.as_bytes(), |key, value| all.push((key.to_owned(), value)))?;
        Ok(all)
    }

    #[test]
    fn depth_counts_brackets_outside_strings_only() {
        let nested = |n: usize| format!("{{\"a\":{}{}}}", "[".repeat(n - 1), "]".repeat(n - 1));
        assert!(members(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(members(&nested(MAX_DEPTH + 1)), Err(Fault::TooDeep));
        assert_eq!(members(&nested(100_000)), Err(Fault::TooDeep));
        let quoted = format!(r#"{{"a":"\"{}\\"}}"#, "[".repeat(100));
        assert!(members(&quoted).is_ok());
    }

    #[test]
    fn numbers_saturate_and_fractions_are_no_numbers() {
        let all = members(r#"{"a":1e400000,"b":1}"#);
        assert!(matches!(all, Err(Fault::Syntax { .. })), "{all:?}");
        let all = members(r#"{"a":1e30,"b":1.5,"c":-0.0,"d":18446744073709551615}"#).unwrap();
        let values: Vec<_> = all.into_iter().map(|(_, v)| v).collect();
        assert_eq!(values[0].clone().saturated(), i64::MAX);
        assert_eq!(values[1], Value::Other);
        assert_eq!(values[2], Value::Integer(0));
        assert_eq!(values[3].clone().number::<u64>(), u64::MAX);
        assert_eq!(values[3].clone().number::<u16>(), 0);
    }

    #[test]
    fn repeated_keys_are_all_reported_in_order() {
        let all = members(r#"{"a":1,"a":2}"#).unwrap();
        assert_eq!(all, [("a".into(), Value::Integer(1)), ("a".into(), Value::Integer(2))]);
    }

    #[test]
    fn anything_behind_the_object_is_a_fault() {
        assert!(members("{} \r\n").is_ok());
        assert_eq!(members("{} x"), Err(Fault::Syntax { line: 1, column: 4 }));
    }
}
