//! `--header 'Name: value'`.

use clap::Args;
use nuncio::HeaderMap;

use crate::exit::Failure;

/// The headers of a message.
#[derive(Debug, Default, Args)]
pub(crate) struct HeaderArgs {
    /// A header as 'Name: value'; may be repeated.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
}

impl HeaderArgs {
    /// The headers in the order given; an error tells which one is wrong, and never its value.
    pub(crate) fn resolve(&self) -> Result<HeaderMap, Failure> {
        let mut map = HeaderMap::new();
        for (n, header) in self.headers.iter().enumerate() {
            let wrong = |why: &str| Failure::usage(format!("header {}: {why}", n + 1));
            let (name, value) = header
                .split_once(':')
                .ok_or_else(|| wrong("there is no colon; write it as 'Name: value'"))?;
            map.append(name, value.trim()).map_err(|error| wrong(&error.to_string()))?;
        }
        Ok(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(headers: &[&str]) -> Result<HeaderMap, Failure> {
        HeaderArgs { headers: headers.iter().map(ToString::to_string).collect() }.resolve()
    }

    #[test]
    fn only_the_first_colon_divides_and_space_around_the_value_is_dropped() {
        let map = resolve(&["Time: 12:30 ", "Empty:"]).unwrap();
        assert_eq!(map.get("Time"), Some("12:30"));
        assert_eq!(map.get("Empty"), Some(""));
    }

    #[test]
    fn repeated_names_keep_all_values() {
        let map = resolve(&["a: 1", "a: 2"]).unwrap();
        assert_eq!(map.get_all("a").collect::<Vec<_>>(), ["1", "2"]);
    }

    #[test]
    fn a_bad_header_is_named_without_its_value() {
        for bad in ["no colon s3cr3t", "a b: s3cr3t", ": s3cr3t", "a: s3cr3t\r\nb: c"] {
            let Failure::Told(_, message) = resolve(&["ok: 1", bad]).unwrap_err() else { panic!("{bad}") };
            assert!(message.starts_with("header 2: "), "{message}");
            assert!(!message.contains("s3cr3t"), "{message}");
        }
    }
}
