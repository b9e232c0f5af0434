//! Figures as SVG: rows of bars or dots, curves, histograms.
//!
//! The colours of a drawing are those of a light page. In dark mode a style sheet exchanges them one by one
//! ([`dark_rules`]), so that one drawing is readable in both.

mod rows;
mod curves;
mod histogram;

use std::fmt::Write as _;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

pub use curves::{CurvePlot, Series, curve_plot};
pub use histogram::{HistogramPlot, histogram_plot};
pub use rows::{Mark, Row, RowPlot, row_plot};

/// Width of every figure, in pixels: still readable when a telephone makes it smaller.
const WIDTH: u32 = 440;

/// Text of 12 pixels: plotters divides by 1.24.
const TEXT: f64 = 12.0 * 1.24;

/// Average width of a character of that text, in pixels.
const CHARACTER: f64 = 6.3;

const INK: RGBColor = RGBColor(0x1F, 0x23, 0x28);
const GRID: RGBColor = RGBColor(0xD8, 0xDC, 0xE1);
/// The reference line.
const SOFT: RGBColor = RGBColor(0x6A, 0x73, 0x7D);

/// Colours of series; told apart by people who see red and green alike (Okabe and Ito 2008).
pub const SERIES: [RGBColor; 7] = [
    RGBColor(0x76, 0x76, 0x76),
    RGBColor(0x3B, 0x3B, 0x3B),
    RGBColor(0xB9, 0x77, 0x00),
    RGBColor(0x00, 0x72, 0xB2),
    RGBColor(0x00, 0x8A, 0x65),
    RGBColor(0xB5, 0x56, 0x8D),
    RGBColor(0xC2, 0x4E, 0x00),
];

/// Each colour in use, with what replaces it on a dark page.
const DARK: [(RGBColor, &str); 10] = [
    (INK, "#E6EAEE"),
    (GRID, "#3A4048"),
    (SOFT, "#9AA4AF"),
    (SERIES[0], "#9B9B9B"),
    (SERIES[1], "#E3E3E3"),
    (SERIES[2], "#F0B23C"),
    (SERIES[3], "#5CB8F0"),
    (SERIES[4], "#32C89B"),
    (SERIES[5], "#E59AC4"),
    (SERIES[6], "#F58B4B"),
];

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Rules of a style sheet that make figures readable on a dark page.
#[must_use]
pub fn dark_rules() -> String {
    let mut rules = String::new();
    for (RGBColor(red, green, blue), dark) in DARK {
        let light = format!("#{red:02X}{green:02X}{blue:02X}");
        let _ = writeln!(
            rules,
            "svg [fill=\"{light}\"]{{fill:{dark}}} svg [stroke=\"{light}\"]{{stroke:{dark}}}"
        );
    }
    rules
}

/// A figure for a file of its own: it has a name, and knows both modes.
#[must_use]
pub fn standalone(svg: &str) -> String {
    let style = format!(
        "<style>@media (prefers-color-scheme: dark){{{}}}</style>",
        dark_rules()
    );
    match svg.find('>') {
        Some(end) => format!("{}\n{style}{}", &svg[..=end], &svg[end + 1..]),
        None => svg.to_owned(),
    }
}

/// Draws a figure of this height.
fn draw(height: u32, body: impl FnOnce(&Area<'_>) -> anyhow::Result<()>) -> anyhow::Result<String> {
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
    body(&area)?;
    area.present()?;
    drop(area);
    // A picture may be smaller than it was drawn; it scales by its view box.
    Ok(svg)
}

fn text_style(horizontal: HPos) -> TextStyle<'static> {
    text_style_of(&INK, horizontal)
}

fn text_style_of(color: &RGBColor, horizontal: HPos) -> TextStyle<'static> {
    ("sans-serif", TEXT)
        .into_font()
        .color(color)
        .pos(Pos::new(horizontal, VPos::Center))
}

