//! Paths with `~` and variables in them.

use std::path::PathBuf;

/// The path that is meant.
///
/// # Errors
///
/// In words, for a variable that is not set and for a home directory that is not known.
pub(super) fn expand(
    text: &str,
    home: Option<PathBuf>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<PathBuf, String> {
    let text = with_variables(text, variable)?;
    let Some(rest) = text.strip_prefix('~') else { return Ok(text.into()) };
    let home = home.ok_or("the home directory that ~ stands for is not known: set HOME");
    match rest.strip_prefix(['/', std::path::MAIN_SEPARATOR]) {
        Some(rest) => Ok(home?.join(rest)),
        None if rest.is_empty() => Ok(home?),
        None => Err("only one's own home directory can be written as ~/: write the path in full".into()),
    }
}

fn with_variables(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('$') {
        out.push_str(before);
        let (name, after) = match behind.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some(braced) => braced,
            None => behind.split_at_checked(name_length(behind)).unwrap_or_default(),
        };
        if name.is_empty() {
            // No variable, then: a name of a file may have it.
            out.push('$');
            rest = behind;
            continue;
        }
        let value = variable(name).ok_or_else(|| format!("the variable ${name} is not set"))?;
        out.push_str(&value);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn name_length(text: &str) -> usize {
    text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Result<String, String> {
        let variable = |name: &str| match name {
            "DIR" => Some("/etc".to_owned()),
            "TILDE" => Some("~".to_owned()),
            _ => None,
        };
        expand(text, Some("/home/joe".into()), variable).map(|path| path.to_str().unwrap().to_owned())
    }

    #[test]
    fn home_and_variables_are_put_in() {
        for (text, path) in [
            ("a/b.creds", "a/b.creds"),
            ("~", "/home/joe"),
            ("~/a", "/home/joe/a"),
            ("a/~", "a/~"),
            ("$DIR/a", "/etc/a"),
            ("${DIR}s/$DIR.x", "/etcs//etc.x"),
            ("$TILDE/a", "/home/joe/a"),
            ("a$", "a$"),
            ("a$/b$-", "a$/b$-"),
            ("${}$DIR", "${}/etc"),
        ] {
            assert_eq!(expanded(text).as_deref(), Ok(path), "{text}");
        }
    }

    #[test]
    fn what_is_not_known_is_an_error_that_names_it() {
        assert_eq!(expanded("$NO/a").unwrap_err(), "the variable $NO is not set");
        assert!(expanded("${NO}/a").unwrap_err().contains("$NO"));
        assert!(expanded("~jane/a").is_err());
        assert!(expand("~/a", None, |_| None).unwrap_err().contains("HOME"));
        assert_eq!(expand("a", None, |_| None), Ok("a".into()));
    }
}
