//! Rows with a name, a value and perhaps an interval: methods, reward models, shares.

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::{
    CHARACTER, GRID, INK, SOFT, WIDTH, draw, legend, legend_height, pixels, text_style, text_style_of,
};

/// Height of one row, in pixels.
const ROW: u32 = 26;

/// A figure of rows.
#[derive(Clone, Debug, Default)]
pub struct RowPlot<'a> {
    /// From top to bottom.
    pub rows: Vec<Row<'a>>,
    /// How values are drawn.
    pub mark: Mark,
    /// The axis, in percent.
    pub percent: [f64; 2],
    /// Name of the axis.
    pub axis: &'a str,
    /// A line to compare with, with its name.
    pub reference: Option<(f64, &'a str)>,
    /// Names of colours.
    pub legend: Vec<(&'a str, RGBColor)>,
}

/// How a value is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mark {
    /// A bar from 0.
    #[default]
    Bar,
    /// A dot, for axes that do not begin at 0.
    Dot,
}

/// One row.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    /// Its name, left of the axis.
    pub name: &'a str,
    /// Its value, in percent.
    pub value: f64,
    /// Its interval.
    pub interval: Option<[f64; 2]>,
    /// Its colour.
    pub color: RGBColor,
}

/// Draws the rows from top to bottom.
///
/// # Errors
///
/// When it cannot be drawn.
pub fn row_plot(plot: &RowPlot<'_>) -> anyhow::Result<String> {
    let count = u32::try_from(plot.rows.len())?;
    let longest = plot.rows.iter().map(|row| row.name.chars().count()).max();
    let names = pixels(longest.unwrap_or_default() as f64 * CHARACTER).clamp(40, 210) + 8;
    let below = legend_height(&plot.legend);
    let height = 24 + ROW * count + 44 + below;
    let [lo, hi] = plot.percent;
    // As many numbers as have room beside each other.
    let labels = usize::try_from((i32::try_from(WIDTH)? - names - 48) / 48)?.clamp(3, 6);
    draw(height, |area| {
        let (chart, bottom) = area.split_vertically(height - below);
        let mut chart = ChartBuilder::on(&chart)
            .margin_top(20)
            .margin_right(48)
            .margin_left(4)
            .x_label_area_size(42)
            .y_label_area_size(names)
            .build_cartesian_2d(lo..hi, f64::from(count)..0.0)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .y_labels(0)
            .x_labels(labels)
            .axis_style(GRID)
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .label_style(text_style(HPos::Center))
            .x_label_formatter(&|value| format!("{value:.0} %"))
            .x_desc(plot.axis)
            .draw()?;
        if let Some((value, name)) = plot.reference {
            chart.draw_series([PathElement::new(
                vec![(value, 0.0), (value, f64::from(count))],
                SOFT.stroke_width(1),
            )])?;
            let (x, y) = chart.plotting_area().map_coordinate(&(value, 0.0));
            let half = pixels(name.chars().count() as f64 * CHARACTER / 2.0);
            let x = x.min(i32::try_from(WIDTH)? - half - 4).max(half + 4);
            area.draw(&Text::new(
                name.to_owned(),
                (x, y - 9),
                text_style_of(&SOFT, HPos::Center),
            ))?;
        }
        for (index, row) in plot.rows.iter().enumerate() {
            let middle = index as f64 + 0.5;
            mark(&mut chart, plot, row, middle)?;
            let (left, y) = chart.plotting_area().map_coordinate(&(lo, middle));
            area.draw(&Text::new(
                row.name.to_owned(),
                (left - 6, y),
                text_style(HPos::Right),
            ))?;
            let (right, y) = chart.plotting_area().map_coordinate(&(hi, middle));
            let value = format!("{:.1}", row.value);
            area.draw(&Text::new(value, (right + 8, y), text_style(HPos::Left)))?;
        }
        legend(&bottom, &plot.legend)
    })
}

/// Coordinates of the rows: percent, and rows from above.
type Rows<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// The value of a row and its interval.
///
/// - `middle`: where the row lies
fn mark<'a>(chart: &mut Rows<'a>, plot: &RowPlot<'_>, row: &Row<'_>, middle: f64) -> anyhow::Result<()> {
    let [lo, hi] = plot.percent;
    let at = |value: f64| (value.clamp(lo, hi), middle);
    let color = row.color;
    match plot.mark {
        Mark::Bar => {
            let corners = [(lo, middle - 0.32), (row.value.clamp(lo, hi), middle + 0.32)];
            chart.draw_series([Rectangle::new(corners, color.filled())])?;
        }
        Mark::Dot => {
            chart.draw_series([Circle::new(at(row.value), 5, color.filled())])?;
        }
    }
    if let Some([from, to]) = row.interval {
        let style = match plot.mark {
            Mark::Bar => INK.stroke_width(1),
            Mark::Dot => color.stroke_width(2),
        };
        chart.draw_series([PathElement::new(vec![at(from), at(to)], style)])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::figures::SERIES;

    fn plot(mark: Mark) -> RowPlot<'static> {
        RowPlot {
            rows: vec![
                Row {
                    name: "first <b>",
                    value: 50.0,
                    interval: Some([40.0, 60.0]),
                    color: SERIES[3],
                },
                Row {
                    name: "second",
                    value: 100.0,
                    interval: None,
                    color: SERIES[2],
                },
            ],
            mark,
            percent: [0.0, 100.0],
            axis: "accuracy",
            reference: Some((50.0, "chance")),
            legend: vec![("label pairs", SERIES[3])],
        }
    }

    /// The second bar is as long as the axis, and the first half as long.
    #[test]
    fn bars_are_as_long_as_their_values() {
        let svg = row_plot(&plot(Mark::Bar)).unwrap();
        let width = |color: &str| -> f64 {
            let line = svg
                .lines()
                .find(|line| line.starts_with("<rect") && line.contains(color))
                .expect("a bar of the colour");
            let value = line.split("width=\"").nth(1).expect("a width");
            value.split('"').next().expect("its end").parse().unwrap()
        };
        let (half, whole) = (width("#0072B2"), width("#B97700"));
        assert!((whole / half - 2.0).abs() < 0.02, "{whole} {half}");
        assert!(svg.contains("first &lt;b&gt;") && svg.contains("chance"), "{svg}");
    }

    #[test]
    fn dots_have_their_intervals() {
        let svg = row_plot(&plot(Mark::Dot)).unwrap();
        assert_eq!(svg.matches("<circle").count(), 2);
        assert!(svg.contains("stroke=\"#0072B2\""), "{svg}");
    }
}
