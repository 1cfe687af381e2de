use std::collections::HashSet;

use crate::wire::{connected, memory, quiet};

#[tokio::test]
async fn subscribers_get_messages_in_the_order_of_the_publishes() {
    let server = memory().await;
    let (mut publisher, mut subscriber) = (quiet(&server).await, quiet(&server).await);
    subscriber.ask("SUB a 7\r\n").await;
    publisher.send("PUB a 1\r\n1\r\nPUB a r 1\r\n2\r\nPUB b 1\r\n-\r\nPUB a 0\r\n\r\n").await;
    let expected = "MSG a 7 1\r\n1\r\nMSG a 7 r 1\r\n2\r\nMSG a 7 0\r\n\r\n";
    assert_eq!(subscriber.until(expected).await, expected);
}

#[tokio::test]
async fn wildcards_match_one_token_or_all_the_rest() {
    let server = memory().await;
    let mut wire = quiet(&server).await;
    wire.ask("SUB > 1\r\nSUB a.* 2\r\nSUB a.b 3\r\nSUB a.> 4\r\nSUB *.b.* 5\r\n").await;
    assert_eq!(wire.ask("PUB a.b 0\r\n\r\n").await.matches("MSG").count(), 4);
    assert_eq!(wire.ask("PUB a 0\r\n\r\n").await, "MSG a 1 0\r\n\r\n");
    assert_eq!(wire.ask("PUB x.b.y 0\r\n\r\n").await, "MSG x.b.y 1 0\r\n\r\nMSG x.b.y 5 0\r\n\r\n");
}

#[tokio::test]
async fn a_second_sub_of_the_same_id_is_ignored() {
    let server = memory().await;
    let mut wire = quiet(&server).await;
    let answer = wire.ask("SUB a 1\r\nSUB b 1\r\nPUB a 1\r\nx\r\nPUB b 1\r\ny\r\n").await;
    assert_eq!(answer, "MSG a 1 1\r\nx\r\n");
}

#[tokio::test]
async fn unsub_ends_at_once() {
    let server = memory().await;
    let mut wire = quiet(&server).await;
    assert_eq!(wire.ask("SUB a 1\r\nUNSUB 1\r\nPUB a 1\r\nx\r\n").await, "");
    assert_eq!(wire.ask("SUB a 1\r\nUNSUB 1 0\r\nPUB a 1\r\nx\r\n").await, "");
}

#[tokio::test]
async fn unsub_with_max_counts_from_the_sub_on() {
    let server = memory().await;
    for (operations, delivered) in [
        ("SUB a 1\r\nPUB a 0\r\n\r\nPUB a 0\r\n\r\nUNSUB 1 3\r\nPUB a 0\r\n\r\nPUB a 0\r\n\r\n", 3),
        ("SUB a 1\r\nPUB a 0\r\n\r\nPUB a 0\r\n\r\nUNSUB 1 2\r\nPUB a 0\r\n\r\n", 2),
        ("SUB a 1\r\nUNSUB 1 1\r\nUNSUB 1 2\r\nPUB a 0\r\n\r\nPUB a 0\r\n\r\nPUB a 0\r\n\r\n", 2),
    ] {
        let mut wire = quiet(&server).await;
        assert_eq!(wire.ask(operations).await.matches("MSG").count(), delivered, "{operations:?}");
        assert_eq!(server.connections().last().unwrap().subscriptions, []);
    }
}

#[tokio::test]
async fn a_max_of_more_than_nine_digits_is_none() {
    let server = memory().await;
    for (max, delivered) in [("999999999", 1), ("1000000000", 0)] {
        let mut wire = quiet(&server).await;
        let answer = wire.ask(format!("SUB a 1\r\nUNSUB 1 {max}\r\nPUB a 0\r\n\r\n")).await;
        assert_eq!(answer.matches("MSG").count(), delivered, "{max}");
    }
}

