//! One connection through the proxy, from the accept to the cut.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::Shared;
use super::pump::{End, pump};
use super::toxics::Cut;

/// How long the two peers have to close their ends after a cut in good order.
const FAREWELL: Duration = Duration::from_secs(30);

/// Serves one accepted connection to its end.
///
/// `cuts` and `open` are made at the accept, so that a cut between it and the first poll of this is not missed.
pub(super) async fn serve(
    client: TcpStream,
    shared: Arc<Shared>,
    mut cuts: watch::Receiver<Cut>,
    open: Open,
) {
    let Some((mut client, mut server, open)) = join(client, &shared, &mut cuts, open).await else { return };
    // Else small slices would be gathered into one packet.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let how = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let mut up = pin!(pump(from_client, to_server, &shared.to_server));
        let mut down = pin!(pump(from_server, to_client, &shared.to_client));
        let both = async {
            // One end alone closes only its half.
            let first = tokio::select! { end = &mut up => (end, true), end = &mut down => (end, false) };
            match first {
                (End::Eof, true) => down.await,
                (End::Eof, false) => up.await,
                (cut, _) => cut,
            }
        };
        tokio::select! {
            biased;
            how = cut_now(&mut cuts) => how,
            end = both => match end { End::Eof => Cut::Fin, End::Cut(how) => how },
        }
    };
    part(vec![client, server], how, Some(open)).await;
}

/// Dials the server; nothing if the connection has ended meanwhile.
async fn join(
    client: TcpStream,
    shared: &Shared,
    cuts: &mut watch::Receiver<Cut>,
    open: Open,
) -> Option<(TcpStream, TcpStream, Open)> {
    tokio::select! {
        biased;
        how = cut_now(cuts) => {
            part(vec![client], how, Some(open)).await;
            return None;
        }
        () = sleep(shared.connect_delay()) => {}
    }
    let mut dial = pin!(TcpStream::connect(shared.upstream()));
    tokio::select! {
        biased;
        how = cut_now(cuts) => {
            // The server may have accepted already, and is to see the same end.
            let other_end = async {
                if let Ok(Ok(server)) = timeout(FAREWELL, dial).await {
                    part(vec![server], how, None).await;
                }
            };
            tokio::join!(part(vec![client], how, Some(open)), other_end);
            None
        }
        dialled = &mut dial => match dialled {
            Ok(server) => Some((client, server, open)),
            Err(_) => {
                shared.failed();
                part(vec![client], Cut::Rst, Some(open)).await;
                None
            }
        },
    }
}

/// Waits for the next [`cut_all`](super::Proxy::cut_all).
async fn cut_now(cuts: &mut watch::Receiver<Cut>) -> Cut {
    match cuts.changed().await {
        Ok(()) => *cuts.borrow_and_update(),
        Err(_) => Cut::Rst,
    }
}

/// Ends the connection with each of the peers.
async fn part(streams: Vec<TcpStream>, how: Cut, open: Option<Open>) {
    match how {
        Cut::Rst => {
            for stream in &streams {
                let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
            }
            drop(streams);
        }
        Cut::Fin => {
            let mut streams = streams;
            for stream in &mut streams {
                let _ = stream.shutdown().await;
            }
            drop(open);
            // Closing a socket that holds unread bytes resets it, and the reset may overtake what was forwarded. So
            // read on until the peer closes.
            for mut stream in streams {
                let _ = timeout(FAREWELL, drain(&mut stream)).await;
            }
        }
    }
}

async fn drain(stream: &mut TcpStream) {
    let mut buffer = vec![0; 4096];
    while matches!(stream.read(&mut buffer).await, Ok(bytes) if bytes > 0) {}
}

/// Counts a connection as open while it lives.
pub(super) struct Open(Arc<Shared>);

impl Open {
    pub(super) fn new(shared: &Arc<Shared>) -> Open {
        shared.opened();
        Open(shared.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.closed();
    }
}
