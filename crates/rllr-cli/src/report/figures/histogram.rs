//! How numbers of two kinds are distributed.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::{GRID, SOFT, axis_number, draw, legend, legend_height, padded_range, text_style};

/// Number of bins.
const BINS: usize = 24;

/// A figure of distributions over one axis.
#[derive(Clone, Debug, Default)]
pub struct HistogramPlot<'a> {
    /// Name, colour and values of each kind.
    pub kinds: Vec<(&'a str, RGBColor, &'a [f64])>,
    /// Name of the horizontal axis.
    pub axis: &'a str,
}

/// Draws the share of each kind's values in each of 24 bins, and a line at zero.
///
/// # Errors
///
/// When it cannot be drawn.
pub fn histogram_plot(plot: &HistogramPlot<'_>) -> anyhow::Result<String> {
    let entries: Vec<(&str, RGBColor)> = plot.kinds.iter().map(|kind| (kind.0, kind.1)).collect();
    let below = legend_height(&entries);
    let height = 220 + below;
    let all = plot.kinds.iter().flat_map(|kind| kind.2).copied();
    // Zero is always visible: left of it the wrong response is preferred.
    let range = padded_range(all.chain([0.0]));
    let span = range.end - range.start;
    let shares: Vec<Vec<f64>> = plot.kinds.iter().map(|kind| bin_shares(kind.2, &range)).collect();
    let highest = shares.iter().flatten().copied().fold(0.01_f64, f64::max);
    draw(height, |area| {
        let (chart, bottom) = area.split_vertically(height - below);
        let mut chart = ChartBuilder::on(&chart)
            .margin_top(12)
            .margin_right(14)
            .x_label_area_size(42)
            .y_label_area_size(58)
            .build_cartesian_2d(range.clone(), 0.0..highest * 1.05)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_labels(6)
            .y_labels(5)
            .axis_style(GRID)
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .label_style(text_style(HPos::Center))
            .x_label_formatter(&|value| axis_number(*value, span))
            .y_label_formatter(&|share| format!("{:.0} %", 100.0 * share))
            .x_desc(plot.axis)
            .y_desc("share of pairs")
            .draw()?;
        let width = span / BINS as f64;
        for (kind, shares) in plot.kinds.iter().zip(&shares) {
            let bars = shares.iter().enumerate().map(|(bin, &share)| {
                let left = range.start + bin as f64 * width;
                Rectangle::new([(left, 0.0), (left + width, share)], kind.1.mix(0.55).filled())
            });
            chart.draw_series(bars)?;
        }
        let zero = vec![(0.0, 0.0), (0.0, highest * 1.05)];
        chart.draw_series([PathElement::new(zero, SOFT.stroke_width(1))])?;
        legend(&bottom, &entries)
    })
}

/// The share of the values in each bin of a range that holds them all.
fn bin_shares(values: &[f64], range: &std::ops::Range<f64>) -> Vec<f64> {
    let mut shares = vec![0.0; BINS];
    let finite = values.iter().filter(|value| value.is_finite());
    for value in finite {
        let place = (value - range.start) / (range.end - range.start) * BINS as f64;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a place among a few bins, rounded down"
        )]
        let bin = (place as usize).min(BINS - 1);
        shares[bin] += 1.0 / values.len() as f64;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::figures::SERIES;

    #[test]
    fn shares_add_up_and_lie_where_the_values_are() {
        let shares = bin_shares(&[-1.0, -1.0, 0.99, 0.99], &(-1.0..1.0));
        assert_eq!(shares[0], 0.5);
        assert_eq!(shares[BINS - 1], 0.5);
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{shares:?}");
        assert_eq!(bin_shares(&[], &(0.0..1.0)), vec![0.0; BINS]);
    }

    #[test]
    fn every_kind_has_its_bars() {
        let svg = histogram_plot(&HistogramPlot {
            kinds: vec![("label", SERIES[3], &[1.0, 2.0]), ("rationale", SERIES[2], &[])],
            axis: "margin",
        })
        .unwrap();
        assert!(svg.contains("fill=\"#0072B2\""), "{svg}");
    }
}
