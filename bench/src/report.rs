//! Medians, ratios and the table.

use serde::Serialize;

use crate::work::{Figures, Work};

/// What one work gave, client by client.
#[derive(Serialize)]
pub(crate) struct Row {
    work: &'static str,
    clients: Vec<Cell>,
}

#[derive(Serialize)]
struct Cell {
    client: &'static str,
    /// All runs.
    runs: Vec<Figures>,
}

/// A median with its extremes.
struct Spread {
    min: f64,
    median: f64,
    max: f64,
}

impl Row {
    pub(crate) fn new(work: &Work, clients: &[&'static str]) -> Self {
        let clients = clients.iter().map(|client| Cell { client, runs: Vec::new() }).collect();
        Self { work: work.name, clients }
    }

    pub(crate) fn add(&mut self, client: &str, figures: Figures) {
        if let Some(cell) = self.clients.iter_mut().find(|cell| cell.client == client) {
            cell.runs.push(figures);
        }
    }
}

impl Cell {
    fn spread(&self, of: impl Fn(&Figures) -> f64) -> Spread {
        let mut values: Vec<f64> = self.runs.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        let at = |i: usize| values.get(i).copied().unwrap_or(0.0);
        Spread { min: at(0), median: at(values.len() / 2), max: at(values.len().saturating_sub(1)) }
    }

    fn cpu(&self) -> Spread {
        self.spread(|f| f.cpu_seconds * 1e9 / f.messages as f64)
    }

    fn each(&self) -> Spread {
        self.spread(|f| f.bytes_each)
    }

    /// The share of messages that arrived, in the worst run.
    fn delivered(&self) -> f64 {
        self.runs.iter().map(|f| f.delivered as f64 / f.messages as f64).fold(1.0, f64::min)
    }
}

pub(crate) fn print_json(rows: &[Row]) {
    for row in rows {
        println!("{}", serde_json::to_string(row).unwrap_or_default());
    }
}

pub(crate) fn print_table(rows: &[Row]) {
    let (held, sent): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.is_held());
    if !sent.is_empty() {
        println!(
            "| work | client | CPU ns/msg (min–max) | M msgs/s | p50 / p99 µs | peak RSS MiB | CPU ratio |"
        );
        println!("|---|---|---|---|---|---|---|");
        sent.iter().for_each(|row| row.print_sent());
    }
    if !held.is_empty() {
        println!("\n| what is held | client | bytes each (min–max) | ratio |");
        println!("|---|---|---|---|");
        held.iter().for_each(|row| row.print_held());
    }
}

impl Row {
    /// Whether memory was measured.
    fn is_held(&self) -> bool {
        self.clients.iter().flat_map(|cell| &cell.runs).any(|figures| figures.bytes_each > 0.0)
    }

    fn print_sent(&self) {
        let own = self.clients.first().map_or(0.0, |cell| cell.cpu().median);
        for cell in &self.clients {
            let cpu = cell.cpu();
            let rate = cell.spread(|f| f.delivered as f64 / f.seconds / 1e6).median;
            let (p50, p99) = (cell.spread(|f| f.p50_us).median, cell.spread(|f| f.p99_us).median);
            let latency = if p50 > 0.0 { format!("{p50:.1} / {p99:.1}") } else { String::new() };
            let rss = cell.spread(|f| f.peak_rss as f64 / f64::from(1 << 20)).median;
            let ratio = match cell.delivered() {
                all if all >= 1.0 => format!("{:.2}", cpu.median / own),
                some => format!("not ranked: {:.1} % delivered", some * 100.0),
            };
            println!(
                "| {} | {} | {:.0} ({:.0}–{:.0}) | {rate:.2} | {latency} | {rss:.1} | {ratio} |",
                self.work, cell.client, cpu.median, cpu.min, cpu.max,
            );
        }
    }

    fn print_held(&self) {
        let own = self.clients.first().map_or(0.0, |cell| cell.each().median);
        for cell in &self.clients {
            let each = cell.each();
            println!(
                "| {} | {} | {:.0} ({:.0}–{:.0}) | {:.2} |",
                self.work,
                cell.client,
                each.median,
                each.min,
                each.max,
                each.median / own,
            );
        }
    }

    /// Its name, and each client with the median of its processor time a message in nanoseconds; those that lost
    /// messages left out. Nothing for what is held.
    pub(crate) fn bars(&self) -> Option<(&'static str, Vec<(&'static str, f64)>)> {
        let ranked = self.clients.iter().filter(|cell| cell.delivered() >= 1.0);
        let bars: Vec<_> = ranked.map(|cell| (cell.client, cell.cpu().median)).collect();
        (!self.is_held() && bars.len() > 1).then_some((self.work, bars))
    }
}
