//! The tour prints what docs/tour.md says, on whatever server it runs.

use nuncio_testkit::NatsServer;

use crate::walk;

const PAGE: &str = include_str!("../../../docs/tour.md");

/// The documented blocks: the tour on a server without JetStream, and the station where there is JetStream.
fn blocks() -> [Vec<&'static str>; 2] {
    let mut blocks = PAGE.split("```text\n").skip(1).map(|text| {
        let (block, _) = text.split_once("```").expect("the block ends");
        block.lines().filter(|line| !line.starts_with('~')).collect()
    });
    [blocks.next().expect("the tour"), blocks.next().expect("the station of JetStream")]
}

/// The documented output without the lines that differ from run to run.
fn documented() -> Vec<&'static str> {
    let [tour, _] = blocks();
    tour
}

/// The same where the server has JetStream.
fn documented_with_jetstream() -> Vec<&'static str> {
    let [tour, station] = blocks();
    let before = tour.into_iter().take_while(|line| *line != "JetStream");
    before.chain(station).collect()
}

async fn printed(url: &str) -> Vec<String> {
    let mut lines = Vec::new();
    walk::walk(url, &mut |line| lines.push(line.to_owned())).await.unwrap();
    lines.retain(|line| !line.starts_with('~'));
    lines
}

#[tokio::test]
async fn the_tour_prints_the_documented_output_on_the_embedded_server() {
    let server = nuncio_server::Server::start().await.unwrap();
    assert_eq!(printed(&server.url()).await, documented());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tour_prints_the_documented_output_on_a_real_server() {
    let server = NatsServer::builder().version("2.15.1").start().await.unwrap();
    assert_eq!(printed(&server.url()).await, documented());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tour_shows_jetstream_where_the_server_has_it() {
    let server = NatsServer::builder().version("2.15.1").jetstream().start().await.unwrap();
    assert_eq!(printed(&server.url()).await, documented_with_jetstream());
}

#[tokio::test]
async fn two_tours_at_once_on_one_server_do_not_disturb_each_other() {
    let server = nuncio_server::Server::start().await.unwrap();
    let url = server.url();
    let (one, two) = tokio::join!(printed(&url), printed(&url));
    assert_eq!(one, documented());
    assert_eq!(two, documented());
}
