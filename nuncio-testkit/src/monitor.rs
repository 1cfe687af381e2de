//! Asking a server over plain TCP: its INFO line, and its monitoring port by a GET of HTTP/1.0.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::error::Error;
use crate::wait::Deadline;

/// How long one question may take.
const LIMIT: Duration = Duration::from_secs(10);
/// The longest INFO line that is read.
const LONGEST_INFO: u64 = 1 << 20;

/// The JSON of the INFO line that a new connection to `addr` ("host:port") is greeted with.
///
/// # Errors
///
/// When nothing listens there, or what answers does not begin with INFO within ten seconds.
///
/// # Cancel safety
///
/// Cancel safe: the connection is closed.
pub async fn info(addr: &str) -> Result<String, Error> {
    Ok(info_and_port(addr).await?.0)
}

/// As [`info`], with the local port of the connection, by which the server lists it.
pub(crate) async fn info_and_port(addr: &str) -> Result<(String, u16), Error> {
    let what = || format!("read the INFO line of {addr}");
    let question = async {
        let stream = TcpStream::connect(addr).await?;
        let port = stream.local_addr()?.port();
        let mut line = String::new();
        BufReader::new(stream.take(LONGEST_INFO)).read_line(&mut line).await?;
        Ok::<_, std::io::Error>((line, port))
    };
    let (line, port) =
        Deadline::after(LIMIT).timeout(&what(), question).await?.map_err(|e| Error::io(what(), &e))?;
    match line.strip_prefix("INFO ") {
        Some(json) if line.ends_with('\n') => Ok((json.trim().to_owned(), port)),
        _ => {
            let start: String = line.chars().take(64).collect();
            Err(Error::io(what(), &std::io::Error::other(format!("it said {start:?}"))))
        }
    }
}

/// The body that the monitoring port at `addr` ("host:port") gives for `path`, such as `/connz?subs=1`.
///
/// # Errors
///
/// [`Error::Http`] when nothing answers within ten seconds or the status is not 200.
///
/// # Cancel safety
///
/// Cancel safe: the connection is closed.
pub async fn get(addr: &str, path: &str) -> Result<String, Error> {
    let url = format!("http://{addr}{path}");
    let fail = |reason: String| Error::Http { url: url.clone(), reason };
    let question = async {
        let mut stream = TcpStream::connect(addr).await?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {addr}\r\n\r\n").as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok::<Vec<u8>, std::io::Error>(answer)
    };
    let answer = match Deadline::after(LIMIT).timeout("an answer", question).await {
        Ok(answer) => answer.map_err(|e| fail(e.to_string()))?,
        Err(late) => return Err(fail(late.to_string())),
    };
    let text = String::from_utf8_lossy(&answer);
    let (head, body) =
        text.split_once("\r\n\r\n").ok_or_else(|| fail("the answer has no end of head".into()))?;
    let status = head.lines().next().unwrap_or_default();
    if status.split(' ').nth(1) == Some("200") {
        Ok(body.to_owned())
    } else {
        Err(fail(format!("{status}: {}", body.trim())))
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// A listener that gives each connection these bytes and its end.
    async fn says(bytes: &'static [u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                stream.write_all(bytes).await.unwrap();
                stream.shutdown().await.unwrap();
                let _ = stream.read_to_end(&mut Vec::new()).await;
            }
        });
        addr
    }

    #[tokio::test]
    async fn the_json_of_the_info_line_is_returned() {
        let addr = says(b"INFO {\"a\":1} \r\nPING\r\n").await;
        assert_eq!(info(&addr).await.unwrap(), "{\"a\":1}");
    }

    #[tokio::test]
    async fn what_is_no_whole_info_line_is_refused() {
        for bytes in [&b"HTTP/1.0 200 OK\r\n\r\n"[..], b"INFO {\"a\":1", b""] {
            assert!(info(&says(bytes).await).await.is_err());
        }
    }

    #[tokio::test]
    async fn the_body_of_a_good_answer_is_returned_and_a_bad_status_is_an_error() {
        let good = says(b"HTTP/1.0 200 OK\r\nA: b\r\n\r\n{}\r\n\r\nx").await;
        assert_eq!(get(&good, "/varz").await.unwrap(), "{}\r\n\r\nx");
        let bad = says(b"HTTP/1.0 503 Service Unavailable\r\n\r\nnot ready").await;
        let text = get(&bad, "/healthz").await.unwrap_err().to_string();
        assert!(text.contains("/healthz") && text.contains("503") && text.ends_with("not ready"), "{text}");
    }
}
