//! Figures drawn with characters.

use std::fmt::Write;

use textplots::{Chart, Plot, Shape};

/// The widest bar, in characters.
const WIDTH: f64 = 40.0;

/// A bar for a share of the whole.
pub(crate) fn bar(share: f64) -> String {
    "█".repeat((share.clamp(0.0, 1.0) * WIDTH).ceil() as usize)
}

/// Messages of each second, once there are enough seconds for a picture.
pub(crate) fn rates(rates: &[u64]) -> String {
    let Some(most) = rates.iter().max().filter(|most| **most > 0 && rates.len() >= 3) else {
        return String::new();
    };
    let points: Vec<_> = rates.iter().enumerate().map(|(n, rate)| (n as f32 + 1.0, *rate as f32)).collect();
    let last = rates.len() as f32;
    let mut chart = Chart::new_with_y_range(120, 40, 1.0, last, 0.0, *most as f32);
    let shape = Shape::Lines(&points);
    let chart = chart.lineplot(&shape);
    chart.axis();
    chart.figures();
    let mut text = String::from("messages a second:\n");
    // Writing to a string does not fail.
    let _ = writeln!(text, "{chart}");
    text
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
    fn a_few_seconds_are_needed_for_a_picture() {
        assert_eq!(rates(&[5, 6]), "");
        assert_eq!(rates(&[0, 0, 0]), "");
        let picture = rates(&[10, 30, 20, 30]);
        assert!(picture.contains("messages a second") && picture.contains("30"), "{picture}");
    }
}
