//! The waits between attempts, as far as TLS has a say in them.

use std::io;
use std::time::Duration;

use nuncio::{Backoff, Connect, Connection, Event, Tls};
use tokio::time::Instant;

use crate::evil::{event, limited};

/// Virtual time until so many attempts have failed, with no wait but the jitter of TLS.
async fn time_of(attempts: usize, with: impl FnOnce(Connect) -> Connect) -> Duration {
    let nobody = |_| async { Err::<Box<dyn Connection>, _>(io::ErrorKind::ConnectionRefused.into()) };
    let backoff =
        Backoff::Fixed { wait: Duration::ZERO, jitter: Duration::ZERO, tls_jitter: Duration::from_secs(10) };
    let connect = nuncio::connect("nobody").connector(nobody).seed(5).backoff(backoff);
    let connect = with(connect.retry_on_initial_connect(true).max_reconnects(None));
    let began = Instant::now();
    let nc = limited("a client", connect.into_future()).await.unwrap();
    let mut events = nc.events();
    for _ in 0..attempts {
        event(&mut events, "a failure", |e| matches!(e, Event::ConnectFailed { .. }).then_some(())).await;
    }
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn waits_have_the_jitter_of_tls_where_tls_is_wanted() {
    let plain = time_of(20, |connect| connect).await;
    assert!(plain < Duration::from_secs(2), "{plain:?}");
    // Drawn from 0 to 10 seconds.
    let tls = time_of(20, |connect| connect.tls(Tls::required().webpki_roots())).await;
    assert!(tls > Duration::from_secs(40) && tls < Duration::from_secs(160), "{tls:?}");
}
