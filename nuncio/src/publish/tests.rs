//! Units of publishing.

use std::task::{Wake, Waker};

use super::*;
use crate::{Client, WhenFull};

#[test]
fn empty_headers_do_not_count_against_the_limit_since_they_are_not_sent() {
    let mut message = Outgoing::new("a".into(), "12345".into());
    message.headers(HeaderMap::new().into());
    assert_eq!(message.size(), 5);
    message.header("a", "b");
    assert_eq!(message.size(), "NATS/1.0\r\na: b\r\n\r\n12345".len());
}

/// A waker that publishes, as an executor that runs tasks in their own waking may do.
struct PublishOnWake(Client);

impl Wake for PublishOnWake {
    fn wake(self: Arc<Self>) {
        self.0.try_publish("a", "").unwrap();
    }
}

#[tokio::test]
async fn a_waker_may_use_the_client() {
    let server = nuncio_server::Server::start().await.unwrap();
    let nc = crate::connect(server.url()).when_full(WhenFull::Fail).await.unwrap();
    let waker = Waker::from(Arc::new(PublishOnWake(nc.clone())));
    let mut cx = Context::from_waker(&waker);
    let payload = vec![0; 1000];
    // Often enough that some publish has to let the connection run first.
    let held_up = (0..1000).any(|_| Pin::new(&mut nc.publish("a", &payload)).poll(&mut cx).is_pending());
    assert!(held_up);
    nc.flush().await.unwrap();
}

/// Messages that are taken before the connection has to write.
async fn burst<'a>(payload: impl Fn() -> crate::Payload<'a>) -> usize {
    let server = nuncio_server::Server::start().await.unwrap();
    let nc = crate::connect(server.url()).await.unwrap();
    nc.flush().await.unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    (0..1000).take_while(|_| Pin::new(&mut nc.publish("a", payload())).poll(&mut cx).is_ready()).count()
}

#[tokio::test]
async fn a_burst_ends_before_the_message_that_exceeds_it() {
    let (kib, megabyte) = (bytes::Bytes::from(vec![0; 1024]), bytes::Bytes::from(vec![0; 1 << 20]));
    let large = bytes::Bytes::from(vec![0; 16 * 1024]);
    assert_eq!(burst(|| (&kib).into()).await, 124);
    // What is not copied counts half.
    assert_eq!(burst(|| (&large).into()).await, 15);
    assert_eq!(burst(|| (&*large).into()).await, 7);
    assert_eq!(burst(|| (&megabyte).into()).await, 1, "what exceeds it alone is one");
}
