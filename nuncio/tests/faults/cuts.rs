//! The session of [`session`](crate::session), cut after every byte that it sends and receives.

use std::sync::Arc;
use std::time::Duration;

use nuncio::Connect;
use nuncio_server::{Direction, Server};
use tokio::runtime::Handle;

use crate::session::{self, Outcome, through};
use crate::wire::{Meter, Metered};

/// How much fits into the pipe, by turns: all of it, about a frame, and less than a frame.
const CAPACITIES: [usize; 3] = [64 * 1024, 300, 61];

async fn server() -> Arc<Server> {
    Arc::new(Server::builder().in_memory().seed(1).start().await.unwrap())
}

/// Virtual time that a session may take at most. Whoever waits is told of a cut at once, so that not even the timeout of
/// a request passes.
const LIMIT: Duration = Duration::from_millis(900);

fn pipes(server: &Arc<Server>, capacity: usize, meter: &Arc<Meter>) -> Connect {
    let (server, meter) = (Arc::clone(server), Arc::clone(meter));
    through(move || {
        let io = server.pipe_with_capacity(capacity);
        Box::new(Metered { io, meter: Arc::clone(&meter) })
    })
}

fn witness(server: &Arc<Server>) -> Connect {
    pipes(server, CAPACITIES[0], &Arc::default())
}

async fn cut_session(direction: Direction, bytes: usize) -> Outcome {
    let label = format!("cut {direction:?} after {bytes} bytes");
    let server = server().await;
    let session = pipes(&server, CAPACITIES[bytes % CAPACITIES.len()], &Arc::default());
    let cut = || server.faults().cut_after(direction, bytes);
    let outcome = session::run(session, witness(&server), cut, LIMIT, &label).await;
    outcome.check(&label);
    outcome
}

/// Bytes of a whole session, there and back.
async fn measure() -> Meter {
    let server = server().await;
    let meter = Arc::default();
    let session = pipes(&server, CAPACITIES[0], &meter);
    session::run(session, witness(&server), || {}, LIMIT, "whole").await.check_whole("whole");
    tokio::time::timeout(Duration::from_secs(10), server.wait_for_connections(0)).await.unwrap();
    Arc::into_inner(meter).expect("the connection is gone")
}

/// Every offset of one direction whose rest by `of` is `part`.
async fn sweep(direction: Direction, (part, of): (usize, usize)) {
    let meter = measure().await;
    let end = match direction {
        Direction::ToClient => meter.read(),
        Direction::FromClient => meter.written(),
    };
    assert!(end > 4096, "the session is too short to prove anything: {meter:?}");
    let before = Handle::current().metrics().num_alive_tasks();
    let (mut reconnected, mut lost, mut in_doubt) = (0, 0, 0);
    for bytes in (0..=end).filter(|bytes| bytes % of == part) {
        let outcome = cut_session(direction, bytes).await;
        reconnected += u64::from(outcome.statistics.connects > 1);
        lost += outcome.statistics.lost;
        in_doubt += outcome.statistics.maybe_lost;
        for _ in 0..1000 {
            if Handle::current().metrics().num_alive_tasks() == before {
                break;
            }
            tokio::task::yield_now().await;
        }
        let tasks = Handle::current().metrics().num_alive_tasks();
        assert_eq!(tasks, before, "{direction:?} after {bytes}: tasks are left behind");
    }
    assert!(reconnected > 500, "only {reconnected} sessions met a cut");
    assert!(lost > 0, "no cut tore a message, or torn messages are sent again");
    assert!(in_doubt > 0, "no cut left a message in doubt");
}

#[tokio::test(start_paused = true)]
async fn a_cut_of_what_the_client_sends_loses_and_doubles_nothing_uncounted() {
    sweep(Direction::FromClient, (0, 2)).await;
}

#[tokio::test(start_paused = true)]
async fn a_cut_of_what_the_client_sends_at_odd_offsets_does_no_harm_either() {
    sweep(Direction::FromClient, (1, 2)).await;
}

#[tokio::test(start_paused = true)]
async fn a_cut_of_what_the_client_receives_loses_and_doubles_nothing_uncounted() {
    sweep(Direction::ToClient, (0, 2)).await;
}

#[tokio::test(start_paused = true)]
async fn a_cut_of_what_the_client_receives_at_odd_offsets_does_no_harm_either() {
    sweep(Direction::ToClient, (1, 2)).await;
}