/// A legend under a figure: a square and a name for each entry, in as many lines as they need.
fn legend(area: &Area<'_>, entries: &[(&str, RGBColor)]) -> anyhow::Result<()> {
    for ((name, color), (x, y)) in entries.iter().zip(legend_places(entries)) {
        area.draw(&Rectangle::new([(x, y - 5), (x + 10, y + 5)], color.filled()))?;
        area.draw(&Text::new(
            (*name).to_owned(),
            (x + 15, y),
            text_style(HPos::Left),
        ))?;
    }
    Ok(())
}

fn legend_height(entries: &[(&str, RGBColor)]) -> u32 {
    legend_places(entries)
        .last()
        .map_or(0, |&(_, y)| u32::try_from(y).unwrap_or_default() + 12)
}

/// Where each entry begins, left middle.
fn legend_places(entries: &[(&str, RGBColor)]) -> Vec<(i32, i32)> {
    let (mut x, mut y) = (10, 10);
    let mut places = Vec::new();
    for (name, _) in entries {
        let width = 15 + pixels(name.chars().count() as f64 * CHARACTER) + 14;
        if x > 10 && x + width > i32::try_from(WIDTH).unwrap_or(i32::MAX) {
            (x, y) = (10, y + 18);
        }
        places.push((x, y));
        x += width;
    }
    places
}

#[expect(clippy::cast_possible_truncation, reason = "a few hundred pixels")]
fn pixels(length: f64) -> i32 {
    length.round() as i32
}

/// A number as an axis shows it, with as many decimals as its range needs.
fn axis_number(value: f64, span: f64) -> String {
    let decimals = match span {
        _ if span >= 20.0 => 0,
        _ if span >= 2.0 => 1,
        _ if span >= 0.2 => 2,
        _ if span >= 0.02 => 3,
        _ => 4,
    };
    let text = format!("{value:.decimals$}");
    // What is rounded to zero has no sign.
    if text.trim_start_matches(['-', '0', '.']).is_empty() {
        format!("{:.decimals$}", 0.0)
    } else {
        text
    }
}

/// The smallest range that holds all finite values, a little wider; 0 to 1 of none.
fn padded_range(values: impl Iterator<Item = f64>) -> std::ops::Range<f64> {
    let (mut lo, mut hi) = (f64::INFINITY, f64::NEG_INFINITY);
    for value in values.filter(|value| value.is_finite()) {
        (lo, hi) = (lo.min(value), hi.max(value));
    }
    if lo > hi {
        return 0.0..1.0;
    }
    let margin = match hi - lo {
        // A constant needs a range too.
        0.0 => lo.abs().max(1.0) * 0.1,
        span => span * 0.05,
    };
    lo - margin..hi + margin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_their_values() {
        assert_eq!(padded_range([1.0, 3.0, f64::NAN].into_iter()), 0.9..3.1);
        assert_eq!(padded_range([2.0].into_iter()), 1.8..2.2, "a constant");
        assert_eq!(padded_range(std::iter::empty()), 0.0..1.0, "of nothing");
    }

    #[test]
    fn axis_numbers_have_the_decimals_that_tell_them_apart() {
        assert_eq!(axis_number(0.25, 1.0), "0.25");
        assert_eq!(axis_number(150.0, 300.0), "150");
        assert_eq!(axis_number(-0.0001, 10.0), "0.0", "no minus before nothing");
    }

    #[test]
    fn legends_break_lines_before_the_edge() {
        let long = "a name of thirty characters ok";
        let places = legend_places(&[(long, INK), (long, INK), ("b", INK)]);
        assert_eq!(places[0], (10, 10));
        assert_eq!(places[1], (10, 28), "the second does not fit beside the first");
        assert_eq!(places[2].1, 28, "the third does");
    }

    /// Every colour that a figure may use has another one for dark pages.
    #[test]
    fn dark_rules_know_every_colour() {
        let rules = dark_rules();
        for RGBColor(red, green, blue) in SERIES.into_iter().chain([INK, GRID, SOFT]) {
            let name = format!("[fill=\"#{red:02X}{green:02X}{blue:02X}\"]");
            assert!(rules.contains(&name), "{name}");
        }
    }
}
