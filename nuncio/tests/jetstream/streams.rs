//! Managing streams.

use std::time::Duration;

use nuncio::jetstream::{
    DiscardPolicy, Error, ErrorCode, Feature, NameKind, RetentionPolicy, StorageType, StreamConfig,
    StreamSource,
};
use nuncio_testkit::NatsServer;

use crate::support::*;

/// A configuration in memory that takes `<name>.>`.
fn config(name: &str) -> StreamConfig {
    StreamConfig::new(name).subjects([format!("{name}.>")]).storage(StorageType::Memory)
}

fn code<T>(outcome: Result<T, Error>) -> ErrorCode {
    outcome.err().and_then(|error| error.api_error().map(|error| error.err_code)).expect("a refusal")
}

#[tokio::test]
async fn a_stream_is_created_as_it_was_configured() {
    let (_server, _nc, js) = start().await;
    let config = config("A")
        .description("a <b> & c")
        .retention(RetentionPolicy::Interest)
        .max_messages(10)
        .max_age(Duration::from_nanos(3_600_000_000_001))
        .discard(DiscardPolicy::New)
        .allow_direct(true)
        .metadata("team", "blue");
    let stream = js.create_stream(config.clone()).await.unwrap();
    let info = stream.info().await.unwrap();
    assert_eq!(config.diff(&info.config), []);
    assert_eq!(info.config.max_age, config.max_age);
    assert_eq!(info.config.metadata, config.metadata);
    assert_eq!(stream.cached_info().unwrap().created, info.created);
    assert_eq!(js.get_stream("A").await.unwrap().name(), "A");
}

#[tokio::test]
async fn creating_the_same_stream_again_is_success_and_another_one_is_not() {
    let (_server, _nc, js) = start().await;
    js.create_stream(config("A")).await.unwrap();
    js.create_stream(config("A")).await.unwrap();
    let error = js.create_stream(config("A").max_messages(1)).await.unwrap_err();
    assert!(error.is_name_in_use(), "{error:?}");
    assert!(error.to_string().starts_with("$JS.API.STREAM.CREATE.A was refused: "), "{error}");
    assert!(error.to_string().ends_with("update the stream, or choose another name"), "{error}");
    let overlap = js.create_stream(StreamConfig::new("B").subjects(["A.x"])).await;
    assert_eq!(code(overlap), ErrorCode::STREAM_SUBJECT_OVERLAP);
}

#[tokio::test]
async fn an_update_changes_a_stream_and_says_what_it_cannot_change() {
    let (_server, _nc, js) = start().await;
    assert!(js.update_stream(config("A")).await.unwrap_err().is_stream_not_found());
    let stream = js.create_stream(config("A")).await.unwrap();
    let updated = stream.update(config("A").max_messages(5)).await.unwrap();
    assert_eq!(updated.cached_info().unwrap().config.max_messages, Some(5));
    let refused = stream.update(config("A").storage(StorageType::File)).await;
    assert_eq!(code(refused), ErrorCode::STREAM_INVALID_CONFIG);
}

#[tokio::test]
async fn create_or_update_does_what_is_needed() {
    let (_server, _nc, js) = start().await;
    let created = js.create_or_update_stream(config("A")).await.unwrap();
    assert_eq!(created.info().await.unwrap().config.max_messages, None);
    let updated = js.create_or_update_stream(config("A").max_messages(5)).await.unwrap();
    assert_eq!(updated.info().await.unwrap().config.max_messages, Some(5));
    let (created, updated) = (created.cached_info().unwrap(), updated.cached_info().unwrap());
    assert_eq!(created.created, updated.created);
}

#[tokio::test]
async fn a_configuration_that_was_read_can_be_written_back() {
    let (_server, nc, js) = start().await;
    let created = config("A").republish(nuncio::jetstream::Republish::new("copy.>")).metadata("k", "v");
    let stream = js.create_stream(created).await.unwrap();
    let info = stream.info().await.unwrap();
    // Servers without levels add nothing.
    assert_eq!(info.config.metadata.contains_key("_nats.ver"), level() > 0, "{info:?}");
    stream.update(info.config.clone().max_messages(7)).await.unwrap();
    let now = raw(&nc, "STREAM.INFO.A", "").await;
    assert_eq!(now["config"]["max_msgs"], 7);
    assert_eq!(now["config"]["republish"]["dest"], "copy.>");
    assert_eq!(now["config"]["metadata"]["k"], "v");
}

