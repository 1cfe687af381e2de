//! Threads that know nothing of tokio.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use tokio::runtime::Handle;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The plainest of executors, for threads that know nothing of tokio.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    assert!(Handle::try_current().is_err(), "this thread is to know nothing of tokio");
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// Runs `work` on a bare thread while this runtime goes on.
pub(crate) async fn bare<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = tokio::sync::oneshot::channel();
    let thread = std::thread::spawn(move || drop(done.send(work())));
    let result = result.await;
    match thread.join() {
        Ok(()) => result.unwrap(),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
