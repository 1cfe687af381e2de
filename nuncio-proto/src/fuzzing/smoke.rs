//! A short run of every fuzz body over the corpus and mutations of it, on stable, without the fuzzer.

use std::{fs, path::Path};

/// Runs `body` over all corpus files of `target` and over `mutations` random changes of them, the same each time.
fn smoke(target: &str, mutations: usize, body: fn(&[u8])) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut paths: Vec<_> = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let seeds: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(!seeds.is_empty(), "no corpus in {}", dir.display());
    seeds.iter().for_each(|seed| body(seed));
    let mut random = fastrand::Rng::with_seed(0x6e75_6e63_696f);
    for _ in 0..mutations {
        let mut data = seeds[random.usize(..seeds.len())].clone();
        for _ in 0..random.usize(1..5) {
            mutate(&mut data, &seeds, &mut random);
        }
        body(&data);
    }
}

/// Bytes that mean something somewhere on the wire.
const TELLING: &[u8] = b" \t\r\n\0\x01\x7f\x80\xff0199:'\"{}[],.*>+-/@%MHPx";

fn mutate(data: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut fastrand::Rng) {
    let at = random.usize(..=data.len());
    let telling = TELLING[random.usize(..TELLING.len())];
    match random.u8(..7) {
        0 => data.insert(at, telling),
        1 if at < data.len() => data[at] = telling,
        2 if at < data.len() => data[at] ^= 1 << random.u8(..8),
        3 => data.truncate(at),
        4 if at < data.len() => drop(data.drain(at..(at + random.usize(1..9)).min(data.len()))),
        5 => {
            let copy: Vec<u8> = data[at..].iter().take(random.usize(1..17)).copied().collect();
            data.splice(at..at, copy);
        }
        _ => {
            let other = &seeds[random.usize(..seeds.len())];
            data.truncate(at);
            data.extend_from_slice(&other[random.usize(..=other.len())..]);
        }
    }
}

#[test]
fn server_ops_hold_on_the_corpus() {
    smoke("server_ops", 40_000, super::server_ops);
}

#[test]
fn client_ops_hold_on_the_corpus() {
    smoke("client_ops", 40_000, super::client_ops);
}

#[test]
fn headers_hold_on_the_corpus() {
    smoke("headers", 20_000, super::headers);
}

#[test]
fn info_holds_on_the_corpus() {
    smoke("info", 20_000, super::info);
}

#[test]
fn urls_hold_on_the_corpus() {
    smoke("urls", 20_000, super::urls);
}

#[test]
fn websocket_frames_hold_on_the_corpus() {
    smoke("websocket_frames", 40_000, super::websocket_frames);
}

#[test]
fn ack_subjects_hold_on_the_corpus() {
    smoke("ack_subjects", 20_000, super::ack_subjects);
}

#[test]
fn statuses_hold_on_the_corpus() {
    smoke("statuses", 20_000, super::statuses);
}

#[test]
fn api_replies_hold_on_the_corpus() {
    smoke("api_replies", 5_000, super::api_replies);
}

#[test]
fn pubacks_hold_on_the_corpus() {
    smoke("pubacks", 20_000, super::pubacks);
}
