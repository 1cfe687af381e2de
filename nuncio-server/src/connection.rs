//! One connection: a task that reads, writes and keeps time.

mod keep;
mod opening;
mod ops;
mod read;
mod write;

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use crate::core::Link;
use crate::faults::{Cut, Direction};
use crate::server::Shared;

pub(crate) use opening::open;

/// How long the rest of a closed client's bytes is read. A TCP socket that is closed with unread bytes resets the
/// connection, and the client may lose the `-ERR` that tells it why.
const LINGER: Duration = Duration::from_millis(500);

/// A registered connection; forgotten by the core when this is dropped.
pub(crate) struct Registration {
    pub(crate) shared: Arc<Shared>,
    pub(crate) id: u64,
    pub(crate) link: Arc<Link>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut core = self.shared.lock();
        core.remove(self.id);
        core.tasks.remove(&self.id);
    }
}

/// Serves a client until either side ends the connection.
async fn run<S>(registration: Registration, stream: S, cut: Option<Cut>, linger: bool)
where
    S: AsyncRead + AsyncWrite,
{
    let Registration { shared, id, link } = &registration;
    let (mut reader, mut writer) = tokio::io::split(stream);
    let limit = |direction| cut.and_then(|cut| cut.limit(direction));
    // The order matters: the writer before the reader, or a client that sends without a pause would keep the
    // writer from its turn. Only the first two ever end.
    tokio::select! {
        biased;
        () = link.abort.notified() => {}
        () = write::run(shared, *id, link, &mut writer, limit(Direction::ToClient)) => {}
        () = read::run(shared, *id, &mut reader, limit(Direction::FromClient)) => {}
        () = keep::run(shared, *id) => {}
    }
    shared.lock().remove(*id);
    if linger {
        let mut sink = [0; 4096];
        let drain = async { while reader.read(&mut sink).await.is_ok_and(|count| count > 0) {} };
        // Running out of time is as good an end as any.
        let _ = tokio::time::timeout(LINGER, drain).await;
    }
}

/// Waits until the server is not muted.
async fn unmuted(shared: &Shared) {
    if *shared.muted.borrow() {
        // The sender lives as long as `shared`.
        let _ = shared.muted.subscribe().wait_for(|muted| !muted).await;
    }
}
