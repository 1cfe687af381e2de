//! Lists, page by page.

use nuncio::jetstream::{Error, StorageType, StreamConfig};

use crate::support::*;

/// A configuration in memory that takes `<name>.>`.
fn config(name: &str) -> StreamConfig {
    StreamConfig::new(name).subjects([format!("{name}.>")]).storage(StorageType::Memory)
}

#[tokio::test]
async fn streams_are_listed_page_by_page() {
    let (_server, _nc, js) = start().await;
    let config = |n: usize| StreamConfig::new(format!("S{n:03}")).storage(StorageType::Memory);
    for n in 0..300 {
        js.create_stream(config(n)).await.unwrap();
    }
    let names = js.stream_names().all().await.unwrap();
    assert_eq!((names.len(), names[0].as_str(), names[299].as_str()), (300, "S000", "S299"));
    let mut streams = js.streams();
    let mut found = Vec::new();
    while let Some(info) = streams.next().await {
        found.push(info.unwrap().config.name);
    }
    assert_eq!(found, names);
    assert!(streams.missing().is_empty() && streams.offline().is_empty());
}

#[tokio::test]
async fn lists_can_be_of_some_subjects_only() {
    let (_server, _nc, js) = start().await;
    assert_eq!(js.stream_names().all().await, Ok(vec![]));
    js.create_stream(config("A")).await.unwrap();
    js.create_stream(config("B")).await.unwrap();
    assert_eq!(js.stream_names().subject("A.x").all().await, Ok(vec!["A".into()]));
    assert_eq!(js.streams().subject("B.>").all().await.unwrap()[0].config.name, "B");
    assert!(js.streams().subject("C").all().await.unwrap().is_empty());
    assert_eq!(js.stream_by_subject("B.1").await, Ok("B".into()));
    assert_eq!(js.stream_by_subject(">").await, Ok("A".into()));
    let error = js.stream_by_subject("C").await.unwrap_err();
    assert_eq!(error, Error::NoStreamFor { subject: "C".into() });
}

/// Answers calls to a made-up API with these pages, in order.
async fn paged(nc: &nuncio::Client, pages: &[&str]) -> Vec<String> {
    let mut asked = nc.subscribe("fake.>").confirmed().await.unwrap();
    let js = nc.jetstream().prefix("fake").timeout(SOON);
    let mut list = js.stream_names();
    let answering = async {
        for page in pages {
            asked.next().await.unwrap().respond(*page).await.unwrap();
        }
    };
    let reading = async {
        let mut names = Vec::new();
        while let Some(name) = list.next().await {
            names.push(name.unwrap());
        }
        names.extend(list.missing().iter().map(|name| format!("missing {name}")));
        names.extend(list.offline().iter().map(|(name, why)| format!("offline {name}: {why}")));
        names
    };
    let (names, ()) = both(reading, answering).await;
    names
}

#[tokio::test]
async fn a_list_that_shifts_between_pages_lists_nothing_twice() {
    let (_server, nc, _) = start().await;
    let names = paged(
        &nc,
        &[
            r#"{"total":5,"offset":0,"limit":2,"streams":["a","b"],"missing":["x"]}"#,
            r#"{"total":5,"offset":2,"limit":2,"streams":["b","c"],"offline":{"y":"needs level 9"},"missing":["x"]}"#,
            r#"{"total":4,"offset":4,"limit":2,"streams":null}"#,
        ],
    )
    .await;
    assert_eq!(names, ["a", "b", "c", "missing x", "offline y: needs level 9"]);
}

#[tokio::test]
async fn a_list_ends_after_an_error() {
    let (_server, nc, _) = start().await;
    let mut asked = nc.subscribe("fake.>").confirmed().await.unwrap();
    let js = nc.jetstream().prefix("fake").timeout(SOON);
    let mut list = js.stream_names();
    let answering = async {
        let off = r#"{"error":{"code":500,"err_code":10049,"description":"no"}}"#;
        asked.next().await.unwrap().respond(off).await.unwrap();
    };
    let reading = async { (list.next().await, list.next().await) };
    let ((failed, end), ()) = both(reading, answering).await;
    assert!(failed.unwrap().is_err());
    assert_eq!(end, None);
}
