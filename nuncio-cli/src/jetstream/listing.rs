//! `ls` and `report` of streams and of consumers.

use std::io::{self, Write};

use clap::Args;
use nuncio::jetstream::List;
use serde::Serialize;

use crate::command::Job;
use crate::connect::Settings;
use crate::exit::{Failure, tell};
use crate::jetstream::Named;
use crate::output::{Output, Show};
use crate::printable::printable;
use crate::table::Row;

/// How much is told of each.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Detail {
    Names,
    Lines,
    Figures,
}

/// What lists are made of.
pub(crate) trait Listed: Sized {
    const KIND: &'static str;
    /// What it is.
    type Line: Row + From<Self>;
    /// What it holds, or how far it is.
    type Figures: Row + From<Self>;
}

/// Where what is listed is.
pub(crate) trait Place: Args + 'static {
    /// Prints it.
    async fn list(&self, detail: Detail, settings: &Settings, out: &mut Output) -> Result<(), Failure>;
}

// Without documentations that would take the place of those of the verbs.
#[derive(Args, Debug)]
pub(crate) struct Ls<P: Place> {
    #[command(flatten)]
    place: P,
    /// Names alone, which spares the servers the rest; with --json one object each: stream, and consumer if it is one.
    #[arg(long)]
    names: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Report<P: Place> {
    #[command(flatten)]
    place: P,
}

impl<P: Place> Ls<P> {
    pub(crate) fn resolve(self) -> Result<Job, Failure> {
        Ok(job(self.place, if self.names { Detail::Names } else { Detail::Lines }))
    }
}

impl<P: Place> Report<P> {
    pub(crate) fn resolve(self) -> Result<Job, Failure> {
        Ok(job(self.place, Detail::Figures))
    }
}

fn job(place: impl Place, detail: Detail) -> Job {
    Job::brief(async move |settings, out| place.list(detail, settings, out).await)
}

#[derive(Serialize)]
#[serde(transparent)]
struct Name(Named);

impl Show for Name {
    fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", printable(self.0.short()))
    }
}

/// Prints a list: of names, which cost the servers least, or as a table of all.
pub(crate) async fn list<T: Listed>(
    detail: Detail,
    mut names: List<String>,
    all: List<T>,
    named: impl Fn(&str) -> Named,
    out: &mut Output,
) -> Result<(), Failure> {
    match detail {
        Detail::Names => {
            while let Some(name) = names.next().await {
                out.show(&Name(named(&name?)))?;
            }
        }
        Detail::Lines => out.table::<T::Line>(&rows(all).await?)?,
        Detail::Figures => out.table::<T::Figures>(&rows(all).await?)?,
    }
    Ok(())
}

/// All rows; tells of those that the list lacks.
async fn rows<T: Listed, R: From<T>>(mut list: List<T>) -> Result<Vec<R>, Failure> {
    let mut rows = Vec::new();
    while let Some(info) = list.next().await {
        rows.push(info?.into());
    }
    for name in list.missing() {
        tell(&format!("{} \"{name}\" did not answer and is not listed", T::KIND));
    }
    for (name, reason) in list.offline() {
        tell(&format!("{} \"{name}\" is offline: {reason}", T::KIND));
    }
    Ok(rows)
}
