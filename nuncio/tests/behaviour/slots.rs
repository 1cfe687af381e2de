//! Requests that come to nothing leave nothing.

use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::support::*;
use crate::target::Target;

rules! {
    async fn a_hundred_thousand_requests_that_time_out_leave_no_slot(t: Target) {
        let nc = t.client().await;
        let sub = nc.subscribe(unique()).limits(1, usize::MAX).await.unwrap();
        nc.flush().await.unwrap();
        for _ in 0..20 {
            let subject = sub.subject().into_owned();
            let mut requests: Vec<_> =
                (0..5_000).map(|_| Box::pin(nc.request(&subject, "").timeout(Duration::from_millis(3)))).collect();
            let mut open = requests.len();
            std::future::poll_fn(|cx| {
                requests.retain_mut(|request| match request.as_mut().poll(cx) {
                    Poll::Ready(ended) => {
                        assert!(ended.unwrap_err().is_timeout());
                        false
                    }
                    Poll::Pending => true,
                });
                open = requests.len();
                if open == 0 { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        }
        assert_eq!(nc.statistics().requests, 0);
        // Some may have waited for room in the outgoing buffer until their time was over.
        assert!(nc.statistics().published > 50_000, "{:?}", nc.statistics());
    }

    async fn a_hundred_thousand_requests_that_are_cancelled_leave_no_slot(t: Target) {
        let nc = t.client().await;
        let sub = nc.subscribe(unique()).limits(1, usize::MAX).await.unwrap();
        nc.flush().await.unwrap();
        let subject = sub.subject().into_owned();
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..100 {
            let mut requests: Vec<_> = (0..1_000).map(|_| Box::pin(nc.request(&subject, "").timeout(SOON))).collect();
            for request in &mut requests {
                assert!(request.as_mut().poll(&mut cx).is_pending());
            }
            assert_eq!(nc.statistics().requests, 1_000);
            drop(requests);
            assert_eq!(nc.statistics().requests, 0);
            nc.flush().await.unwrap();
        }
        assert_eq!(nc.statistics().subscriptions, 2);
    }
}
