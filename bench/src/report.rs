//! What was measured, its medians, and the table at the end of a run.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::work::{Figures, Kind, Work};
use crate::works;

/// What one work gave, client by client; nuncio is the first.
#[derive(Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) work: String,
    pub(crate) kind: Kind,
    pub(crate) clients: Vec<Cell>,
}

/// What one client gave.
#[derive(Serialize, Deserialize)]
pub(crate) struct Cell {
    pub(crate) client: String,
    /// All runs.
    pub(crate) runs: Vec<Figures>,
    /// Why there are no more of them.
    #[serde(default)]
    pub(crate) problem: Option<String>,
}

/// A median with its extremes.
#[derive(Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl Row {
    pub(crate) fn new(work: &Work, clients: &[&str]) -> Self {
        let cell = |client: &&str| Cell { client: (*client).to_owned(), runs: Vec::new(), problem: None };
        Self { work: work.name.to_owned(), kind: work.kind, clients: clients.iter().map(cell).collect() }
    }

    pub(crate) fn add(&mut self, client: &str, figures: Figures) {
        self.clients.iter_mut().filter(|cell| cell.client == client).for_each(|cell| cell.runs.push(figures));
    }

    /// Nothing more comes from this client.
    pub(crate) fn fail(&mut self, client: &str, problem: String) {
        let cell = self.clients.iter_mut().find(|cell| cell.client == client);
        cell.into_iter().for_each(|cell| cell.problem = Some(problem.clone()));
    }

    pub(crate) fn has_failed(&self, client: &str) -> bool {
        self.clients.iter().any(|cell| cell.client == client && cell.problem.is_some())
    }

    pub(crate) fn cell(&self, client: &str) -> Option<&Cell> {
        self.clients.iter().find(|cell| cell.client == client)
    }

    /// What a client's figure is compared by, if it can be compared.
    pub(crate) fn spread(&self, client: &str) -> Option<Spread> {
        let cell = self.cell(client).filter(|cell| cell.is_ranked())?;
        Some(cell.spread(|figures| self.kind.of(figures)))
    }

    /// How many times nuncio's figure another client's is.
    pub(crate) fn ratio(&self, client: &str) -> Option<f64> {
        let (own, other) = (self.spread("nuncio")?.median, self.spread(client)?.median);
        (own > 0.0).then_some(other / own)
    }

    /// A line for whoever watches.
    pub(crate) fn line(&self) -> String {
        let cells = self.clients.iter().map(|cell| match self.spread(&cell.client) {
            Some(Spread { min, median, max }) => {
                format!("{} {median:.0} ({min:.0}–{max:.0})", cell.client)
            }
            None => format!("{} {}", cell.client, cell.why_not()),
        });
        format!("{}, {}: {}", self.work, self.kind.unit(), cells.collect::<Vec<_>>().join(" · "))
    }

    fn print(&self) {
        for cell in &self.clients {
            let name = format!("| {} | {} |", self.work, cell.client);
            let Some(Spread { min, median, max }) = self.spread(&cell.client) else {
                println!("{name} {} | | | | |", cell.why_not());
                continue;
            };
            let rate = cell.spread(|f| f.delivered as f64 / f.seconds / 1e6).median;
            let rate = if self.kind == Kind::Time { format!("{rate:.2}") } else { String::new() };
            let (p50, p99) = (cell.spread(|f| f.p50_us).median, cell.spread(|f| f.p99_us).median);
            let latency = if p50 > 0.0 { format!("{p50:.1} / {p99:.1}") } else { String::new() };
            let rss = if self.kind == Kind::Time { format!("{:.1}", cell.rss()) } else { String::new() };
            let ratio = self.ratio(&cell.client).map_or(String::new(), |ratio| format!("{ratio:.2}"));
            println!("{name} {median:.0} ({min:.0}–{max:.0}) | {rate} | {latency} | {rss} | {ratio} |");
        }
    }
}

impl Cell {
    pub(crate) fn spread(&self, of: impl Fn(&Figures) -> f64) -> Spread {
        let mut values: Vec<f64> = self.runs.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        let at = |i: usize| values.get(i).copied().unwrap_or(0.0);
        Spread { min: at(0), median: at(values.len() / 2), max: at(values.len().saturating_sub(1)) }
    }

    /// Peak resident memory in MiB.
    pub(crate) fn rss(&self) -> f64 {
        self.spread(|f| f.peak_rss as f64 / f64::from(1 << 20)).median
    }

    /// The share of messages that arrived, in the worst run.
    fn delivered(&self) -> f64 {
        self.runs.iter().map(|f| f.delivered as f64 / f.messages as f64).fold(1.0, f64::min)
    }

    fn is_ranked(&self) -> bool {
        self.problem.is_none() && !self.runs.is_empty() && self.delivered() >= 1.0
    }

    /// Why its figures are not compared.
    pub(crate) fn why_not(&self) -> String {
        match &self.problem {
            Some(problem) => format!("not ranked: {problem}"),
            None => format!("not ranked: {:.1} % delivered", self.delivered() * 100.0),
        }
    }
}

impl Kind {
    pub(crate) fn of(self, figures: &Figures) -> f64 {
        match self {
            Self::Time => figures.cpu_seconds * 1e9 / figures.messages as f64,
            Self::Memory => figures.bytes_each,
            Self::Instructions => figures.instructions,
            Self::Build => figures.seconds,
        }
    }

    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Time => "CPU ns a message",
            Self::Memory => "bytes each",
            Self::Instructions => "instructions a message",
            Self::Build => "seconds",
        }
    }
}

pub(crate) fn print_table(rows: &[Row]) {
    for kind in [Kind::Time, Kind::Memory, Kind::Instructions, Kind::Build] {
        let mut rows = rows.iter().filter(|row| row.kind == kind).peekable();
        if rows.peek().is_some() {
            println!(
                "| work | client | {} (min–max) | M msgs/s | p50 / p99 µs | peak RSS MiB | ratio |",
                kind.unit()
            );
            println!("|---|---|---|---|---|---|---|");
            rows.for_each(Row::print);
            println!();
        }
    }
}

/// Rows of earlier runs, in the order of the list of works; where a work is in several files, that of the last counts.
pub(crate) fn read(files: &[impl AsRef<Path>]) -> Result<Vec<Row>, String> {
    let (mut rows, mut places) = (Vec::<Row>::new(), BTreeMap::new());
    for file in files {
        let text = fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.as_ref().display()))?;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let row: Row = serde_json::from_str(line).map_err(|e| e.to_string())?;
            let place = *places.entry(row.work.clone()).or_insert(rows.len());
            match rows.get_mut(place) {
                Some(earlier) => *earlier = row,
                None => rows.push(row),
            }
        }
    }
    let order: Vec<&str> = works::all().iter().map(|work| work.name).collect();
    rows.sort_by_key(|row| order.iter().position(|name| *name == row.work).unwrap_or(order.len()));
    Ok(rows)
}
