//! `docs/acceptance.md` and `docs/acceptance-jetstream.md` name a test for each promise, and the tests are there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::tree::root;

/// Areas that are still to come, and the rows that may say so.
const LATER: [(&str, &[&str]); 2] =
    [("JetStream", &["S21"]), ("Service API", &["173", "174", "175", "176", "177", "198", "S22"])];

/// The parts of the document of JetStream, in their order.
const PARTS_OF_JETSTREAM: [&str; 9] = [
    "Streams",
    "Stream configuration",
    "Consumers",
    "Consumer configuration",
    "Publishing",
    "Consuming",
    "Acknowledging",
    "Direct get",
    "Account, levels and prefixes",
];

/// At least so many promises are in it.
const PROMISES_OF_JETSTREAM: usize = 235;

/// One row of a table: the first cell, and what the last one names.
#[derive(Debug)]
struct Row {
    label: String,
    evidence: Evidence,
}

#[derive(Debug)]
enum Evidence {
    /// File and name of each test.
    Tests(Vec<(String, String)>),
    Later(String),
}

/// The rows of all tables below a heading of the second level.
fn rows(document: &str, heading: &str) -> Vec<Row> {
    let heading = format!("\n## {heading}\n");
    let (_, section) = document.split_once(&heading).unwrap_or_else(|| panic!("no section {heading:?}"));
    let section = section.split("\n## ").next().unwrap();
    let is_row = |line: &&str| line.starts_with("| ") && !line.starts_with("| -");
    section.lines().filter(is_row).filter(|line| !line.ends_with("| tests |")).map(row).collect()
}

fn row(line: &str) -> Row {
    let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
    let [label, .., evidence] = cells.as_slice() else { panic!("{line}") };
    let evidence = match evidence.strip_prefix("later: ") {
        Some(area) => Evidence::Later(area.to_owned()),
        None => Evidence::Tests(evidence.split("<br>").map(test).collect()),
    };
    Row { label: (*label).to_owned(), evidence }
}

fn test(text: &str) -> (String, String) {
    let name = text.strip_prefix('`').and_then(|text| text.strip_suffix('`'));
    let parts = name.and_then(|name| name.split_once("::")).unwrap_or_else(|| panic!("{text:?} is no test"));
    (parts.0.to_owned(), parts.1.to_owned())
}

/// The tests in a source: functions with an attribute that says so, and rules.
fn tests_in(source: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    let (mut attributes, mut rules) = (String::new(), false);
    for line in source.lines() {
        let line_of_code = line.trim();
        rules = (rules || line == "rules! {") && line != "}";
        if line_of_code.starts_with("#[") {
            attributes += line_of_code;
            continue;
        }
        let signature = line_of_code.trim_start_matches("async ");
        let name = signature.strip_prefix("fn ").and_then(|rest| rest.split('(').next());
        let is_rule = rules && line.starts_with("    async fn ") && line.contains("Target)");
        let is_test = attributes.contains("test") && !attributes.contains("ignore");
        found.extend(name.filter(|_| is_rule || is_test));
        // An attribute may fill several lines, of which only the first begins so.
        if line_of_code.ends_with(['{', '}', ';']) {
            attributes.clear();
        }
    }
    found
}

fn file(path: &str) -> PathBuf {
    let below_tests = root().join("nuncio/tests").join(path);
    if below_tests.exists() { below_tests } else { root().join(path) }
}

fn document() -> String {
    fs::read_to_string(root().join("docs/acceptance.md")).unwrap()
}

fn of_jetstream() -> String {
    fs::read_to_string(root().join("docs/acceptance-jetstream.md")).unwrap()
}

/// The headings of the second level below which there is a table.
fn headings(document: &str) -> Vec<&str> {
    let headings = document.lines().filter_map(|line| line.strip_prefix("## "));
    headings.filter(|heading| !rows(document, heading).is_empty()).collect()
}

/// The sources of the tests, each read once.
#[derive(Default)]
struct Sources(BTreeMap<String, String>);

