//! Lists of streams and of consumers.

use std::io::{self, Write};

use nuncio::jetstream::List;
use serde::Serialize;

use crate::exit::{Failure, tell};
use crate::jetstream::Named;
use crate::output::{Output, Show, printable};
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
