//! What a running server can be asked.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use super::NatsServer;
use crate::error::Error;
use crate::monitor;
use crate::wait::{eventually_async, eventually_some};

/// How long a server may take to notice that a connection was closed.
const FORGET_LIMIT: Duration = Duration::from_secs(10);

impl NatsServer {
    /// The JSON of the INFO line that a new connection gets. That connection is gone from [`connz`](Self::connz) when
    /// this returns.
    ///
    /// # Errors
    ///
    /// As [`info`](crate::info).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn info(&self) -> Result<String, Error> {
        let (info, port) = monitor::info_and_port(&self.addr()).await?;
        self.forgets(port).await?;
        Ok(info)
    }

    /// What the monitoring port gives for `path`, such as `/varz`.
    ///
    /// # Errors
    ///
    /// [`Error::Http`] when nothing answers or the status is not 200.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn get(&self, path: &str) -> Result<String, Error> {
        monitor::get(&self.monitor_addr(), path).await
    }

    /// The connections with their subscriptions, as JSON.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn connz(&self) -> Result<String, Error> {
        self.get("/connz?subs=1").await
    }

    /// The server's subscriptions, as JSON.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn subsz(&self) -> Result<String, Error> {
        self.get("/subsz?subs=1").await
    }

    /// Whether the server says of itself that it is healthy; with JetStream this includes the store.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn is_healthy(&self) -> bool {
        self.get("/healthz").await.is_ok()
    }

    /// The URLs of the listeners of one kind: `nats`, `monitoring`, `cluster`, `websocket`, `leafnodes`, `profile`.
    ///
    /// For listeners of the configuration that let the system pick their port (`-1`), which is another one after each
    /// restart; [`Port::lease`](crate::Port::lease) gives a lasting one.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] when the server has no listener of that kind.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn listeners(&self, kind: &str) -> Result<Vec<String>, Error> {
        let pid = self.running("name its listeners")?.pid();
        let suffix = format!("_{pid}.ports");
        let look = || {
            let files = fs::read_dir(self.ports_dir()).ok()?.filter_map(Result::ok).map(|entry| entry.path());
            let file = files.into_iter().find(|path| path.to_string_lossy().ends_with(&suffix))?;
            let json: Value = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
            let urls = json.get(kind)?.as_array()?;
            Some(urls.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>())
        };
        let what = format!("a {kind} listener of nats-server {}", self.name);
        Ok(eventually_some(&what, Duration::from_secs(5), look).await?)
    }

    /// Waits until the server no longer lists the kit's own connection from that port.
    ///
    /// Else a test that counts connections right after would now and then find one too many.
    pub(super) async fn forgets(&self, port: u16) -> Result<(), Error> {
        let gone = async || {
            let connz: Value = serde_json::from_str(&self.get("/connz").await.ok()?).ok()?;
            let mut listed = connz.get("connections")?.as_array()?.iter();
            let ours =
                |connection: &Value| connection.get("port").and_then(Value::as_u64) == Some(port.into());
            (!listed.any(ours)).then_some(())
        };
        Ok(eventually_async("the end of the test kit's own connection", FORGET_LIMIT, gone).await?)
    }
}