#[tokio::test]
async fn a_pedantic_request_is_refused_rather_than_put_right() {
    needs!(Pedantic);
    let (_server, _nc, js) = start().await;
    // The window for duplicates would be 2 minutes, and cannot be longer than that.
    let config = config("A").max_age(Duration::from_secs(1));
    assert_eq!(code(js.create_stream(config.clone()).pedantic().await), ErrorCode::PEDANTIC);
    let stream = js.create_stream(config).await.unwrap();
    assert_eq!(stream.cached_info().unwrap().config.duplicate_window, Some(Duration::from_secs(1)));
}

#[tokio::test]
async fn names_that_no_stream_can_have_are_refused_before_anything_is_sent() {
    let (_server, nc, js) = start().await;
    let sent = nc.statistics().published;
    for bad in ["", "a.b", "a b", "a*", "a>", "a/b", "a\\b", "a\r\nPUB x 0\r\n", &"n".repeat(256)] {
        let errors = [
            js.create_stream(StreamConfig::new(bad)).await.unwrap_err(),
            js.update_stream(StreamConfig::new(bad)).await.unwrap_err(),
            js.ensure_stream(StreamConfig::new(bad)).await.unwrap_err(),
            js.get_stream(bad).await.unwrap_err(),
            js.delete_stream(bad).await.unwrap_err(),
            js.bind_stream(bad).unwrap_err(),
        ];
        for error in errors {
            assert!(
                matches!(&error, Error::Name(name) if name.kind() == NameKind::Stream),
                "{bad}: {error:?}"
            );
        }
    }
    assert_eq!(nc.statistics().published, sent);
}

