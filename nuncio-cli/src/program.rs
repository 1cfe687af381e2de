//! A program that makes responses out of requests.

use std::ffi::OsString;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

/// What to run.
pub(crate) struct Program {
    pub(crate) path: OsString,
    pub(crate) arguments: Vec<OsString>,
}

impl Program {
    /// Runs it with `input` as its stdin and yields its stdout, of at most `limit` bytes; else what went wrong.
    ///
    /// It is killed when it takes longer than `timeout`, or when this is dropped.
    pub(crate) async fn run(
        &self,
        subject: &str,
        input: &[u8],
        limit: usize,
        timeout: Duration,
    ) -> Result<Vec<u8>, String> {
        let path = self.path.to_string_lossy();
        let mut child = Command::new(&self.path)
            .args(&self.arguments)
            .env("NUNCIO_SUBJECT", subject)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("cannot run {path}: {error}"))?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let feed = async {
            if let Some(mut stdin) = stdin {
                // A program need not read what it does not want.
                let _ = stdin.write_all(input).await;
            }
        };
        let read = async {
            let mut output = Vec::new();
            if let Some(stdout) = stdout {
                let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
                stdout.take(most).read_to_end(&mut output).await?;
            }
            if output.len() > limit {
                return Ok((output, None));
            }
            Ok::<_, std::io::Error>((output, Some(child.wait().await?)))
        };
        let work = async {
            let mut read = std::pin::pin!(read);
            tokio::select! {
                done = &mut read => done,
                () = feed => read.await,
            }
        };
        match tokio::time::timeout(timeout, work).await {
            Err(_) => Err(format!("{path} took longer than {timeout:?}; raise --timeout")),
            Ok(Err(error)) => Err(format!("{path}: {error}")),
            Ok(Ok((_, None))) => Err(format!("{path} wrote more than {limit} bytes")),
            Ok(Ok((output, Some(status)))) if status.success() => Ok(output),
            Ok(Ok((_, Some(status)))) => Err(format!("{path} failed: {status}")),
        }
    }
}
