//! The stream of bytes, with frames made by hand.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::time::Duration;

use tokio::io::{AsyncReadExt, DuplexStream, duplex};
use tokio::time::timeout;

use super::*;

/// A client that reads messages of up to 1000 bytes, and the raw end of its server.
fn pair(buffer: usize) -> (WebSocket<DuplexStream>, DuplexStream) {
    let (client, server) = duplex(buffer);
    (WebSocket::new(client, &[], Agreed { masked: true, deflate: false }, 1000), server)
}

#[tokio::test]
async fn fragments_are_bounded_in_sum() {
    let (mut client, mut server) = pair(64 * 1024);
    server.write_all(&[&[2, 100], [0; 100].as_slice()].concat()).await.unwrap();
    for _ in 0..9 {
        server.write_all(&[&[0, 100], [0; 100].as_slice()].concat()).await.unwrap();
    }
    server.write_all(&[0x80, 0]).await.unwrap();
    client.read_exact(&mut [0; 1000]).await.unwrap();

    server.write_all(&[&[2, 100], [0; 100].as_slice()].concat()).await.unwrap();
    for _ in 0..10 {
        server.write_all(&[&[0, 100], [0; 100].as_slice()].concat()).await.unwrap();
    }
    client.read_exact(&mut [0; 1000]).await.unwrap();
    let error = client.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    assert!(error.to_string().contains("1000"), "{error}");
    // A close frame with a code goes out, and nothing more comes in.
    let mut close = [0; 8];
    server.read_exact(&mut close).await.unwrap();
    assert_eq!(close.first_chunk(), Some(&[0x88, 0x82]));
    assert_eq!(client.read(&mut [0; 10]).await.unwrap(), 0);
    assert_eq!(client.write(b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

#[tokio::test(start_paused = true)]
async fn pings_are_not_read_without_end_while_no_answer_is_taken() {
    let (mut client, mut server) = pair(1024);
    let ping = [0x89, 4, 1, 2, 3, 4];
    let mut sent = 0;
    let flood = async {
        loop {
            sent += server.write(ping.get(sent % ping.len()..).unwrap()).await.unwrap();
        }
    };
    // With the clock paused, time passes only when neither can go on.
    let stuck = timeout(Duration::from_secs(1), async { tokio::join!(flood, client.read_u8()) }).await;
    assert!(stuck.is_err());
    assert!(sent < 10_000, "{sent} bytes were taken in");
    // Once the answers are read, it goes on.
    let mut answers = vec![0; 10];
    server.read_exact(&mut answers).await.unwrap();
    assert_eq!(answers.get(..2).unwrap(), [0x8a, 0x84]);
    let (mut from, mut to) = tokio::io::split(server);
    tokio::spawn(async move { tokio::io::copy(&mut from, &mut tokio::io::sink()).await });
    tokio::spawn(async move {
        to.write_all(ping.get(sent % ping.len()..).unwrap()).await?;
        to.write_all(&[0x82, 1, 7]).await
    });
    assert_eq!(client.read_u8().await.unwrap(), 7);
}

/// Sends data in pieces and answers with the payloads of the frames that arrive, as they are, and their first bytes.
async fn sent(agreed: Agreed, buffer: usize, data: &[u8]) -> (Vec<Vec<u8>>, BTreeSet<u8>) {
    let (client, mut server) = duplex(buffer);
    let mut client = WebSocket::new(client, &[], agreed, 1000);
    client.set_max_payload(1 << 20);
    let (one, two) = data.split_at(data.len() / 3);
    let send = async {
        let mut parts = [IoSlice::new(one), IoSlice::new(&[]), IoSlice::new(two)];
        let mut parts = parts.as_mut_slice();
        while !parts.is_empty() {
            let n = poll_fn(|cx| Pin::new(&mut client).poll_write_vectored(cx, parts)).await.unwrap();
            IoSlice::advance_slices(&mut parts, n);
        }
        client.flush().await.unwrap();
        drop(client);
    };
    let receive = async {
        let (mut payloads, mut firsts) = (Vec::new(), BTreeSet::new());
        while let Ok(first) = server.read_u8().await {
            firsts.insert(first);
            let second = server.read_u8().await.unwrap();
            assert_eq!(second & 0x80 != 0, agreed.masked);
            let len = match second & 0x7f {
                126 => u64::from(server.read_u16().await.unwrap()),
                127 => server.read_u64().await.unwrap(),
                len => u64::from(len),
            };
            let mask = if agreed.masked { server.read_u32().await.unwrap().to_be_bytes() } else { [0; 4] };
            let mut payload = vec![0; usize::try_from(len).unwrap()];
            server.read_exact(&mut payload).await.unwrap();
            payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
            payloads.push(payload);
        }
        (payloads, firsts)
    };
    tokio::join!(send, receive).1
}

#[tokio::test]
async fn what_is_written_waits_when_nothing_is_taken_and_comes_whole() {
    let data: Vec<u8> = (0..300_000_u32).map(|i| (i % 251) as u8).collect();
    for masked in [true, false] {
        // Some buffers end in the middle of a header.
        for buffer in [1, 3, 1024, 65_538, 1 << 20] {
            let data = data.get(..if buffer < 10 { 3_000 } else { data.len() }).unwrap();
            let (payloads, firsts) = sent(Agreed { masked, deflate: false }, buffer, data).await;
            assert!(payloads.concat() == data, "{masked} {buffer}");
            assert!(firsts.into_iter().eq([0x82]));
        }
    }
}

#[cfg(feature = "websocket-deflate")]
#[tokio::test]
async fn what_is_written_compressed_is_read_compressed() {
    let data: Vec<u8> = (0..300_000_u32).map(|i| (i / 100 % 251) as u8).collect();
    for masked in [true, false] {
        let agreed = Agreed { masked, deflate: true };
        let (payloads, firsts) = sent(agreed, 1024, &data).await;
        assert!(payloads.concat().len() < 30_000);
        assert!(firsts.into_iter().eq([0xc2]));
        for room in [1, 77, 4096] {
            let (client, mut server) = duplex(1024);
            let mut client = WebSocket::new(client, &[], agreed, 100_000);
            let send = async {
                for payload in &payloads {
                    let (one, two) = payload.split_at(payload.len() / 2);
                    let mut frames = Vec::new();
                    for (first, part) in [(0x42, one), (0x89, b"ping"), (0x00, b""), (0x80, two)] {
                        let len = u16::try_from(part.len()).unwrap();
                        if len < 126 {
                            frames.extend([first, len as u8]);
                        } else {
                            frames.extend([first, 126]);
                            frames.extend(len.to_be_bytes());
                        }
                        frames.extend_from_slice(part);
                    }
                    server.write_all(&frames).await.unwrap();
                }
                server.shutdown().await.unwrap();
                let mut answers = Vec::new();
                server.read_to_end(&mut answers).await.unwrap();
                assert!(!answers.is_empty(), "pings are answered");
            };
            let receive = async move {
                let (mut all, mut some) = (Vec::new(), vec![0; room]);
                loop {
                    let n = client.read(&mut some).await.unwrap();
                    all.extend_from_slice(some.get(..n).unwrap());
                    if n == 0 {
                        drop(client);
                        return all;
                    }
                }
            };
            let ((), all) = tokio::join!(send, receive);
            assert!(all == data, "{masked} {room}");
        }
    }
}

#[tokio::test]
async fn a_frame_that_is_cut_is_an_end_and_text_is_checked() {
    for (bytes, good) in [
        (&[0x82, 10, b'x'][..], Some(1)),
        (&[0x01, 1, 0xc3, 0x80, 1, 0xa9], Some(2)),
        (&[0x01, 1, 0xc3, 0x80, 1, b'x'], None),
        (&[0x81, 1, 0xc3], None),
        (&[0x82, 1, 0xff], Some(1)),
    ] {
        let (mut client, mut server) = pair(1024);
        server.write_all(bytes).await.unwrap();
        server.shutdown().await.unwrap();
        let mut all = Vec::new();
        let read = client.read_to_end(&mut all).await;
        assert_eq!(read.ok(), good, "{bytes:?}");
    }
}
