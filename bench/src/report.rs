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

    fn lost(&self) -> bool {
        self.runs.iter().any(|f| f.delivered < f.messages)
    }
}

pub(crate) fn print_json(rows: &[Row]) {
    for row in rows {
        println!("{}", serde_json::to_string(row).unwrap_or_default());
    }
}

pub(crate) fn print_table(rows: &[Row]) {
    println!("| work | client | CPU ns/msg (min–max) | M msgs/s | p50 / p99 µs | peak RSS MiB | CPU ratio |");
    println!("|---|---|---|---|---|---|---|");
    for row in rows {
        let own = row.clients.first().map_or(0.0, |cell| cell.cpu().median);
        for cell in &row.clients {
            let cpu = cell.cpu();
            let rate = cell.spread(|f| f.delivered as f64 / f.seconds / 1e6).median;
            let (p50, p99) = (cell.spread(|f| f.p50_us).median, cell.spread(|f| f.p99_us).median);
            let latency = if p50 > 0.0 { format!("{p50:.1} / {p99:.1}") } else { String::new() };
            let rss = cell.spread(|f| f.peak_rss as f64 / f64::from(1 << 20)).median;
            let ratio = if cell.lost() { "lost messages".into() } else { format!("{:.2}", cpu.median / own) };
            println!(
                "| {} | {} | {:.0} ({:.0}–{:.0}) | {rate:.2} | {latency} | {rss:.1} | {ratio} |",
                row.work, cell.client, cpu.median, cpu.min, cpu.max,
            );
        }
    }
}
