//! The tour prints what docs/tour.md says, on whatever server it runs.

use nuncio_testkit::NatsServer;

use crate::walk;

const PAGE: &str = include_str!("../../../docs/tour.md");

/// The documented output without the lines that differ from run to run.
fn documented() -> Vec<&'static str> {
    let (_, rest) = PAGE.split_once("```text\n").expect("docs/tour.md has a text block");
    let (block, _) = rest.split_once("```").expect("the block ends");
    block.lines().filter(|line| !line.starts_with('~')).collect()
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

#[tokio::test]
async fn two_tours_at_once_on_one_server_do_not_disturb_each_other() {
    let server = nuncio_server::Server::start().await.unwrap();
    let url = server.url();
    let (one, two) = tokio::join!(printed(&url), printed(&url));
    assert_eq!(one, documented());
    assert_eq!(two, documented());
}
