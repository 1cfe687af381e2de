//! Contexts: options kept in files.

use nuncio::context::{ContextError, Contexts};

use crate::target::{Setup, Target};

fn files(entries: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("context")).unwrap();
    for (name, text) in entries {
        std::fs::write(dir.path().join("context").join(name), text).unwrap();
    }
    dir
}

rules! {
    on Setup::new().user("joe", "s3cr3t") =>
    async fn a_context_connects_with_what_it_says(t: Target) {
        let json = format!(r#"{{"url":"{}","user":"joe","password":"s3cr3t","inbox_prefix":"_MINE"}}"#, t.url());
        let dir = files(&[("here.json", &json)]);
        let context = Contexts::at(dir.path()).load("here").unwrap();
        let nc = context.connect().unwrap().name("by context").await.unwrap();
        assert!(nc.new_inbox().starts_with("_MINE."));
        nc.flush().await.unwrap();
    }
}

#[test]
fn contexts_are_listed_and_selected() {
    let dir = files(&[
        ("b.json", "{}"),
        ("a.json", r#"{"description":"first"}"#),
        (".c.json", "{}"),
        ("d.txt", ""),
    ]);
    let contexts = Contexts::at(dir.path());
    assert_eq!(
        (contexts.names().unwrap(), contexts.selected().unwrap()),
        (vec!["a".into(), "b".into()], None)
    );
    assert_eq!(contexts.load(""), Err(ContextError::NoneSelected));
    contexts.select("a").unwrap();
    assert_eq!(contexts.selected().unwrap().as_deref(), Some("a"));
    assert_eq!(contexts.load("").unwrap().description(), Some("first"));
    assert!(matches!(contexts.select("c"), Err(ContextError::Unknown { .. })));
    assert_eq!(contexts.selected().unwrap().as_deref(), Some("a"), "a selection that fails changes nothing");
}

#[test]
fn a_file_that_is_no_context_is_an_error_that_names_it() {
    let dir = files(&[("a.json", "s3cr3t"), ("b.json", "[]")]);
    for name in ["a", "b"] {
        let error = Contexts::at(dir.path()).load(name).unwrap_err();
        assert!(matches!(error, ContextError::Malformed { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains(&format!("{name}.json")) && !text.contains("s3cr3t"), "{text}");
    }
}
