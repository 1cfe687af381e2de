//! Figures drawn with characters.

/// The widest bar, in characters.
const WIDTH: f64 = 40.0;

/// The most columns of the picture of rates, in characters.
const COLUMNS: usize = 60;

/// The most characters that a column is wide.
const BROADEST: usize = 6;

/// The height of the picture of rates, in lines.
const LINES: usize = 8;

/// Characters that are filled from below by so many eighths.
const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A bar for a share of the whole.
pub(crate) fn bar(share: f64) -> String {
    "█".repeat((share.clamp(0.0, 1.0) * WIDTH).ceil() as usize)
}

/// A number with its thousands apart.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Messages of each second as columns that start at zero, once there are enough seconds for a picture.
///
/// With more seconds than fit side by side, a column is the mean of several.
pub(crate) fn rates(rates: &[u64]) -> Vec<String> {
    if rates.len() < 3 || rates.iter().all(|rate| *rate == 0) {
        return Vec::new();
    }
    let together = rates.len().div_ceil(COLUMNS);
    let columns: Vec<u64> = rates.chunks(together).map(mean).collect();
    let most = columns.iter().copied().max().unwrap_or(1).max(1);
    let heights: Vec<usize> = columns.iter().map(|rate| height(*rate, most)).collect();
    let broad = (COLUMNS / columns.len()).clamp(1, BROADEST);

    let label = grouped(most);
    let margin = label.len();
    let mut lines = vec![String::from("messages a second:")];
    for below in (0..LINES).rev() {
        let (label, axis) = if below == LINES - 1 { (label.as_str(), '┤') } else { ("", '│') };
        let row: String = heights.iter().flat_map(|height| [cell(*height, below)].repeat(broad)).collect();
        lines.push(format!("{label:>margin$} {axis}{row}").trim_end().to_owned());
    }
    let wide = broad * columns.len();
    lines.push(format!("{:>margin$} └{}", 0, "─".repeat(wide)));
    let last = format!("{} s", rates.len());
    lines.push(format!("{:margin$}  1{last:>rest$}", "", rest = wide.saturating_sub(1).max(last.len() + 1)));
    lines
}

fn mean(rates: &[u64]) -> u64 {
    let sum: u128 = rates.iter().map(|rate| u128::from(*rate)).sum();
    (sum / rates.len().max(1) as u128) as u64
}

/// In eighths of a line, rounded up, so that little is not nothing.
fn height(rate: u64, most: u64) -> usize {
    (u128::from(rate) * 8 * LINES as u128).div_ceil(u128::from(most)) as usize
}

/// What a column of this height shows in the line that has so many lines below it.
fn cell(height: usize, below: usize) -> char {
    EIGHTHS.get(height.saturating_sub(8 * below).min(8)).copied().unwrap_or(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_share() {
        assert_eq!(bar(0.5).chars().count(), 20);
        assert_eq!(bar(0.001).chars().count(), 1);
        assert_eq!(bar(7.0).chars().count(), 40);
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn a_few_seconds_are_needed_for_a_picture() {
        assert!(rates(&[5, 6]).is_empty());
        assert!(rates(&[0, 0, 0]).is_empty());
    }

    #[test]
    fn each_second_is_a_column_that_starts_at_zero() {
        let picture = [
            "messages a second:",
            "32,000 ┤      ██████",
            "       │      ██████",
            "       │      ██████      ▄▄▄▄▄▄",
            "       │      ██████      ██████▁▁▁▁▁▁",
            "       │██████████████████████████████",
            "       │██████████████████████████████",
            "       │██████████████████████████████",
            "       │██████████████████████████████",
            "     0 └──────────────────────────────",
            "        1                          5 s",
        ];
        assert_eq!(rates(&[16_000, 32_000, 16_000, 22_000, 16_001]), picture);
    }

    #[test]
    fn little_is_seen_and_nothing_is_not() {
        let picture = rates(&[1, 0, 1_000_000]);
        assert_eq!(picture.get(LINES).unwrap(), "          │▁▁▁▁▁▁      ██████");
    }

    #[test]
    fn more_seconds_than_columns_share_them_by_their_mean() {
        let picture = [
            "messages a second:",
            "3,569 ┤                                                    ▁▂▃▄▅▆▇█",
            "      │                                             ▁▃▄▅▆▇█████████",
            "      │                                     ▁▂▃▄▅▆▇████████████████",
            "      │                              ▁▂▃▅▆▇████████████████████████",
            "      │                      ▁▂▃▄▅▆▇███████████████████████████████",
            "      │               ▁▂▃▄▅▇███████████████████████████████████████",
            "      │       ▁▂▃▄▅▆▇██████████████████████████████████████████████",
            "      │▁▂▃▄▅▆▇█████████████████████████████████████████████████████",
            "    0 └────────────────────────────────────────────────────────────",
            "       1                                                     3600 s",
        ];
        assert_eq!(rates(&(0..3600).collect::<Vec<_>>()), picture);
    }

    #[test]
    fn the_largest_figures_have_a_picture() {
        assert_eq!(rates(&[u64::MAX, u64::MAX, 0]).len(), LINES + 3);
    }
}
