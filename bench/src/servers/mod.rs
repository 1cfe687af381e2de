//! Servers that cost less than any client, each of which does one thing on one blocking thread; and nats-server.

mod discard;
mod echo;
mod flood;
mod nats;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// What a server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
pub(crate) enum Kind {
    /// Discards what is published.
    Discard,
    /// Floods a subscriber.
    Flood,
    /// Answers requests with their payloads.
    Echo,
    /// nats-server with JetStream.
    Nats,
}

/// Prints its port, then serves one connection after the other until it is killed.
pub(crate) fn serve(kind: Kind) -> io::Result<()> {
    if kind == Kind::Nats {
        return nats::serve();
    }
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?.port());
    io::stdout().flush()?;
    for stream in listener.incoming() {
        let stream = stream?;
        stream.set_nodelay(true)?;
        let served = match kind {
            Kind::Discard => discard::serve(stream),
            Kind::Flood => flood::serve(stream),
            Kind::Echo => echo::serve(stream),
            Kind::Nats => Ok(()),
        };
        // A client that is done just goes.
        if let Err(error) = served
            && !matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
        {
            return Err(error);
        }
    }
    Ok(())
}

/// Introduces the server and reads up to the client's first `PING`, which is answered.
fn greet(stream: &mut TcpStream) -> io::Result<BufReader<TcpStream>> {
    stream.write_all(
        b"INFO {\"server_id\":\"bench\",\"server_name\":\"bench\",\"version\":\"2.15.1\",\"proto\":1,\
          \"go\":\"none\",\"host\":\"127.0.0.1\",\"port\":4222,\"headers\":true,\"max_payload\":1048576,\
          \"client_id\":1}\r\n",
    )?;
    let mut reader = BufReader::with_capacity(256 * 1024, stream.try_clone()?);
    let mut line = Vec::new();
    while !line.starts_with(b"PING") {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
    }
    stream.write_all(b"PONG\r\n")?;
    Ok(reader)
}

/// The next control line, without its end.
fn next_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let read = reader.read_until(b'\n', line)?;
    line.truncate(line.trim_ascii_end().len());
    Ok(read > 0)
}

/// Reads a payload of `len` bytes and the line end behind it.
fn payload(reader: &mut impl Read, len: usize, into: &mut Vec<u8>) -> io::Result<()> {
    into.resize(len + 2, 0);
    reader.read_exact(into)
}
