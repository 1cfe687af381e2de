//! What cannot be is refused with an error that names the stream, the consumer or the option, and says what would do.

use std::error::Error as _;
use std::fmt::Debug;

use nuncio::jetstream::{
    ConsumeError, ConsumerConfig, Error, ErrorCode, NameKind, PrefixError, StorageType, StreamConfig,
};
use nuncio_testkit::NatsServer;

use crate::support::*;

const BAD: [&str; 5] = ["", "a..b", "a b", ">.a", "a\r\nPUB x 0\r\n"];

fn option<T: Debug>(outcome: Result<T, Error>, expected: &str, bad: &str) {
    let error = outcome.unwrap_err();
    assert!(matches!(&error, Error::Option { option, .. } if *option == expected), "{bad:?}: {error:?}");
    let text = error.to_string();
    assert!(text.starts_with(&format!("option {expected}: ")) && !text.contains('\r'), "{text}");
}

#[tokio::test]
async fn what_no_subject_matches_is_refused_before_anything_is_sent() {
    let (_server, nc, js) = start().await;
    let config = |subject: &str| StreamConfig::new("B").subjects([subject]).storage(StorageType::Memory);
    let stream = js.create_stream(config("b.>")).await.unwrap();
    let sent = nc.statistics().published;
    for bad in BAD {
        option(js.create_stream(config(bad)).await, "subjects", bad);
        option(js.update_stream(config(bad)).await, "subjects", bad);
        option(js.stream_by_subject(bad).await, "subject", bad);
        option(js.streams().subject(bad).all().await, "subject", bad);
        option(stream.purge().filter(bad).await, "filter", bad);
        option(stream.subjects(bad).await, "subjects", bad);
        option(stream.last_message(bad).await, "subject", bad);
        option(stream.next_message(bad, 1).await, "subject", bad);
        let one = ConsumerConfig::named("c").filter_subject(bad);
        option(stream.create_consumer(one.clone()).await, "filter_subject", bad);
        option(stream.update_consumer(one.clone()).await, "filter_subject", bad);
        let several = ConsumerConfig::named("c").filter_subjects(["b.1", bad]);
        option(stream.create_or_update_consumer(several).await, "filter_subjects", bad);
        let consuming = [
            ("filter_subject", stream.push_consumer(one).await.map(drop)),
            ("filter_subjects", stream.ordered_consumer().filter_subject(bad).await.map(drop)),
        ];
        for (name, outcome) in consuming {
            let ConsumeError::Api(error) = outcome.unwrap_err() else { panic!("{bad:?}") };
            option(Err::<(), _>(*error), name, bad);
        }
    }
    assert_eq!(nc.statistics().published, sent);
}

#[tokio::test]
async fn a_push_consumer_needs_names_that_can_be() {
    let (_server, nc, js) = start().await;
    let sent = nc.statistics().published;
    for (stream, consumer) in [("a.b", "c"), ("S", "a.b"), ("S", "")] {
        let error = js.push_consumer(stream, ConsumerConfig::durable(consumer)).await.unwrap_err();
        let kind = if stream == "S" { NameKind::Consumer } else { NameKind::Stream };
        let ConsumeError::Api(error) = error else { panic!("{error:?}") };
        assert!(matches!(&*error, Error::Name(name) if name.kind() == kind), "{error:?}");
    }
    assert_eq!(nc.statistics().published, sent);
}

#[tokio::test]
async fn a_prefix_that_cannot_be_is_told_with_its_text() {
    let (_server, nc, _) = start().await;
    let error = nc.jetstream().prefix("from..acme").level().await.unwrap_err();
    assert!(matches!(&error, Error::Prefix(PrefixError::Subject { prefix, .. }) if prefix == "from..acme"));
    assert_eq!(
        error.to_string(),
        "the prefix of the JetStream API, \"from..acme\", must be a subject such as \"$JS.hub.API\""
    );
    assert!(error.source().is_some_and(|cause| cause.to_string().contains("from..acme")), "{error:?}");
    let error = nc.jetstream().prefix("from.*").get_stream("A").await.unwrap_err();
    assert!(error.to_string().contains("\"from.*\", must not hold the wildcards"), "{error}");
    let error = nc.jetstream().domain("eu.hub").account_info().await.unwrap_err();
    assert!(error.to_string().starts_with("invalid domain name \"eu.hub\": "), "{error}");
}

#[tokio::test]
async fn without_jetstream_every_kind_of_call_says_what_to_enable() {
    let server = NatsServer::start().await.unwrap();
    let nc = client(server.url()).await;
    let js = nc.jetstream().timeout(SOON);
    let stream = js.bind_stream("A").unwrap();
    let errors = [
        js.create_stream(StreamConfig::new("A")).await.unwrap_err(),
        stream.info().await.unwrap_err(),
        stream.create_consumer(ConsumerConfig::durable("c")).await.unwrap_err(),
        js.account_info().await.unwrap_err(),
    ];
    for error in errors {
        assert!(error.is_no_jetstream(), "{error:?}");
        assert!(error.to_string().contains("JetStream is not enabled there"), "{error}");
    }
}

#[tokio::test]
async fn an_account_without_jetstream_says_what_to_enable() {
    let accounts = "accounts { A { users = [{user: a, password: a}], jetstream: enabled }\n\
                    B { users = [{user: b, password: b}] } }";
    let server = NatsServer::builder().jetstream().config(accounts).start().await.unwrap();
    let nc = client(format!("nats://b:b@127.0.0.1:{}", server.port())).await;
    let error = nc.jetstream().create_stream(StreamConfig::new("A")).await.unwrap_err();
    assert_eq!(error.api_error().unwrap().err_code, ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT);
    assert!(error.to_string().ends_with("for the account too if it has several"), "{error}");
}

#[tokio::test]
async fn a_wrong_sequence_is_a_typed_error_that_names_the_subject_and_what_was_expected() {
    let (_server, _nc, js) = start().await;
    let config = StreamConfig::new("A").subjects(["a.>"]).storage(StorageType::Memory);
    let stream = js.create_stream(config).await.unwrap();
    js.publish("a.1", "x").await.unwrap();
    let error = js.publish("a.1", "x").expect_last_sequence(7).await.unwrap_err();
    assert!(error.is_wrong_last_sequence(), "{error:?}");
    assert_eq!(error.to_string(), "the message for \"a.1\" was refused: wrong last sequence: 1 (10071)");
    for error in [stream.get_message(9).await.unwrap_err(), stream.delete_message(9).await.unwrap_err()] {
        assert!(error.is_message_not_found(), "{error:?}");
        assert!(error.to_string().contains(".A was refused: "), "{error}");
    }
}
