//! Numbers over the steps of a training.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::{GRID, axis_number, draw, legend, legend_height, padded_range, text_style};

/// A figure of curves.
#[derive(Clone, Debug, Default)]
pub struct CurvePlot<'a> {
    /// The curves.
    pub series: Vec<Series<'a>>,
    /// Name of the vertical axis.
    pub axis: &'a str,
}

/// One curve.
#[derive(Clone, Debug)]
pub struct Series<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its colour.
    pub color: RGBColor,
    /// Step and value; what is not finite is left out.
    pub points: &'a [(f64, f64)],
}

/// Draws curves over steps.
///
/// # Errors
///
/// When it cannot be drawn.
pub fn curve_plot(plot: &CurvePlot<'_>) -> anyhow::Result<String> {
    let entries: Vec<(&str, RGBColor)> = plot
        .series
        .iter()
        .map(|series| (series.name, series.color))
        .collect();
    let below = legend_height(&entries);
    let height = 240 + below;
    let points = || plot.series.iter().flat_map(|series| series.points);
    let steps = padded_range(points().map(|point| point.0));
    let values = padded_range(points().map(|point| point.1));
    let span = values.end - values.start;
    draw(height, |area| {
        let (chart, bottom) = area.split_vertically(height - below);
        let mut chart = ChartBuilder::on(&chart)
            .margin_top(12)
            .margin_right(14)
            .x_label_area_size(42)
            .y_label_area_size(68)
            .build_cartesian_2d(steps, values)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_labels(6)
            .y_labels(5)
            .axis_style(GRID)
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .label_style(text_style(HPos::Center))
            .x_label_formatter(&|step| format!("{step:.0}"))
            .y_label_formatter(&|value| axis_number(*value, span))
            .x_desc("step")
            .y_desc(plot.axis)
            .draw()?;
        for series in &plot.series {
            let finite = series.points.iter().filter(|point| point.1.is_finite());
            chart.draw_series(LineSeries::new(finite.copied(), series.color.stroke_width(2)))?;
        }
        legend(&bottom, &entries)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::figures::SERIES;

    #[test]
    fn one_line_a_series_and_gaps_do_not_stop_it() {
        let rising = [(1.0, 0.0), (2.0, f64::NAN), (3.0, 1.0)];
        let series = |name, color| Series {
            name,
            color,
            points: &rising,
        };
        let svg = curve_plot(&CurvePlot {
            series: vec![series("a & b", SERIES[2]), series("c", SERIES[3])],
            axis: "reward",
        })
        .unwrap();
        for color in ["#B97700", "#0072B2"] {
            let lines = svg
                .lines()
                .filter(|line| line.starts_with("<polyline") && line.contains(color));
            assert_eq!(lines.count(), 1, "{color}: {svg}");
        }
        assert!(svg.contains("a &amp; b") && !svg.contains("NaN"), "{svg}");
    }
}