impl Sources {
    fn have(&mut self, path: &str, name: &str) -> bool {
        let read = || fs::read_to_string(file(path)).unwrap_or_default();
        let source = self.0.entry(path.to_owned()).or_insert_with(read);
        tests_in(source).contains(name)
    }
}

#[test]
fn every_number_is_there_once() {
    let document = document();
    let numbers: Vec<_> = rows(&document, "The promises").into_iter().map(|row| row.label).collect();
    let expected: Vec<_> = (1..=198).map(|number: u32| number.to_string()).collect();
    assert_eq!(numbers, expected);
    let rules: Vec<_> = rows(&document, "Security").into_iter().map(|row| row.label).collect();
    let expected: Vec<_> = (1..=24).map(|number: u32| format!("S{number}")).collect();
    assert_eq!(rules, expected);
}

#[test]
fn every_test_that_is_named_is_there() {
    let document = document();
    let mut sources = Sources::default();
    let mut missing = Vec::new();
    let mut count = 0;
    for section in ["The promises", "Hard situations", "Security"] {
        for row in rows(&document, section) {
            let tests = match row.evidence {
                Evidence::Tests(tests) => tests,
                Evidence::Later(area) => {
                    let awaited = |later: &(&str, &[&str])| later.0 == area && later.1.contains(&&*row.label);
                    assert!(LATER.iter().any(awaited), "{}: later: {area}", row.label);
                    continue;
                }
            };
            count += tests.len();
            let absent = tests.into_iter().filter(|(path, name)| !sources.have(path, name));
            missing.extend(absent.map(|(path, name)| format!("{}: {path}::{name}", row.label)));
        }
    }
    assert_eq!(missing, [""; 0]);
    assert!(count > 300, "only {count} tests were found in the document");
}

#[test]
fn every_test_that_is_named_for_jetstream_is_there() {
    let document = of_jetstream();
    let mut sources = Sources::default();
    let mut missing = Vec::new();
    let mut promises = BTreeSet::new();
    for section in headings(&document) {
        for Row { label, evidence } in rows(&document, section) {
            let Evidence::Tests(tests) = evidence else { panic!("{section}: {label} is put off") };
            let absent = tests.into_iter().filter(|(path, name)| !sources.have(path, name));
            missing.extend(absent.map(|(path, name)| format!("{label}: {path}::{name}")));
            assert!(promises.insert(format!("{section}: {label}")), "{section}: {label} is there twice");
        }
    }
    assert_eq!(missing, [""; 0]);
    assert!(promises.len() >= PROMISES_OF_JETSTREAM, "only {} promises were found", promises.len());
}

#[test]
fn every_part_of_jetstream_has_its_promises() {
    let document = of_jetstream();
    assert_eq!(headings(&document), PARTS_OF_JETSTREAM);
}

#[test]
fn tests_are_told_from_other_functions() {
    let source = "
fn helper() {
}
#[test]
fn plain() {
}
#[tokio::test(start_paused = true)]
async fn paused() {
}
#[cfg(unix)]
#[tokio::test]
async fn of_unix() {
}
#[tokio::test]
IGNORE
async fn switched_off() {
}
#[cfg(unix)]
fn no_test() {
}
rules! {
    on Setup::new().own() =>
    async fn a_rule(mut t: Target) {
        async fn within(nc: Client) {}
    }
}
async fn behind(t: Target) {
}
";
    let source = source.replace("IGNORE", concat!("#[", "ignore = \"slow\"]"));
    let found: Vec<_> = tests_in(&source).into_iter().collect();
    assert_eq!(found, ["a_rule", "of_unix", "paused", "plain"]);
}

#[test]
fn files_that_are_named_are_those_of_this_tree() {
    assert!(file("behaviour/connect.rs").starts_with(root().join("nuncio/tests")));
    assert!(file("nuncio-proto/src/connect.rs").starts_with(root().join("nuncio-proto")));
    assert!(!Path::new(&file("behaviour/none.rs")).exists());
}
