//! `nuncio stream restore`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use nuncio::jetstream::{ErrorCode, JetStream, Stream, StreamState};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::command::Job;
use crate::command::stream::archive::Reading;
use crate::command::stream::config::{ConfigArgs, Wanted};
use crate::exit::Failure;
use crate::jetstream::{Api, Named};
use crate::names;
use crate::output::Show;
use crate::printable::printable;
use crate::progress::{Progress, Unit};
use crate::table::size;

/// How much is sent at once.
const CHUNK: usize = 128 * 1024;

/// Put a stream back from a directory that `nuncio stream backup`, or the nats program, has written.
///
/// There must be no stream of its name. The configuration is that of the backup but for what is given here. It is put
/// back whole or not at all.
///
/// With --json prints one object: stream, dir, size (of the archive), messages, first_seq, last_seq, consumers.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// Directory with the backup.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Name that the stream gets. Default: the one that it had.
    #[arg(long = "as", value_name = "NAME", value_parser = names::stream)]
    new_name: Option<String>,
    #[command(flatten)]
    api: Api,
    #[command(flatten)]
    config: Box<ConfigArgs>,
}

/// A stream that is saved or put back.
pub(super) struct Kept<'a> {
    pub(super) verb: &'static str,
    pub(super) what: &'a Named,
    pub(super) dir: &'a Path,
    pub(super) size: u64,
    pub(super) state: &'a StreamState,
}

impl Serialize for Kept<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let state = self.state;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("stream", self.what.short())?;
        map.serialize_entry("dir", &self.dir.to_string_lossy())?;
        map.serialize_entry("size", &self.size)?;
        map.serialize_entry("messages", &state.messages)?;
        map.serialize_entry("first_seq", &state.first_sequence)?;
        map.serialize_entry("last_seq", &state.last_sequence)?;
        map.serialize_entry("consumers", &state.consumer_count)?;
        map.end()
    }
}

impl Show for Kept<'_> {
    fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { verb, what, state, .. } = self;
        let way = if *verb == "saved" { "to" } else { "from" };
        let (what, dir) = (what.to_string(), self.dir.to_string_lossy());
        writeln!(out, "{verb} {} {way} {}", printable(&what), printable(&dir))?;
        writeln!(
            out,
            "  messages: {}, sequences {} to {}, consumers: {}, archive: {}",
            state.messages,
            state.first_sequence,
            state.last_sequence,
            state.consumer_count,
            size(self.size)
        )
    }
}

impl Restore {
    pub(crate) fn resolve(self) -> Result<Job, Failure> {
        let Self { dir, new_name, api, config } = self;
        let mut reading = Reading::open(&dir)?;
        let config = config.resolve()?;
        configure(&mut reading, new_name, &config)?;
        let what = Named::stream(&reading.info.config.name);
        Ok(Job::brief(async move |settings, out| {
            let js = api.connect(settings).await?;
            let size = reading.size();
            let shown = Progress::new(settings.json, &format!("restoring {what}"), Some(size), Unit::Bytes);
            let stream = put_back(&js, reading, &what, &shown).await?;
            drop(shown);
            let Some(info) = stream.cached_info() else { return Ok(()) };
            let kept = Kept { verb: "restored", what: &what, dir: &dir, size, state: &info.state };
            Ok(out.show(&kept)?)
        }))
    }
}

/// Makes the configuration what it is to be.
fn configure(reading: &mut Reading, new_name: Option<String>, wanted: &Wanted) -> Result<(), Failure> {
    let mut config = reading.info.config.clone();
    if let Some(name) = new_name {
        config.name = name;
    }
    reading.info.config = wanted.apply(config)?;
    Ok(())
}

async fn put_back(
    js: &JetStream,
    mut reading: Reading,
    what: &Named,
    shown: &Progress,
) -> Result<Stream, Failure> {
    let archive = reading.path().to_owned();
    let about = |error| what.about(mended(error, &archive));
    let most = CHUNK.min(js.client().max_payload());
    let mut restore = js.restore_stream(&reading.info).await.map_err(about)?;
    let mut sent = 0;
    loop {
        let chunk = reading.read(most)?;
        if chunk.is_empty() {
            return restore.finish().await.map_err(about);
        }
        sent += chunk.len() as u64;
        restore.send(chunk).await.map_err(about)?;
        shown.at(sent);
    }
}

/// What the server refuses, with what mends it.
fn mended(error: nuncio::jetstream::Error, archive: &Path) -> Failure {
    let said = error.api_error().cloned();
    let failure = Failure::from(error);
    let Some(said) = said else { return failure };
    match (said.err_code, &*said.description) {
        (ErrorCode::STREAM_NAME_EXIST | ErrorCode::STREAM_NAME_EXIST_RESTORE_FAILED, _) => {
            failure.mended("give it another name with --as, or remove the stream that is there")
        }
        (_, text) if text.contains("subjects overlap") => failure.mended("give it other --subjects"),
        (_, text) if text.contains("names do not match") => {
            failure.mended("servers before 2.15 put it back under its own name alone: leave out --as")
        }
        (ErrorCode::STREAM_RESTORE, _) => failure.mended(&format!(
            "see that {} is whole, and that the server is as new as the one it is from",
            archive.display()
        )),
        _ => failure,
    }
}
