//! Options of a connection that no other file covers.

use std::pin::Pin;
use std::task::{Context, Poll};

use nuncio::{Connection, ServerAddr};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::request::echo;
use crate::support::*;
use crate::target::{Setup, Target};

/// Hands out a few bytes at a time, both ways, so that everything is cut everywhere.
struct Trickle {
    io: TcpStream,
    read: usize,
    write: usize,
}

impl AsyncRead for Trickle {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let mut some = [0; 64];
        let room = self.read.min(buf.remaining());
        let mut part = ReadBuf::new(&mut some[..room]);
        let polled = Pin::new(&mut self.io).poll_read(cx, &mut part);
        buf.put_slice(part.filled());
        polled
    }
}

impl AsyncWrite for Trickle {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let count = self.write.min(buf.len());
        Pin::new(&mut self.io).poll_write(cx, &buf[..count])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

fn trickle(read: usize, write: usize) -> impl nuncio::Connector {
    move |server: ServerAddr| async move {
        let io = TcpStream::connect((server.host(), server.port())).await?;
        Ok(Box::new(Trickle { io, read, write }) as Box<dyn Connection>)
    }
}

rules! {
    async fn with_echo_ones_own_messages_come_back(t: Target) {
        let nc = t.connect().echo(true).await.unwrap();
        let mut sub = nc.subscribe(unique()).await.unwrap();
        nc.publish(sub.subject(), "mine").await.unwrap();
        assert_eq!(texts(&mut sub, 1).await, ["mine"]);
    }

    async fn without_echo_only_those_of_others_come(t: Target) {
        let (nc, other) = (t.connect().echo(false).await.unwrap(), t.client().await);
        let mut sub = nc.subscribe(unique()).await.unwrap();
        nc.publish(sub.subject(), "mine").await.unwrap();
        nc.flush().await.unwrap();
        other.publish(sub.subject(), "other's").await.unwrap();
        settle(&[&other, &nc]).await;
        assert_eq!(present(&mut sub), ["other's"]);
    }

    on Setup::new().own() =>
    async fn without_echo_stays_so_after_a_reconnect(mut t: Target) {
        let nc = t.connect().echo(false).await.unwrap();
        let mut events = nc.events();
        t.restart().await;
        reconnected(&mut events).await;
        let mut sub = nc.subscribe("s").await.unwrap();
        nc.publish("s", "mine").await.unwrap();
        settle(&[&nc]).await;
        assert!(present(&mut sub).is_empty());
    }

    on Setup::new().own() =>
    async fn a_verbose_server_is_no_trouble(mut t: Target) {
        let nc = t.connect().verbose(true).await.unwrap();
        let mut events = nc.events();
        for _ in 0..2 {
            let subject = echo(&nc).await;
            assert_eq!(text(&nc.request(&subject, "ok").timeout(SOON).await.unwrap()), "ok");
            let mut sub = nc.subscribe("s").max(1).await.unwrap();
            nc.publish("s", "x").header("k", "v").await.unwrap();
            assert_eq!(texts(&mut sub, 1).await, ["x"]);
            t.restart().await;
            reconnected(&mut events).await;
        }
    }

    async fn a_pedantic_server_is_no_trouble(t: Target) {
        let nc = t.connect().pedantic(true).await.unwrap();
        let subject = echo(&nc).await;
        assert_eq!(text(&nc.request(&subject, "ok").timeout(SOON).await.unwrap()), "ok");
        let mut events = nc.events();
        nc.publish("a.*", "").await.unwrap();
        let error = event(&mut events, |e| match e {
            nuncio::Event::ServerError(error) => Some(error),
            _ => None,
        })
        .await;
        assert_eq!(error, nuncio::ServerError::InvalidPublishSubject);
        nc.flush().await.unwrap();
        assert_eq!(nc.statistics().connects, 1);
    }

    async fn bytes_may_arrive_one_by_one(t: Target) {
        for (read, write) in [(1, 1), (1, 64), (2, 7), (3, 3), (64, 1)] {
            let nc = t.connect().connector(trickle(read, write)).await.unwrap();
            let subject = echo(&nc).await;
            let mut sub = nc.subscribe(unique()).await.unwrap();
            for size in [0, 1, 2, 10, 300] {
                let payload = vec![b'\n'; size];
                nc.publish(sub.subject(), &payload).reply("r").await.unwrap();
                nc.publish(sub.subject(), &payload).header("k", "v").await.unwrap();
                assert_eq!(next(&mut sub).await.payload(), payload);
                let message = next(&mut sub).await;
                assert_eq!((message.payload(), message.header("k")), (&payload[..], Some("v")));
            }
            assert_eq!(text(&nc.request(&subject, "whole").timeout(SOON).await.unwrap()), "whole");
            assert!(nc.request(unique(), "").await.unwrap_err().is_no_responders());
            nc.drain().await.unwrap();
        }
    }
}
