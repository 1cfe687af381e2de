//! The tables of a page.

use std::fmt::Write;

use crate::machine;
use crate::report::{Cell, Row};
use crate::work::Kind;

const PEERS: [&str; 2] = ["async-nats", "watermelon"];

/// Works that tell most in three lines.
const HEADLINES: [&str; 3] = ["publish 128 B", "subscribe 128 B", "request 128 B, 64 at once"];

/// The table of that name; empty when nothing was measured for it, nothing when there is no such table.
pub(crate) fn named(name: &str, rows: &[Row]) -> Option<String> {
    let of = |kind| rows.iter().filter(move |row| row.kind == kind);
    Some(match name {
        "machine" if rows.is_empty() => String::new(),
        "machine" => machine::described(),
        "time" => time(of(Kind::Time)),
        "latency" => latency(of(Kind::Time)),
        "rss" => rss(of(Kind::Time).filter(|row| row.work.starts_with("subscribe"))),
        "memory" => compared("what is held", "bytes each", 0, of(Kind::Memory)),
        "instructions" => compared("what is done", "instructions", 0, of(Kind::Instructions)),
        "builds" => builds(of(Kind::Build)),
        "behind" => behind(of(Kind::Time)),
        "headlines" => headlines(rows),
        _ => return None,
    })
}

/// A table, or nothing if it has no rows.
fn table(head: &str, rows: impl Iterator<Item = String>) -> String {
    let mut body = String::new();
    for row in rows {
        let _ = writeln!(body, "| {row} |");
    }
    let columns = head.split(" | ").count();
    if body.is_empty() { body } else { format!("| {head} |\n|{}\n{body}", " --- |".repeat(columns)) }
}

/// A figure of a peer and how many times nuncio's it is.
fn peer(row: &Row, client: &str, digits: usize) -> String {
    match (row.spread(client), row.ratio(client), row.cell(client)) {
        (Some(figure), Some(ratio), _) => format!("{} (**{ratio:.1}**)", number(figure.median, digits)),
        (Some(figure), ..) => number(figure.median, digits),
        (None, _, Some(cell)) => cell.problem.clone().unwrap_or_else(|| "not compared".into()),
        (None, _, None) => String::new(),
    }
}

fn peers(row: &Row, digits: usize) -> String {
    PEERS.map(|client| peer(row, client, digits)).join(" | ")
}

fn own(row: &Row, digits: usize) -> String {
    row.spread("nuncio").map_or_else(
        || row.cell("nuncio").map_or(String::new(), Cell::why_not),
        |figure| {
            let (median, min, max) = (figure.median, figure.min, figure.max);
            format!("{} ({}–{})", number(median, digits), number(min, digits), number(max, digits))
        },
    )
}

/// With a comma between thousands.
fn number(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_once('.').map_or((text.as_str(), None), |(w, r)| (w, Some(r)));
    let mut out = String::new();
    for (n, digit) in whole.chars().enumerate() {
        if n > 0 && (whole.len() - n) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    rest.map_or(out.clone(), |rest| format!("{out}.{rest}"))
}

fn time<'a>(rows: impl Iterator<Item = &'a Row>) -> String {
    table(
        "work | nuncio: CPU ns a message (min–max) | M msgs/s | async-nats (ratio) | watermelon (ratio)",
        rows.map(|row| {
            let rate =
                row.cell("nuncio").map_or(0.0, |c| c.spread(|f| f.delivered as f64 / f.seconds / 1e6).median);
            format!("{} | {} | {rate:.2} | {}", row.work, own(row, 0), peers(row, 0))
        }),
    )
}

fn compared<'a>(what: &str, unit: &str, digits: usize, rows: impl Iterator<Item = &'a Row>) -> String {
    table(
        &format!("{what} | nuncio: {unit} | async-nats (ratio) | watermelon (ratio)"),
        rows.map(|row| {
            let own = row.spread("nuncio").map_or_else(|| own(row, digits), |own| number(own.median, digits));
            let name = row.work.trim_start_matches("instructions: ");
            format!("{name} | {own} | {}", peers(row, digits))
        }),
    )
}

fn latency<'a>(rows: impl Iterator<Item = &'a Row>) -> String {
    let clients = ["nuncio", "async-nats", "watermelon"];
    let figure = |row: &Row, client: &str, of: fn(&crate::work::Figures) -> f64| {
        row.cell(client).filter(|cell| !cell.runs.is_empty()).map(|cell| cell.spread(of).median)
    };
    table(
        "p50 / p99, µs | nuncio | async-nats | watermelon",
        rows.filter(|row| figure(row, "nuncio", |f| f.p50_us).is_some_and(|p50| p50 > 0.0)).map(|row| {
            let cells = clients.map(|client| {
                match (figure(row, client, |f| f.p50_us), figure(row, client, |f| f.p99_us)) {
                    (Some(p50), Some(p99)) => format!("{p50:.1} / {p99:.1}"),
                    _ => String::new(),
                }
            });
            format!("{} | {}", row.work, cells.join(" | "))
        }),
    )
}

fn rss<'a>(rows: impl Iterator<Item = &'a Row>) -> String {
    table(
        "peak resident memory, MiB | nuncio | async-nats | watermelon",
        rows.map(|row| {
            let cells = ["nuncio", "async-nats", "watermelon"].map(|client| {
                let cell = row.cell(client).filter(|_| row.spread(client).is_some());
                cell.map_or(String::new(), |cell| format!("{:.1}", cell.rss()))
            });
            format!("{} | {}", row.work, cells.join(" | "))
        }),
    )
}

fn builds<'a>(rows: impl Iterator<Item = &'a Row>) -> String {
    let cells = rows.flat_map(|row| &row.clients).filter(|cell| !cell.runs.is_empty());
    table(
        "a small program with | seconds | crates",
        cells.map(|cell| {
            let crates = cell.runs.first().map_or(0, |figures| figures.crates);
            format!("{} | {:.0} | {crates}", cell.client, cell.spread(|f| f.seconds).median)
        }),
    )
}

/// Where nuncio costs a peer's half or more.
fn behind<'a>(rows: impl Iterator<Item = &'a Row>) -> String {
    let close = rows.filter_map(|row| {
        let ratio = PEERS.iter().filter_map(|peer| row.ratio(peer)).min_by(f64::total_cmp)?;
        (ratio < 2.0).then(|| format!("{} | {ratio:.2}", row.work))
    });
    table("work | the cheapest peer's CPU time by nuncio's", close)
}

/// A short form: the peer that most programs use, and the works that most programs do.
fn headlines(rows: &[Row]) -> String {
    let row = |name: &str| rows.iter().find(|row| row.work == name);
    let lines = HEADLINES.iter().filter_map(|name| row(name)).filter_map(|row| {
        let (own, peer) = (row.spread("nuncio")?.median, row.spread("async-nats")?.median);
        Some(format!("{} | {} ns | {} ns | {:.1}", row.work, number(own, 0), number(peer, 0), peer / own))
    });
    let held = rows.iter().filter(|row| row.kind == Kind::Memory).filter_map(|row| {
        let (own, peer) = (row.spread("nuncio")?.median, row.spread("async-nats")?.median);
        let name = row.work.split(' ').skip(2).collect::<Vec<_>>().join(" ");
        let one = name.trim_end_matches('s');
        Some(format!("one of many {one}s | {} B | {} B | {:.1}", number(own, 0), number(peer, 0), peer / own))
    });
    table("CPU time a message, or memory | nuncio | async-nats | ratio", lines.chain(held))
}