#[tokio::test]
async fn an_unknown_stream_is_a_typed_error_that_names_it() {
    let (_server, _nc, js) = start().await;
    let bound = js.bind_stream("NOPE").unwrap();
    assert!(bound.cached_info().is_none());
    let errors = [
        js.get_stream("NOPE").await.unwrap_err(),
        js.delete_stream("NOPE").await.unwrap_err(),
        bound.info().await.unwrap_err(),
        bound.purge().await.unwrap_err(),
        bound.delete_message(1).await.unwrap_err(),
        bound.seal().await.unwrap_err(),
        bound.consumers().next().await.unwrap().unwrap_err(),
    ];
    for error in errors {
        assert!(error.is_stream_not_found(), "{error:?}");
        assert!(
            error.to_string().contains(".NOPE was refused: stream not found (10059); create it"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn without_jetstream_for_the_account_a_call_says_so() {
    let accounts = "accounts { A { users = [{user: a, password: a}], jetstream: enabled }\n\
                    B { users = [{user: b, password: b}] } }";
    let server = NatsServer::builder().jetstream().config(accounts).start().await.unwrap();
    let port = server.port();
    let nc = client(format!("nats://b:b@127.0.0.1:{port}")).await;
    let error = nc.jetstream().create_stream(config("A")).await.unwrap_err();
    assert!(error.is_no_jetstream(), "{error:?}");
}

#[tokio::test]
async fn the_subjects_of_a_stream_are_counted() {
    let (_server, nc, js) = start().await;
    let stream = js.create_stream(config("A")).await.unwrap();
    for subject in ["A.1", "A.1", "A.2", "A.b.3"] {
        nc.request(subject, "x").await.unwrap();
    }
    let subjects = stream.subjects("A.*").await.unwrap();
    assert_eq!(subjects.into_iter().collect::<Vec<_>>(), [("A.1".into(), 2), ("A.2".into(), 1)]);
    let info = stream.info().await.unwrap();
    assert!(info.state.subjects.is_empty());
    assert_eq!(info.state.subjects_count, 3);
    assert!(stream.subjects("nothing").await.unwrap().is_empty());
}

#[tokio::test]
async fn all_pages_of_subjects_are_read() {
    let (_server, nc, _) = start().await;
    let js = nc.jetstream().prefix("fake").timeout(SOON);
    let mut asked = nc.subscribe("fake.>").confirmed().await.unwrap();
    let stream = js.bind_stream("A").unwrap();
    let page = |offset: u64, subjects: &str| {
        let head = format!(r#"{{"total":3,"offset":{offset},"limit":2,"config":{{"name":"A"}}"#);
        format!(r#"{head},"created":"2026-01-01T00:00:00Z","state":{{"subjects":{subjects}}}}}"#)
    };
    let answering = async {
        let first = asked.next().await.unwrap();
        assert_eq!(first.text(), Ok(r#"{"deleted_details":true,"subjects_filter":">"}"#));
        first.respond(page(0, r#"{"a":1,"b":2}"#)).await.unwrap();
        let second = asked.next().await.unwrap();
        assert_eq!(second.text(), Ok(r#"{"offset":2,"subjects_filter":">"}"#));
        second.respond(page(2, r#"{"c":3}"#)).await.unwrap();
    };
    let (info, ()) = both(async { stream.info().subjects(">").deleted().await }, answering).await;
    assert_eq!(info.unwrap().state.subjects.values().sum::<u64>(), 6);
}

#[tokio::test]
async fn deleted_messages_are_told_when_asked_for() {
    let (_server, nc, js) = start().await;
    let stream = js.create_stream(config("A")).await.unwrap();
    for _ in 0..5 {
        nc.request("A.1", "x").await.unwrap();
    }
    stream.delete_message(2).await.unwrap();
    stream.delete_message(4).erase().await.unwrap();
    let info = stream.info().deleted().await.unwrap();
    assert_eq!((info.state.deleted, info.state.deleted_count), (vec![2, 4], 2));
    assert!(stream.delete_message(99).await.unwrap_err().is_message_not_found());
}

#[tokio::test]
async fn a_message_is_erased_only_when_that_is_asked_for() {
    let (_server, nc, js) = start().await;
    let stream = js.create_stream(config("A")).await.unwrap();
    for _ in 0..2 {
        nc.request("A.1", "x").await.unwrap();
    }
    let mut audit = nc.subscribe("$JS.EVENT.ADVISORY.API").confirmed().await.unwrap();
    stream.delete_message(1).await.unwrap();
    stream.delete_message(2).erase().await.unwrap();
    for request in [r#"{"seq":1,"no_erase":true}"#, r#"{"seq":2}"#] {
        let told: serde_json::Value = soon(audit.next()).await.unwrap().json().unwrap();
        assert_eq!(told["request"], request);
    }
}

#[tokio::test]
async fn a_stream_says_when_it_was_asked_and_how_its_sources_do() {
    let (_server, nc, js) = start().await;
    let origin = js.create_stream(config("A")).await.unwrap();
    nc.request("A.1", "x").await.unwrap();
    let sources = [StreamSource::new("A").filter_subject("A.*"), StreamSource::new("GONE")];
    let fed = js.create_stream(config("F").sources(sources)).await.unwrap();
    let info = nuncio_testkit::eventually_async("the source to come", SOON, async || {
        let info = fed.info().await.ok()?;
        (info.state.messages == 1 && info.sources.iter().any(|source| source.active.is_some()))
            .then_some(info)
    });
    let info = info.await.unwrap();
    assert!(info.timestamp.is_some_and(|told| told >= info.created), "{info:?}");
    let source = |name: &str| info.sources.iter().find(|source| source.name == name).unwrap();
    assert_eq!((source("A").lag, source("A").filter_subject.as_deref()), (0, Some("A.*")));
    assert_eq!(source("GONE").active, None);
    assert_eq!(fed.get_message(1).await.unwrap().subject, "A.1");
    origin.delete().await.unwrap();
}

#[tokio::test]
async fn a_purge_removes_what_was_said() {
    let (_server, nc, js) = start().await;
    let stream = js.create_stream(config("A")).await.unwrap();
    let fill = async || {
        for subject in ["A.1", "A.1", "A.1", "A.2"] {
            nc.request(subject, "x").await.unwrap();
        }
    };
    fill().await;
    assert_eq!(stream.purge().filter("A.1").keep(1).await, Ok(2));
    assert_eq!(stream.purge().sequence(4).await, Ok(1));
    assert_eq!(stream.purge().await, Ok(1));
    let error = stream.purge().sequence(1).keep(1).await.unwrap_err();
    assert!(matches!(error, Error::Option { option: "keep", .. }), "{error:?}");
    let fixed = js.create_stream(config("B").deny_purge(true)).await.unwrap();
    assert!(fixed.purge().await.unwrap_err().api_error().is_some());
}

#[tokio::test]
async fn a_mirror_of_another_domain_is_reached_by_its_prefix() {
    let server = NatsServer::builder().jetstream_with("domain: hub").start().await.unwrap();
    let nc = client(server.url()).await;
    let js = nc.jetstream();
    let mirror = StreamSource::new("ORIGIN").domain("leaf").unwrap();
    let stream = js.create_stream(StreamConfig::new("M").mirror(mirror)).await.unwrap();
    let info = stream.info().await.unwrap();
    assert_eq!(info.domain.as_deref(), Some("hub"));
    let progress = info.mirror.unwrap();
    assert_eq!((progress.name.as_str(), progress.active), ("ORIGIN", None));
    assert_eq!(progress.external.unwrap().api, "$JS.leaf.API");
}

#[tokio::test]
async fn a_sealed_stream_takes_nothing_any_more() {
    let (_server, nc, js) = start().await;
    let stream = js.create_stream(config("A")).await.unwrap();
    nc.request("A.1", "x").await.unwrap();
    assert!(stream.seal().await.unwrap().config.sealed);
    let refused: serde_json::Value = nc.request("A.1", "x").await.unwrap().json().unwrap();
    assert_eq!(refused["error"]["err_code"], 10109);
}

#[tokio::test]
async fn what_needs_a_cluster_says_so() {
    let (_server, _nc, js) = start().await;
    let stream = js.create_stream(config("A")).await.unwrap();
    let outcomes = [
        (None, stream.step_down(None).await),
        (Some(Feature::PreferredLeader), stream.step_down(Some("n2")).await),
        (None, stream.remove_peer("n2").await),
        (Some(Feature::PeerEvacuate), stream.evacuate_peer("n2").await),
        (Some(Feature::CancelMove), stream.cancel_move().await),
    ];
    for (newer, outcome) in outcomes {
        if let Some(newer) = newer.filter(|newer| newer.level() > level()) {
            too_low(outcome, newer, level());
            continue;
        }
        let error = outcome.unwrap_err();
        assert!(error.to_string().ends_with("this server is not in a cluster"), "{error}");
        assert_eq!(code::<()>(Err(error)), ErrorCode::CLUSTER_REQUIRED);
    }
    let three = js.create_stream(config("B").num_replicas(3)).await;
    assert_eq!(code(three), ErrorCode::STREAM_REPLICAS_NOT_SUPPORTED);
}

#[tokio::test]
async fn the_account_says_what_it_uses() {
    let (_server, _nc, js) = start().await;
    js.create_stream(config("A")).await.unwrap();
    let account = js.account_info().await.unwrap();
    assert_eq!((account.usage.streams, account.api.level), (1, level()));
    assert_eq!(account.usage.limits.max_streams, None);
}

#[tokio::test]
async fn streams_are_managed_on_a_bare_thread() {
    let (_server, _nc, js) = start().await;
    let name = bare(move || {
        block_on(async {
            let stream = js.create_stream(config("A")).await?;
            stream.update(config("A").max_messages(1)).await?;
            stream.purge().await?;
            js.stream_by_subject("A.1").await
        })
    });
    assert_eq!(name.await, Ok("A".into()));
}

#[tokio::test]
async fn what_is_no_answer_is_told_with_the_call() {
    let (_server, nc, _) = start().await;
    let mut asked = nc.subscribe("fake.>").confirmed().await.unwrap();
    let js = nc.jetstream().prefix("fake").timeout(SOON);
    let answering = async {
        for answer in ["", "+OK", "{}", r#"{"config":7,"created":"yesterday"}"#] {
            asked.next().await.unwrap().respond(answer).await.unwrap();
        }
    };
    let asking = async {
        for _ in 0..4 {
            let error = js.get_stream("A").await.unwrap_err();
            assert!(matches!(error, Error::Answer { .. }), "{error:?}");
            assert!(
                error.to_string().starts_with("the answer to fake.STREAM.INFO.A is not understood"),
                "{error}"
            );
        }
    };
    both(asking, answering).await;
}
