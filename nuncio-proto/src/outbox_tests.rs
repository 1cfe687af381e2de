use proptest::prelude::*;

use super::*;

/// All bytes of a batch, in the order in which they would be written.
fn wire(batch: &Batch) -> Vec<u8> {
    let mut slices = [IoSlice::new(&[]); 64];
    let used = batch.slices(&mut slices);
    slices[..used].iter().flat_map(|s| s.to_vec()).collect()
}

fn sample() -> Batch {
    let mut batch = Batch::new();
    batch.publish(b"a", None, None, &Payload::Borrowed(b"one"));
    batch.control(|out| encode::subscribe(out, b"s", None, 1));
    batch.publish(b"b", Some(b"r"), None, &Payload::Shared(Bytes::from(vec![b'x'; CHAIN_FROM])));
    batch.control(|out| out.extend_from_slice(encode::PING));
    batch.publish(b"c", None, None, &Payload::Shared(Bytes::from_static(b"\r\nPUB d 1\r\n")));
    batch
}

#[test]
fn large_shared_payloads_are_chained_and_small_ones_copied() {
    let batch = sample();
    assert_eq!(batch.chained.len(), 1);
    let mut expected = b"PUB a 3\r\none\r\nSUB s 1\r\nPUB b r 4096\r\n".to_vec();
    expected.extend(vec![b'x'; CHAIN_FROM]);
    expected.extend(b"\r\nPING\r\nPUB c 11\r\n\r\nPUB d 1\r\n\r\n");
    assert_eq!(wire(&batch), expected);
    assert_eq!(batch.len(), expected.len());
    assert_eq!(batch.messages(), 3);
}

#[test]
fn writing_goes_on_where_it_stopped_at_every_offset() {
    let all = wire(&sample());
    for cut in 0..=all.len() {
        let mut batch = sample();
        batch.advance(cut);
        assert_eq!(wire(&batch), &all[cut..], "cut at {cut}");
        assert_eq!(batch.remaining(), all.len() - cut);
    }
}

#[test]
fn a_cut_at_every_offset_keeps_only_messages_of_which_nothing_was_written() {
    let all = wire(&sample());
    let only = |n: usize| {
        let mut keep = Batch::new();
        if n >= 3 {
            keep.publish(b"a", None, None, &Payload::Borrowed(b"one"));
        }
        if n >= 2 {
            keep.publish(b"b", Some(b"r"), None, &Payload::Shared(Bytes::from(vec![b'x'; CHAIN_FROM])));
        }
        if n >= 1 {
            keep.publish(b"c", None, None, &Payload::Shared(Bytes::from_static(b"\r\nPUB d 1\r\n")));
        }
        wire(&keep)
    };
    for cut in 0..=all.len() {
        let mut batch = sample();
        batch.advance(cut);
        let mut keep = Batch::new();
        let count = batch.salvage(&mut keep);
        assert_eq!(count.written + count.torn + count.kept, 3, "cut at {cut}");
        assert!(count.torn <= 1);
        assert_eq!(wire(&keep), only(count.kept as usize), "cut at {cut}");
        assert_eq!(keep.messages(), count.kept);
    }
}

#[test]
fn dropping_the_oldest_keeps_the_newest_and_all_control_frames() {
    let mut batch = sample();
    let dropped = batch.drop_oldest(200);
    assert_eq!(dropped, 2);
    assert_eq!(wire(&batch), b"SUB s 1\r\nPING\r\nPUB c 11\r\n\r\nPUB d 1\r\n\r\n");
    assert_eq!(batch.messages(), 1);
}

#[test]
fn messages_too_large_for_a_server_are_dropped_and_the_rest_stays() {
    let mut batch = sample();
    assert_eq!(batch.drop_larger(CHAIN_FROM - 1), 1);
    assert_eq!(wire(&batch), b"PUB a 3\r\none\r\nSUB s 1\r\nPING\r\nPUB c 11\r\n\r\nPUB d 1\r\n\r\n");
}

#[test]
fn clearing_gives_memory_back_beyond_what_is_kept() {
    let mut batch = Batch::new();
    batch.publish(b"a", None, None, &Payload::Borrowed(&[0; 100_000]));
    batch.clear(1024);
    assert!(batch.capacity() <= 1024);
    assert!(batch.is_empty());
}

proptest! {
    #[test]
    fn messages_of_any_content_survive_a_salvage(
        payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..20),
        written in 0usize..600,
    ) {
        let mut batch = Batch::new();
        let mut ends = vec![];
        for payload in &payloads {
            batch.publish(b"s.t", None, None, &Payload::Borrowed(payload));
            ends.push(batch.len());
        }
        let written = written.min(batch.len());
        batch.advance(written);
        let all = wire(&batch);
        let mut keep = Batch::new();
        let count = batch.salvage(&mut keep);
        prop_assert_eq!(count.written, ends.iter().filter(|end| **end <= written).count() as u64);
        prop_assert_eq!(count.written + count.torn + count.kept, payloads.len() as u64);
        prop_assert!(all.ends_with(&wire(&keep)));
    }
}

#[test]
fn the_reply_subject_of_each_message_is_told() {
    let mut batch = sample();
    let mut headers = HeaderMap::new();
    headers.append("a", "b c d").unwrap();
    batch.publish(b"d", Some(b"r2"), Some(&headers), &Payload::Borrowed(b"PUB x y 1\r\n"));
    batch.publish(b"e", None, Some(&headers), &Payload::Borrowed(b""));
    batch.forward(
        b"f",
        Some(b"r3"),
        b"NATS/1.0\r\n\r\n",
        &Payload::Shared(Bytes::from(vec![b'x'; CHAIN_FROM])),
    );
    let mut replies = Vec::new();
    batch.replies(|reply| replies.push(reply.to_vec()));
    assert_eq!(replies, [b"r".to_vec(), b"r2".to_vec(), b"r3".to_vec()]);
}

#[test]
fn what_is_left_is_one_piece_once_the_chained_payloads_are_written() {
    let large = Bytes::from(vec![b'x'; CHAIN_FROM]);
    let mut batch = Batch::new();
    batch.publish(b"a", None, None, &Payload::Borrowed(b"1"));
    assert_eq!(batch.rest(), Some(&b"PUB a 1\r\n1\r\n"[..]));
    batch.publish(b"b", None, None, &Payload::Share(&large));
    assert_eq!(batch.rest(), None);
    batch.advance(batch.len() - 3);
    assert_eq!(batch.rest(), None, "a byte of the payload is left");
    batch.advance(1);
    assert_eq!(batch.rest(), Some(&b"\r\n"[..]));
    batch.advance(2);
    assert_eq!((batch.rest(), batch.remaining()), (Some(&b""[..]), 0));
    batch.clear(1000);
    assert_eq!((batch.rest(), batch.len()), (Some(&b""[..]), 0));
}

#[test]
fn the_weight_of_a_batch_is_that_of_its_payloads_and_control_lines() {
    let large = Bytes::from(vec![b'x'; CHAIN_FROM]);
    let payloads = [
        (Payload::Borrowed(&large), CHAIN_FROM),
        (Payload::Share(&large), CHAIN_FROM / 2),
        (Payload::Shared(large.clone()), CHAIN_FROM / 2),
        (Payload::Shared(large.slice(1..)), CHAIN_FROM - 1),
    ];
    for (payload, weight) in payloads {
        let mut batch = Batch::new();
        batch.publish(b"a", None, None, &payload);
        assert_eq!((payload.weight(), batch.weight()), (weight, weight + "PUB a 4096\r\n\r\n".len()));
    }
}
