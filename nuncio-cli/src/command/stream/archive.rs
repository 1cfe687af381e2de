//! A backup on disk: a directory with `backup.json` and the archive, as the `nats` program writes and reads it.
//!
//! `backup.json` is an object with the configuration and the state of the stream (`config` and `state`, in the words of the
//! server). The archive is what the server sends, byte for byte: `stream.arc.s2` from nats-server 2.15 on,
//! `stream.tar.s2` before.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use nuncio::jetstream::SnapshotInfo;
use serde::Serialize;
use tempfile::TempDir;

use crate::exit::Failure;

const INFO: &str = "backup.json";
const ARCHIVE: &str = "stream.arc.s2";
const TAR: &str = "stream.tar.s2";
/// Near the beginning of archives of nats-server 2.15, compressed or not.
const MAGIC: &[u8] = b"NATSARC1";
/// How far into the archive it may be.
const HEAD: usize = 64;

/// What went wrong with a file, and what to do about it.
fn fault(path: &Path, error: &io::Error, mend: &str) -> Failure {
    Failure::error(format!("{}: {error}; {mend}", path.display()))
}

/// Refuses a place where no directory can be put without writing over something.
pub(super) fn vacant(dir: &Path) -> Result<(), Failure> {
    let refused = |problem: &str| Err(Failure::usage(format!("{}: {problem}", dir.display())));
    if dir.file_name().is_none() {
        return refused("give the name of a directory to make");
    }
    if !beside(dir).is_dir() {
        return refused("the directory that it is to be in is not there; make it first");
    }
    match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => refused(&format!("{error}; give the name of a directory to make")),
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => refused("is not empty; give another directory, or remove this one"),
        },
    }
}

/// The directory that it is in.
fn beside(dir: &Path) -> &Path {
    dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A backup being written, in a directory of its own beside the one that it becomes. Dropped unfinished, it is removed.
pub(super) struct Writing {
    into: PathBuf,
    dir: TempDir,
    archive: PathBuf,
    file: File,
    head: Vec<u8>,
    written: u64,
}

const ROOM: &str = "see that the disk has room and may be written to, or give another directory";

impl Writing {
    pub(super) fn begin(into: &Path) -> Result<Self, Failure> {
        vacant(into)?;
        let name = into.file_name().unwrap_or_default().to_string_lossy();
        let (prefix, mut builder) = (format!(".{name}."), tempfile::Builder::new());
        builder.prefix(&prefix).suffix(".partial");
        // The messages are nobody else's business.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let dir = builder.tempdir_in(beside(into)).map_err(|error| fault(beside(into), &error, ROOM))?;
        let archive = dir.path().join(ARCHIVE);
        let file = File::create_new(&archive).map_err(|error| fault(&archive, &error, ROOM))?;
        Ok(Self { into: into.to_owned(), dir, archive, file, head: Vec::new(), written: 0 })
    }

    pub(super) fn write(&mut self, chunk: &[u8]) -> Result<(), Failure> {
        let wanted = HEAD.saturating_sub(self.head.len());
        self.head.extend(chunk.iter().take(wanted));
        self.file.write_all(chunk).map_err(|error| fault(&self.archive, &error, ROOM))?;
        self.written += chunk.len() as u64;
        Ok(())
    }

    /// Bytes so far.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Puts everything on the disk, and only then gives it its name.
    pub(super) fn finish(self, info: &impl Serialize) -> Result<(), Failure> {
        let at = |path: PathBuf| move |error: io::Error| fault(&path, &error, ROOM);
        self.file.sync_all().map_err(at(self.archive.clone()))?;
        if !self.head.windows(MAGIC.len()).any(|bytes| bytes == MAGIC) {
            let tar = self.dir.path().join(TAR);
            fs::rename(&self.archive, &tar).map_err(at(tar))?;
        }
        let path = self.dir.path().join(INFO);
        let mut text = serde_json::to_vec_pretty(info).map_err(|error| Failure::error(error.to_string()))?;
        text.push(b'\n');
        let mut file = File::create_new(&path).map_err(at(path.clone()))?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(at(path))?;
        synced(self.dir.path())?;
        // A directory that is there is empty, else it is not replaced.
        fs::rename(self.dir.path(), &self.into).map_err(at(self.into.clone()))?;
        let _ = self.dir.keep();
        synced(beside(&self.into))
    }
}

/// Sees to it that the names in a directory are on the disk.
fn synced(dir: &Path) -> Result<(), Failure> {
    if cfg!(unix) {
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(|error| fault(dir, &error, ROOM))?;
    }
    Ok(())
}

const WHOLE: &str = "give a directory that `nuncio stream backup` or the nats program has written";

/// A backup that is there.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) info: SnapshotInfo,
    path: PathBuf,
    file: File,
    size: u64,
}

