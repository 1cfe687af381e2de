//! The core of the API, on one server and on three, with and without a domain, and with both forms of the subjects that
//! acknowledgements and flow control go to.

use std::time::Duration;

use nuncio::jetstream::{
    Ack, AckPolicy, Consumer, ConsumerConfig, ErrorCode, JetStream, JsMessage, Stream, StreamConfig,
};
use nuncio::{Client, jetstream};
use nuncio_testkit::{Cluster, NatsServer, eventually_async};

use crate::support::*;

const MESSAGES: u64 = 12;
/// Servers of 2.14 and later know the flag.
const LONG_FORM: &str = "feature_flags { js_ack_fc_v2: true }";
const DOMAIN: &str = "hub";

#[derive(Clone, Copy)]
struct Setup {
    servers: usize,
    domain: bool,
    long: bool,
}

/// Either of them, which has to be kept.
enum Running {
    One(Box<NatsServer>),
    Three(Cluster),
}

impl Running {
    fn url(&self) -> String {
        match self {
            Self::One(server) => server.url(),
            Self::Three(cluster) => cluster.urls().join(","),
        }
    }
}

impl Setup {
    fn settings(self) -> String {
        if self.domain { format!("domain: {DOMAIN}") } else { String::new() }
    }

    fn flags(self) -> &'static str {
        if self.long { LONG_FORM } else { "" }
    }

    async fn start(self) -> Result<Running, nuncio_testkit::Error> {
        if self.servers == 1 {
            let server = NatsServer::builder().jetstream_with(self.settings()).config(self.flags());
            return server.start().await.map(|server| Running::One(Box::new(server)));
        }
        let cluster = Cluster::of(self.servers).jetstream_with(self.settings()).config(self.flags());
        cluster.start().await.map(Running::Three)
    }

    fn domain(self) -> Option<&'static str> {
        self.domain.then_some(DOMAIN)
    }

    /// The whole of it, once by the plain API and, with a domain, once by that of the domain.
    async fn run(self) {
        if self.long && level() < 4 {
            assert!(self.start().await.is_err(), "a server that is older than the flag refuses it");
            return;
        }
        let running = self.start().await.unwrap();
        let nc = client(running.url()).await;
        let js = nc.jetstream().timeout(SOON);
        if self.servers > 1 {
            settled(&js).await;
        }
        self.core(&nc, &js).await;
        if self.domain {
            self.core(&nc, &js.domain(DOMAIN)).await;
        }
    }

    async fn core(self, nc: &Client, js: &JetStream) {
        let stream = self.stream(js).await;
        self.publishing(js).await;
        let consumer = self.consumer(&stream).await;
        self.fetching(&stream, &consumer).await;
        self.consuming(&consumer).await;
        self.reading(&stream).await;
        self.in_order(&stream).await;
        self.pushed(nc, &stream).await;
        self.end(js, stream).await;
    }

    async fn stream(self, js: &JetStream) -> Stream {
        let config = StreamConfig::new("S").subjects(["s.>"]).num_replicas(self.servers).allow_direct(true);
        let stream = js.create_stream(config).await.unwrap();
        let info = stream.info().await.unwrap();
        assert_eq!(info.domain.as_deref(), self.domain());
        assert_eq!(info.config.num_replicas, self.servers);
        assert_eq!(info.cluster.map_or(0, |cluster| cluster.replicas.len()), self.servers - 1);
        assert_eq!(js.account_info().await.unwrap().domain.as_deref(), self.domain());
        stream
    }

    async fn publishing(self, js: &JetStream) {
        for number in 1..=MESSAGES {
            let ack = js.publish("s.a", number.to_string()).message_id(&number.to_string()).await.unwrap();
            assert_eq!((&*ack.stream, ack.sequence, ack.duplicate), ("S", number, false));
            assert_eq!(ack.domain.as_deref(), self.domain());
        }
        let again = js.publish("s.a", "1").message_id("1").await.unwrap();
        assert_eq!((again.sequence, again.duplicate), (1, true));
        let error = js.publish("s.a", "x").expect_last_sequence(3).await.unwrap_err();
        assert!(error.is_wrong_last_sequence(), "{error:?}");
    }

    async fn consumer(self, stream: &Stream) -> Consumer {
        let consumer = stream.create_consumer(ConsumerConfig::durable("c")).await.unwrap();
        let other = ConsumerConfig::durable("c").ack_policy(AckPolicy::All);
        let refused = stream.create_consumer(other).await.unwrap_err().api_error().unwrap().err_code;
        assert_eq!(refused, ErrorCode::CONSUMER_ALREADY_EXISTS);
        let info = consumer.info().await.unwrap();
        assert_eq!((info.num_pending, info.stream_name.as_str()), (MESSAGES, "S"));
        assert_eq!(info.cluster.map_or(0, |cluster| cluster.replicas.len()), self.servers - 1);
        assert_eq!(stream.consumer_names().all().await, Ok(vec!["c".into()]));
        consumer
    }

    /// What a message knows, whatever the form of its reply subject.
    fn delivered(self, message: &JsMessage, sequence: u64, delivered: u64) {
        let tokens = message.reply().unwrap().split('.').count();
        assert_eq!(tokens, if self.long { 11 } else { 9 });
        let info = message.info().unwrap();
        assert_eq!((info.stream, info.consumer), (&b"S"[..], &b"c"[..]));
        assert_eq!((info.stream_sequence, info.delivered), (sequence, delivered));
        let domain = self.domain().filter(|_| self.long).map(str::as_bytes);
        assert_eq!((info.domain, info.account.is_some()), (domain, self.long));
        assert_eq!(message.text(), Ok(sequence.to_string().as_str()));
    }

    async fn fetching(self, stream: &Stream, consumer: &Consumer) {
        let mut batch = consumer.fetch(4).await.unwrap();
        for sequence in 1..=4 {
            let message = soon(batch.next()).await.unwrap().unwrap();
            self.delivered(&message, sequence, 1);
            match sequence {
                1 => message.ack().await.unwrap(),
                2 => message.double_ack().await.unwrap(),
                3 => message.term().await.unwrap(),
                _ => message.double_ack_with(Ack::Nak).await.unwrap(),
            }
        }
        assert!(soon(batch.next()).await.is_none());
        let again = soon(consumer.next()).await.unwrap().unwrap();
        self.delivered(&again, 4, 2);
        again.in_progress().await.unwrap();
        again.double_ack().await.unwrap();
        let acknowledged = async || {
            let info = stream.consumer("c").await.ok()?.cached_info()?.clone();
            (info.ack_floor.stream_sequence == 4 && info.num_ack_pending == 0).then_some(())
        };
        eventually_async("the acknowledgements to arrive", SOON, acknowledged).await.unwrap();
    }

    async fn consuming(self, consumer: &Consumer) {
        let mut messages = consumer.consume().max_messages(3).stop_after(MESSAGES - 4).await.unwrap();
        let mut sequence = 4;
        while let Some(message) = soon(messages.next()).await {
            sequence += 1;
            let message = message.unwrap();
            self.delivered(&message, sequence, 1);
            message.double_ack().await.unwrap();
        }
        assert_eq!(sequence, MESSAGES);
        let info = consumer.info().await.unwrap();
        assert_eq!((info.ack_floor.stream_sequence, info.num_pending), (MESSAGES, 0));
        assert!(soon(consumer.next().no_wait().into_future()).await.unwrap().is_none());
    }

    async fn reading(self, stream: &Stream) {
        assert_eq!(stream.get_message(7).await.unwrap().text(), Ok("7"));
        assert_eq!(stream.last_message("s.a").await.unwrap().sequence, MESSAGES);
        // Any replica may answer, and one may be a little behind.
        let read = async || stream.direct_get(MESSAGES).await.ok();
        let message = eventually_async("the message to be read", SOON, read).await.unwrap();
        assert_eq!((message.stream.as_deref(), message.text()), (Some("S"), Ok("12")));
        assert!(stream.direct_get(99).await.unwrap_err().is_message_not_found());
        let all = async || stream.direct_batch().all().await.ok().filter(|all| all.len() == 12);
        if level() >= jetstream::Feature::DirectBatch.level() {
            eventually_async("all messages to be read", SOON, all).await.unwrap();
        }
    }

    async fn in_order(self, stream: &Stream) {
        let mut ordered = stream.ordered_consumer().await.unwrap();
        for number in 1..=MESSAGES {
            let message = soon(ordered.next()).await.unwrap().unwrap();
            assert_eq!(message.info().unwrap().stream_sequence, number);
            assert_eq!(message.text(), Ok(number.to_string().as_str()));
        }
        assert_eq!(ordered.cursor(), Some(MESSAGES));
    }

    /// More than the server sends before it asks for flow control.
    async fn pushed(self, nc: &Client, stream: &Stream) {
        for _ in 0..30 {
            stream.jetstream().publish("s.big", vec![7; 100_000]).await.unwrap();
        }
        let mut seen = nc.subscribe("$JS.FC.>").confirmed().await.unwrap();
        let config = ConsumerConfig::named("p")
            .flow_control(true)
            .idle_heartbeat(Duration::from_millis(500))
            .filter_subject("s.big");
        let mut messages = stream.push_consumer(config).await.unwrap();
        for _ in 0..30 {
            let message = soon(messages.next()).await.unwrap().unwrap();
            assert_eq!(message.payload().len(), 100_000);
            message.ack().await.unwrap();
        }
        let answer = soon(seen.next()).await.unwrap();
        assert_eq!(answer.subject().split('.').count(), if self.long { 7 } else { 5 });
        drop(messages);
    }

    async fn end(self, js: &JetStream, stream: Stream) {
        assert_eq!(stream.purge().filter("s.a").await, Ok(MESSAGES));
        stream.delete_consumer("c").await.unwrap();
        assert!(stream.consumer("c").await.unwrap_err().is_consumer_not_found());
        stream.delete().await.unwrap();
        assert!(js.get_stream("S").await.unwrap_err().is_stream_not_found());
    }
}

#[tokio::test]
async fn one_server() {
    Setup { servers: 1, domain: false, long: false }.run().await;
}

#[tokio::test]
async fn one_server_in_a_domain() {
    Setup { servers: 1, domain: true, long: false }.run().await;
}

#[tokio::test]
async fn one_server_with_the_long_form() {
    Setup { servers: 1, domain: false, long: true }.run().await;
}

#[tokio::test]
async fn one_server_in_a_domain_with_the_long_form() {
    Setup { servers: 1, domain: true, long: true }.run().await;
}

#[tokio::test]
async fn three_servers() {
    Setup { servers: 3, domain: false, long: false }.run().await;
}

#[tokio::test]
async fn three_servers_in_a_domain() {
    Setup { servers: 3, domain: true, long: false }.run().await;
}

#[tokio::test]
async fn three_servers_with_the_long_form() {
    Setup { servers: 3, domain: false, long: true }.run().await;
}

#[tokio::test]
async fn three_servers_in_a_domain_with_the_long_form() {
    Setup { servers: 3, domain: true, long: true }.run().await;
}
