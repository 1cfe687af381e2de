//! When a command has to stop: Ctrl-C, SIGTERM, or nobody reads stdout any more.

use std::future::Future;
use std::process;

use tokio::sync::watch;

use crate::exit::{Code, Failure};

/// Why to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Ctrl-C or SIGTERM.
    Signal,
    /// The reader of stdout is gone.
    OutputGone,
}

/// Tells when to stop.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    signal: watch::Receiver<bool>,
    output: watch::Receiver<bool>,
}

impl Stop {
    /// Listens to signals from now on. The second one ends the program at once.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let (signalled, signal) = watch::channel(false);
        let mut signals = Signals::listen()
            .map_err(|error| Failure::error(format!("cannot listen to signals: {error}")))?;
        tokio::spawn(async move {
            signals.next().await;
            // Nobody has to listen.
            let _ = signalled.send(true);
            signals.next().await;
            process::exit(Code::Interrupted as i32);
        });
        let (gone, output) = watch::channel(false);
        watch_stdout(gone);
        Ok(Self { signal, output })
    }

    /// Whether it is time, without waiting.
    pub(crate) fn now(&self) -> Option<Reason> {
        if *self.signal.borrow() {
            Some(Reason::Signal)
        } else {
            self.output.borrow().then_some(Reason::OutputGone)
        }
    }

    /// Waits until it is time. Cancel safe.
    pub(crate) async fn reason(&self) -> Reason {
        tokio::select! {
            () = on(self.signal.clone()) => Reason::Signal,
            () = on(self.output.clone()) => Reason::OutputGone,
        }
    }

    /// Waits for a signal alone. Cancel safe.
    pub(crate) async fn signal(&self) {
        on(self.signal.clone()).await;
    }

    /// Does work that a signal breaks off.
    pub(crate) async fn unless(
        &self,
        work: impl Future<Output = Result<(), Failure>>,
    ) -> Result<(), Failure> {
        tokio::select! {
            done = work => done,
            () = self.signal() => Err(Failure::Interrupted),
        }
    }
}

async fn on(mut flag: watch::Receiver<bool>) {
    if flag.wait_for(|on| *on).await.is_err() {
        // Whoever could tell has nothing to tell.
        std::future::pending().await
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Waits in a thread until the other end of stdout is closed, so that `nuncio sub … | head -1` ends with `head` and
/// not with the message after. Writing would tell as well, but only when there is something to write.
#[cfg(unix)]
fn watch_stdout(gone: watch::Sender<bool>) {
    use rustix::event::{PollFd, PollFlags, poll};
    std::thread::spawn(move || {
        let stdout = std::io::stdout();
        loop {
            // With nothing asked for, only an error or the end is reported.
            let mut fds = [PollFd::new(&stdout, PollFlags::empty())];
            match poll(&mut fds, None) {
                Ok(_) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return,
            }
        }
        let _ = gone.send(true);
    });
}

#[cfg(not(unix))]
fn watch_stdout(_gone: watch::Sender<bool>) {}
