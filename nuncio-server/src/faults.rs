//! Faults on purpose.

use std::collections::VecDeque;
use std::time::Duration;

use crate::server::Server;

/// The way that bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the server to the client.
    ToClient,
    /// From the client to the server.
    FromClient,
}

/// A connection that is to break after some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    direction: Direction,
    bytes: usize,
}

impl Cut {
    pub(crate) fn limit(self, direction: Direction) -> Option<usize> {
        (self.direction == direction).then_some(self.bytes)
    }

    /// What is left of it when so many bytes have gone that way.
    #[cfg(feature = "tls")]
    pub(crate) fn behind(self, direction: Direction, bytes: usize) -> Cut {
        let gone = if self.direction == direction { bytes } else { 0 };
        Cut { bytes: self.bytes.saturating_sub(gone), ..self }
    }
}

/// The faults that wait for new connections, and those that hold for all.
#[derive(Debug, Default)]
pub(crate) struct FaultState {
    next_cuts: VecDeque<Cut>,
    every_cut: Option<Cut>,
    pub(crate) delay: Duration,
    pub(crate) refuse: bool,
}

impl FaultState {
    /// The cut for a connection that begins.
    pub(crate) fn take_cut(&mut self) -> Option<Cut> {
        self.next_cuts.pop_front().or(self.every_cut)
    }
}

/// Breaks things on purpose; made by [`Server::faults`].
///
/// Every fault holds for TCP connections and pipes alike. With TLS and WebSocket the bytes that are counted and written are
/// those of NATS: what carries them is whole.
///
/// ```
/// # async fn example() -> std::io::Result<()> {
/// use nuncio_server::{Direction, Server};
///
/// let server = Server::start().await?;
/// // The next connection breaks in the middle of its INFO.
/// server.faults().cut_after(Direction::ToClient, 10);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Faults<'a> {
    server: &'a Server,
}

impl<'a> Faults<'a> {
    pub(crate) fn new(server: &'a Server) -> Faults<'a> {
        Faults { server }
    }

    /// Cuts the next new connection when exactly this many bytes have gone that way.
    ///
    /// Calls add up: the second is for the connection after the next, and so on.
    pub fn cut_after(&self, direction: Direction, bytes: usize) {
        self.change(|faults| faults.next_cuts.push_back(Cut { direction, bytes }));
    }

    /// Cuts every new connection like that which has no cut of its own, until [`Faults::clear`].
    pub fn cut_every(&self, direction: Direction, bytes: usize) {
        self.change(|faults| faults.every_cut = Some(Cut { direction, bytes }));
    }

    /// Lets every byte arrive at the clients this much later, from now on. Zero ends it.
    pub fn delay(&self, delay: Duration) {
        self.change(|faults| faults.delay = delay);
    }

    /// While true, reads nothing, answers nothing and delivers nothing, as a server whose process is stopped.
    /// New connections are accepted and stay silent. Nothing is lost: it goes on when this becomes false.
    pub fn mute(&self, mute: bool) {
        self.server.shared.muted.send_replace(mute);
    }

    /// While true, closes new connections before the first byte. See also [`Server::stop_listening`].
    pub fn refuse(&self, refuse: bool) {
        self.change(|faults| faults.refuse = refuse);
    }

    /// Sends raw bytes to every client, between two operations.
    pub fn garble(&self, bytes: &[u8]) {
        self.server.shared.lock().write_raw(None, bytes);
    }

    /// Sends raw bytes to one client, between two operations; false if there is no such client.
    pub fn inject_raw(&self, client: u64, bytes: &[u8]) -> bool {
        self.server.shared.lock().write_raw(Some(client), bytes)
    }

    /// Ends all faults. Connections that are to be cut still are.
    pub fn clear(&self) {
        self.change(|faults| *faults = FaultState::default());
        self.mute(false);
    }

    fn change(&self, change: impl FnOnce(&mut FaultState)) {
        change(&mut self.server.shared.lock().faults);
    }
}