impl Reading {
    pub(super) fn open(dir: &Path) -> Result<Self, Failure> {
        let path = dir.join(INFO);
        let unfit = |path: &Path, problem: &dyn std::fmt::Display| {
            Failure::usage(format!("{}: {problem}; {WHOLE}", path.display()))
        };
        let text = fs::read(&path).map_err(|error| unfit(&path, &error))?;
        let info = serde_json::from_slice(&text)
            .map_err(|error| unfit(&path, &format!("it does not tell of a stream: {error}")))?;
        let (archive, tar) = (dir.join(ARCHIVE), dir.join(TAR));
        let path = if tar.exists() && !archive.exists() { tar } else { archive };
        let file = File::open(&path).map_err(|error| unfit(&path, &error))?;
        let size = file.metadata().map_err(|error| unfit(&path, &error))?.len();
        if size == 0 {
            return Err(unfit(&path, &"the archive is empty"));
        }
        Ok(Self { info, path, file, size })
    }

    /// The archive.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of it.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// The next bytes, at most so many; none at the end.
    pub(super) fn read(&mut self, most: usize) -> Result<Vec<u8>, Failure> {
        let mut chunk = Vec::with_capacity(most);
        let read = (&mut self.file).take(most as u64).read_to_end(&mut chunk);
        read.map_err(|error| fault(&self.path, &error, "see that the disk can be read"))?;
        Ok(chunk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn info() -> serde_json::Value {
        json!({"config": {"name": "S"}, "state": {"messages": 0, "bytes": 0, "first_seq": 0, "last_seq": 0}})
    }

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_backup_has_its_name_only_when_it_is_whole() {
        let root = tempfile::tempdir().unwrap();
        let into = root.path().join("b");
        let mut writing = Writing::begin(&into).unwrap();
        writing.write(b"\xff\x06\x00\x00S2sTwO\x01\x10\x00\x00....NATSARC1").unwrap();
        assert!(!into.exists());
        assert_eq!(writing.written(), 26);
        writing.finish(&info()).unwrap();
        assert_eq!(names(root.path()), ["b"]);
        assert_eq!(names(&into), [INFO, ARCHIVE]);
        let mut reading = Reading::open(&into).unwrap();
        assert_eq!((reading.info.config.name.as_str(), reading.size()), ("S", 26));
        assert_eq!([20, 20, 20].map(|most| reading.read(most).unwrap().len()), [20, 6, 0]);
    }

    #[test]
    fn a_backup_that_is_given_up_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let mut writing = Writing::begin(&root.path().join("b")).unwrap();
        writing.write(b"half").unwrap();
        drop(writing);
        assert_eq!(names(root.path()), [""; 0]);
    }

    #[test]
    fn an_archive_of_an_older_server_has_the_name_that_older_programs_look_for() {
        let root = tempfile::tempdir().unwrap();
        let into = root.path().join("b");
        let mut writing = Writing::begin(&into).unwrap();
        writing.write(b"\xff\x06\x00\x00S2sTwO").unwrap();
        writing.finish(&info()).unwrap();
        assert_eq!(names(&into), [INFO, TAR]);
        assert!(Reading::open(&into).is_ok());
    }

    #[test]
    fn nothing_is_written_over() {
        let root = tempfile::tempdir().unwrap();
        let into = root.path().join("b");
        fs::create_dir(&into).unwrap();
        assert_eq!(vacant(&into), Ok(()));
        let writing = Writing::begin(&into).unwrap();
        fs::write(into.join("x"), "").unwrap();
        assert!(writing.finish(&info()).is_err());
        assert_eq!(names(root.path()), ["b"]);
        let told = |dir: &Path| format!("{:?}", vacant(dir).unwrap_err());
        assert!(told(&into).contains("not empty"));
        assert!(told(&into.join("x")).contains("x: "));
        assert!(told(&root.path().join("no/b")).contains("make it first"));
        assert!(told(Path::new("..")).contains("directory to make"));
    }

    #[test]
    fn what_is_no_backup_is_told_with_the_file_that_is_missing_or_wrong() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path();
        let told = || format!("{:?}", Reading::open(dir).unwrap_err());
        assert!(told().contains("backup.json"));
        fs::write(dir.join(INFO), "{}").unwrap();
        assert!(told().contains("does not tell of a stream"));
        fs::write(dir.join(INFO), info().to_string()).unwrap();
        assert!(told().contains(ARCHIVE));
        fs::write(dir.join(TAR), "").unwrap();
        assert!(told().contains("empty"));
    }
}
