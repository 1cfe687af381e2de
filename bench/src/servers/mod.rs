//! Servers that cost less than any client: each does one thing, on one blocking thread.

mod discard;
mod echo;
mod flood;
mod jetstream;
mod layers;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

pub(crate) use flood::frame as flooded;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::servers::layers::{Secure, WebSocket};
use crate::wire::Over;

/// What a server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
pub(crate) enum Kind {
    /// Discards what is published.
    Discard,
    /// Floods a subscriber.
    Flood,
    /// Answers requests with their payloads.
    Echo,
    /// Answers as a server with a stream and a consumer does, whatever is asked.
    Emulated,
    /// A real nats-server, which is started otherwise.
    Nats,
}

trait Stream: Read + Write + Send {}

impl<S: Read + Write + Send> Stream for S {}

/// A connection whose client has been greeted.
type Link = BufReader<Box<dyn Stream>>;

/// Prints its port and the file of its certificate authority, then serves connections until it is killed.
pub(crate) fn serve(kind: Kind, over: Over) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let secure = Arc::new(if over == Over::Tls { Some(Secure::new()?) } else { None });
    println!("{}", listener.local_addr()?.port());
    println!("{}", secure.as_ref().as_ref().map_or(String::new(), Secure::ca_file));
    io::stdout().flush()?;
    for stream in listener.incoming() {
        let (stream, secure) = (stream?, Arc::clone(&secure));
        std::thread::spawn(move || {
            let served = greet(stream, over, secure.as_ref().as_ref()).and_then(|link| match kind {
                Kind::Discard => discard::serve(link),
                Kind::Flood => flood::serve(link),
                Kind::Echo => echo::serve(link),
                Kind::Emulated => jetstream::serve(link),
                Kind::Nats => Err(io::ErrorKind::Unsupported.into()),
            });
            // A client that is done just goes.
            if let Err(error) = served
                && !matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof
                )
            {
                eprintln!("the {kind:?} server: {error}");
            }
        });
    }
    Ok(())
}

/// Introduces the server and reads up to the client's first `PING`, which is answered.
fn greet(mut stream: TcpStream, over: Over, secure: Option<&Secure>) -> io::Result<Link> {
    stream.set_nodelay(true)?;
    let tls = over == Over::Tls;
    let info = format!(
        "INFO {{\"server_id\":\"bench\",\"server_name\":\"bench\",\"version\":\"2.15.1\",\"proto\":1,\
         \"go\":\"none\",\"host\":\"127.0.0.1\",\"port\":4222,\"headers\":true,\"jetstream\":true,\"max_payload\":1048576,\
         \"tls_required\":{tls},\"client_id\":1}}\r\n",
    );
    let stream: Box<dyn Stream> = match (over, secure) {
        (Over::WebSocket, _) => {
            let mut stream = WebSocket::accept(stream)?;
            stream.write_all(info.as_bytes())?;
            Box::new(stream)
        }
        (Over::Tls, Some(secure)) => {
            stream.write_all(info.as_bytes())?;
            Box::new(secure.accept(stream)?)
        }
        _ => {
            stream.write_all(info.as_bytes())?;
            Box::new(stream)
        }
    };
    let mut link = BufReader::with_capacity(256 * 1024, stream);
    let mut line = Vec::new();
    while !line.starts_with(b"PING") {
        line.clear();
        if link.read_until(b'\n', &mut line)? == 0 {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
    }
    send(&mut link, b"PONG\r\n")?;
    Ok(link)
}

fn send(link: &mut Link, bytes: &[u8]) -> io::Result<()> {
    link.get_mut().write_all(bytes)?;
    link.get_mut().flush()
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
