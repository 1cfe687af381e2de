//! Tables in a page: what stands between `<!-- bench NAME -->` and `<!-- end -->` is written by this program.

use std::fs;
use std::path::Path;

use crate::report::Row;
use crate::tables;

const BEGIN: &str = "<!-- bench ";
const END: &str = "<!-- end -->";

/// Whether all parts of a page are ones that can be written.
pub(crate) fn check(file: &Path) -> Result<(), String> {
    let text = read(file)?;
    filled(&text, &[]).map(drop).map_err(|problem| format!("{}: {problem}", file.display()))
}

/// Writes the marked parts anew; those that these rows say nothing of stay.
pub(crate) fn fill(file: &Path, rows: &[Row]) -> Result<(), String> {
    let text = read(file)?;
    let filled = filled(&text, rows).map_err(|problem| format!("{}: {problem}", file.display()))?;
    fs::write(file, filled).map_err(|e| format!("{}: {e}", file.display()))
}

fn read(file: &Path) -> Result<String, String> {
    fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))
}

fn filled(text: &str, rows: &[Row]) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once(BEGIN) {
        let (name, behind) = behind.split_once(" -->").ok_or("a mark without an end")?;
        let (old, behind) = behind.split_once(END).ok_or_else(|| format!("no end of {name:?}"))?;
        let table = tables::named(name, rows).ok_or_else(|| format!("there is no table {name:?}"))?;
        let table = if table.is_empty() { old.to_owned() } else { format!("\n\n{}\n\n", table.trim_end()) };
        out.extend([before, BEGIN, name, " -->", &table, END]);
        rest = behind;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::filled;
    use crate::report::Row;

    fn rows() -> Vec<Row> {
        let run = r#"{"messages":10,"delivered":10,"seconds":1e-6,"cpu_seconds":1e-6,"peak_rss":0,"p50_us":0.0,"p99_us":0.0}"#;
        let peer = run.replace("1e-6", "3e-6");
        let row = format!(
            r#"{{"work":"publish 16 B","kind":"Time","clients":[{{"client":"nuncio","runs":[{run}]}},{{"client":"async-nats","runs":[{peer}]}}]}}"#
        );
        vec![serde_json::from_str(&row).unwrap()]
    }

    #[test]
    fn what_is_marked_is_written_and_what_is_around_it_stays() {
        let page = "before\n<!-- bench time -->old<!-- end -->\nbehind";
        let page = filled(page, &rows()).unwrap();
        assert!(page.starts_with("before\n<!-- bench time -->\n\n|"), "{page}");
        assert!(page.contains("| publish 16 B | 100 (100–100) | 10.00 | 300 (**3.0**) |"), "{page}");
        assert!(page.ends_with("|\n\n<!-- end -->\nbehind"), "{page}");
        assert_eq!(filled(&page, &rows()).unwrap(), page);
    }

    #[test]
    fn a_part_of_which_nothing_was_measured_stays() {
        let page = "<!-- bench memory -->old<!-- end -->";
        assert_eq!(filled(page, &rows()).unwrap(), page);
    }

    #[test]
    fn a_mark_that_is_not_known_or_has_no_end_is_an_error() {
        assert!(filled("<!-- bench other -->old<!-- end -->", &rows()).is_err());
        assert!(filled("<!-- bench time -->old", &rows()).is_err());
    }
}
