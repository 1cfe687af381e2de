//! `nuncio stream backup`.

use std::path::PathBuf;

use clap::Args;
use nuncio::jetstream::{SnapshotInfo, Stream};
use serde::{Serialize, Serializer};

use crate::command::Job;
use crate::command::stream::archive::{Writing, vacant};
use crate::command::stream::restore::Kept;
use crate::command::stream::{Which, show};
use crate::exit::Failure;
use crate::jetstream::target::Target;
use crate::jetstream::with_defaults;
use crate::progress::{Progress, Unit};

/// Save a stream, its messages and consumers, to a directory.
///
/// The directory is there once all is on the disk, and not before. It holds backup.json (an object with the configuration and
/// the state of the stream) and the archive that the server sends: stream.arc.s2 from nats-server 2.15 on, stream.tar.s2
/// before. The nats program writes and reads the same. Streams in memory can be saved from nats-server 2.15 on.
///
/// With --json prints one object: stream, dir, size (of the archive), messages, first_seq, last_seq, consumers.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    #[command(flatten)]
    which: Which,
    /// Directory to make; one that is there has to be empty.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Leave out the consumers.
    #[arg(long)]
    no_consumers: bool,
    /// Have the server check the messages first; from nats-server 2.15 on it always does.
    #[arg(long)]
    check: bool,
}

/// What backup.json holds.
struct Described<'a>(&'a SnapshotInfo);

impl Serialize for Described<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        with_defaults(self.0, &show::WORDS, serializer)
    }
}

impl Backup {
    pub(crate) fn resolve(self) -> Result<Job, Failure> {
        vacant(&self.dir)?;
        Ok(Job::brief(async move |settings, out| {
            let stream = self.which.connect(settings).await?;
            let what = self.which.named();
            let shown = Progress::new(settings.json, &format!("saving {what}"), None, Unit::Bytes);
            let (info, size) = self.save(&stream, &shown).await?;
            drop(shown);
            let kept = Kept { verb: "saved", what: &what, dir: &self.dir, size, state: &info.state };
            Ok(out.show(&kept)?)
        }))
    }

    /// Chunk by chunk, so that no more is in memory than the server may have under way.
    async fn save(&self, stream: &Stream, shown: &Progress) -> Result<(SnapshotInfo, u64), Failure> {
        let about = |error| self.which.named().about(error);
        let mut take = stream.snapshot();
        if self.no_consumers {
            take = take.without_consumers();
        }
        if self.check {
            take = take.check();
        }
        let mut snapshot = take.await.map_err(|error| {
            let unknown = error.api_error().is_some_and(|error| error.description.contains("no impl"));
            let failure = about(error);
            if unknown {
                failure.mended("streams in memory are saved by nats-server 2.15 and newer")
            } else {
                failure
            }
        })?;
        let mut writing = Writing::begin(&self.dir)?;
        while let Some(chunk) = snapshot.next().await {
            writing.write(&chunk.map_err(about)?)?;
            shown.at(writing.written());
        }
        let size = writing.written();
        writing.finish(&Described(snapshot.info()))?;
        Ok((snapshot.info().clone(), size))
    }
}
