use crate::wire::{QUIET, Wire, memory, quiet};

const PIECES: [&str; 22] = [
    "PUB a 1\r\nx\r\n",
    "PUB a r 1\r\nx\r\n",
    "SUB a 1\r\n",
    "SUB > q 2\r\n",
    "SUB a.*.> 3\r\n",
    "UNSUB 1\r\n",
    "UNSUB 2 1\r\n",
    "HPUB a 12 13\r\nNATS/1.0\r\n\r\nx\r\n",
    "CONNECT {}\r\n",
    "CONNECT {\"verbose\":false}\r\n",
    "PING\r\n",
    "PONG\r\n",
    "\r\n",
    " ",
    "\t",
    "99999999999999999999999",
    ".",
    "..",
    "-1",
    "\0",
    "PUB ",
    "{\"",
];

#[tokio::test]
async fn no_bytes_of_a_client_harm_the_server() {
    let server = memory().await;
    let mut random = fastrand::Rng::with_seed(11);
    for round in 0..1500 {
        let mut bytes = Vec::new();
        if round % 2 == 0 {
            bytes.extend_from_slice(format!("CONNECT {QUIET}\r\n").as_bytes());
        }
        for _ in 0..random.usize(..40) {
            match random.u8(..8) {
                0 => bytes.extend(std::iter::repeat_with(|| random.u8(..)).take(5)),
                _ => bytes.extend_from_slice(random.choice(PIECES).unwrap().as_bytes()),
            }
            if random.u8(..30) == 0 {
                let at = random.usize(..=bytes.len());
                bytes.insert(at, random.u8(..));
            }
        }
        let mut wire = Wire::new(server.pipe());
        for part in bytes.chunks(1 + random.usize(..50)) {
            wire.try_send(part).await;
        }
        if round % 3 == 0 {
            wire.half_close().await;
            wire.rest().await;
        }
    }
    let mut wire = quiet(&server).await;
    assert_eq!(wire.ask("SUB z 1\r\nPUB z 1\r\nx\r\n").await, "MSG z 1 1\r\nx\r\n");
    server.wait_for_connections(1).await;
    assert_eq!(server.subscriptions_count(), 1);
}

#[tokio::test]
async fn the_size_of_the_pieces_does_not_matter() {
    let server = memory().await;
    let operations =
        "SUB a 1\r\nPUB a r 3\r\nabc\r\nHPUB a 12 13\r\nNATS/1.0\r\n\r\nx\r\nUNSUB 1\r\nPING\r\n";
    let mut answers = Vec::new();
    for size in [1, 2, 3, 7, 1000] {
        let mut wire = quiet(&server).await;
        for part in operations.as_bytes().chunks(size) {
            wire.send(part).await;
            tokio::task::yield_now().await;
        }
        answers.push(wire.until("PONG\r\n").await);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
}