#[tokio::test]
async fn headers_arrive_with_those_who_understand_them() {
    let server = memory().await;
    let (mut publisher, mut with) = (quiet(&server).await, quiet(&server).await);
    let mut without = connected(&server, r#"{"verbose":false,"headers":false}"#).await;
    with.ask("SUB a 1\r\n").await;
    without.ask("SUB a 1\r\n").await;
    publisher.ask("HPUB a r 18 20\r\nNATS/1.0\r\nA: b\r\n\r\nhi\r\n").await;
    assert_eq!(with.ask("").await, "HMSG a 1 r 18 20\r\nNATS/1.0\r\nA: b\r\n\r\nhi\r\n");
    assert_eq!(without.ask("").await, "MSG a 1 r 2\r\nhi\r\n");
}

#[tokio::test]
async fn a_header_block_is_passed_on_as_it_is() {
    let server = memory().await;
    let mut wire = quiet(&server).await;
    wire.ask("SUB a 1\r\n").await;
    assert_eq!(wire.ask("HPUB a 3 4\r\nabcx\r\n").await, "HMSG a 1 3 4\r\nabcx\r\n");
}

#[tokio::test]
async fn bytes_that_are_no_text_pass_through() {
    let server = memory().await;
    let mut wire = quiet(&server).await;
    wire.ask(b"SUB \xff\x01.* 1\r\n").await;
    wire.send(b"PUB \xff\x01.\xfe 3\r\n\0\r\n\r\n").await;
    assert_eq!(wire.until("\0\r\n\r\n").await, "MSG \u{fffd}\u{1}.\u{fffd} 1 3\r\n\0\r\n\r\n");
}

#[tokio::test]
async fn without_echo_a_client_does_not_hear_itself() {
    let server = memory().await;
    let mut other = quiet(&server).await;
    other.ask("SUB a 1\r\n").await;
    let mut wire = connected(&server, r#"{"verbose":false,"echo":false}"#).await;
    assert_eq!(wire.ask("SUB a 1\r\nSUB a q 2\r\nPUB a 1\r\nx\r\n").await, "");
    assert_eq!(other.ask("").await, "MSG a 1 1\r\nx\r\n");
}

#[tokio::test]
async fn a_queue_group_gets_each_message_once() {
    let server = memory().await;
    let mut members = [quiet(&server).await, quiet(&server).await, quiet(&server).await];
    for wire in &mut members {
        wire.ask("SUB a.* q 1\r\n").await;
    }
    let mut publisher = quiet(&server).await;
    let all = "PUB a.b 0\r\n\r\n".repeat(60);
    publisher.ask(all).await;
    let mut counts = Vec::new();
    for wire in &mut members {
        counts.push(wire.ask("").await.matches("MSG").count());
    }
    assert_eq!(counts.iter().sum::<usize>(), 60);
    assert!(counts.iter().all(|count| *count > 5), "{counts:?}");
}

#[tokio::test]
async fn groups_and_plain_subscriptions_each_get_a_copy() {
    let server = memory().await;
    let mut wire = quiet(&server).await;
    wire.ask("SUB a q 1\r\nSUB a q 2\r\nSUB a r 3\r\nSUB a 4\r\nSUB > q 5\r\n").await;
    let answer = wire.ask("PUB a 0\r\n\r\n").await;
    let sids: HashSet<&str> = answer.lines().filter_map(|line| line.split(' ').nth(2)).collect();
    assert_eq!(answer.matches("MSG").count(), 3);
    assert!(sids.contains("3") && sids.contains("4"));
}

#[tokio::test]
async fn a_group_passes_over_a_member_that_may_not_hear_it() {
    let server = memory().await;
    let mut deaf = connected(&server, r#"{"verbose":false,"echo":false}"#).await;
    let mut other = quiet(&server).await;
    deaf.ask("SUB a q 1\r\n").await;
    other.ask("SUB a q 1\r\n").await;
    deaf.ask("PUB a 0\r\n\r\n".repeat(8)).await;
    assert_eq!(other.ask("").await.matches("MSG").count(), 8);
}

#[tokio::test]
async fn the_seed_decides_who_of_a_group_is_chosen() {
    let mut runs = Vec::new();
    for seed in [5, 5, 6] {
        let server = nuncio_server::Server::builder().in_memory().seed(seed).start().await.unwrap();
        let mut wire = quiet(&server).await;
        wire.ask("SUB a q 1\r\nSUB a q 2\r\nSUB a q 3\r\n").await;
        runs.push(wire.ask("PUB a 0\r\n\r\n".repeat(40)).await);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}

const NOBODY: &str = "HMSG r.1 2 36 36\r\nNATS/1.0 503\r\nNats-Subject: none\r\n\r\n\r\n";

#[tokio::test]
async fn a_request_without_responders_is_answered_503() {
    let server = memory().await;
    let mut wire = quiet(&server).await;
    assert_eq!(wire.ask("SUB r.* 2\r\nPUB none r.1 1\r\nx\r\n").await, NOBODY);
}

#[tokio::test]
async fn the_503_does_not_count_as_a_delivery() {
    let server = memory().await;
    let mut wire = quiet(&server).await;
    let answer = wire.ask("SUB r.* 2\r\nUNSUB 2 1\r\nPUB none r.1 0\r\n\r\nPUB none r.1 0\r\n\r\n").await;
    assert_eq!(answer, NOBODY.repeat(2));
}

#[tokio::test]
async fn only_a_plain_subscription_of_the_same_client_gets_the_503() {
    let server = memory().await;
    let (mut wire, mut other) = (quiet(&server).await, quiet(&server).await);
    other.ask("SUB r.* 1\r\n").await;
    assert_eq!(wire.ask("SUB r.* q 2\r\nPUB none r.1 0\r\n\r\n").await, "");
    assert_eq!(other.ask("").await, "");
}

#[tokio::test]
async fn a_client_that_did_not_ask_gets_no_503() {
    let server = memory().await;
    let mut wire = connected(&server, r#"{"verbose":false,"headers":true}"#).await;
    assert_eq!(wire.ask("SUB r 1\r\nPUB none r 0\r\n\r\n").await, "");
}

#[tokio::test]
async fn without_echo_a_client_is_no_responder_of_its_own() {
    let server = memory().await;
    let options = r#"{"verbose":false,"headers":true,"no_responders":true,"echo":false}"#;
    let mut wire = connected(&server, options).await;
    assert_eq!(wire.ask("SUB none 1\r\nSUB r.1 2\r\nPUB none r.1 0\r\n\r\n").await, NOBODY);
}

#[tokio::test]
async fn the_ok_of_a_publish_comes_before_what_it_causes() {
    let server = memory().await;
    let options = r#"{"verbose":true,"headers":true,"no_responders":true}"#;
    let mut wire = connected(&server, options).await;
    assert_eq!(wire.ask("SUB r.1 2\r\nPUB none r.1 0\r\n\r\n").await, format!("+OK\r\n+OK\r\n{NOBODY}"));
}
