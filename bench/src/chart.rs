//! The comparison as a picture: a group of bars for each work, as long as the processor time of a message relative to
//! the slowest client's.

use std::fmt::Write;

use crate::report::Row;
use crate::work::Kind;

const LEFT: f64 = 310.0;
const RIGHT: f64 = 90.0;
const WIDTH: f64 = 900.0;
const BAR: f64 = 14.0;
const GAP: f64 = 12.0;
const COLOURS: [(&str, &str); 3] =
    [("nuncio", "#1f6feb"), ("async-nats", "#9aa0a6"), ("watermelon", "#c7ccd1")];

/// The name of a work, and each client with the processor time that a message takes it; those that lost messages left
/// out, and works that one client alone does.
fn bars(row: &Row) -> Option<(&str, Vec<(&str, f64)>)> {
    let figure = |(name, _): &(&'static str, _)| Some((*name, row.spread(name)?.median));
    let bars: Vec<_> = COLOURS.iter().filter_map(figure).collect();
    (row.kind == Kind::Time && bars.len() > 1).then_some((&row.work, bars))
}

/// The chart, as SVG.
pub(crate) fn draw(rows: &[Row]) -> String {
    let mut body = String::new();
    let mut top = 40.0;
    for (work, bars) in rows.iter().filter_map(bars) {
        let longest = bars.iter().map(|(_, ns)| *ns).fold(1.0, f64::max);
        let middle = top + bars.len() as f64 * BAR / 2.0 + 4.0;
        let _ = writeln!(body, r#"<text x="{}" y="{middle}" text-anchor="end">{work}</text>"#, LEFT - 10.0);
        for (client, ns) in &bars {
            let width = (WIDTH - LEFT - RIGHT) * ns / longest;
            let colour = COLOURS.iter().find(|(name, _)| name == client).map_or("#000", |(_, colour)| colour);
            let _ = writeln!(
                body,
                r#"<rect x="{LEFT}" y="{top}" width="{width:.1}" height="{}" fill="{colour}"/>"#,
                BAR - 2.0
            );
            let _ = writeln!(
                body,
                r#"<text x="{:.1}" y="{}" class="figure">{ns:.0} ns</text>"#,
                LEFT + width + 6.0,
                top + BAR - 4.0
            );
            top += BAR;
        }
        top += GAP;
    }
    let mut legend = String::new();
    for (n, (name, colour)) in COLOURS.iter().enumerate() {
        let x = LEFT + n as f64 * 130.0;
        let _ = writeln!(legend, r#"<rect x="{x}" y="12" width="12" height="12" fill="{colour}"/>"#);
        let _ = writeln!(legend, r#"<text x="{}" y="22">{name}</text>"#, x + 18.0);
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {top}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<title>Processor time of the client for each message; shorter is better</title>\n\
         <style>.figure {{ font-size: 10px; fill: #555 }}</style>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{legend}{body}</svg>\n"
    )
}
