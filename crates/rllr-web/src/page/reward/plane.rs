//! The reward of RLLR-mixed over its two parts: lines of equal reward, with the kink at the threshold.

use crate::live::InspectedInput;

/// An answer in the plane of its two scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlanePoint {
    /// The text.
    pub input: usize,
    /// The label that its rationale argues for.
    pub rationale: usize,
    /// Its label.
    pub label: usize,
    /// Score of the label-sensitive reward model.
    pub label_score: f64,
    /// Score of the ordinary reward model.
    pub rationale_score: f64,
    /// Whether its label is the right one.
    pub is_right: bool,
}

/// Steps of the colour scale.
pub const SHADES: usize = 5;

/// `min(r_label, label_threshold) + r_rationale` (RLLR, equation of the mixed reward).
pub fn mixed_reward(point: &PlanePoint, label_threshold: f64) -> f64 {
    point.label_score.min(label_threshold) + point.rationale_score
}

/// All combinations of rationale and label of all texts.
pub fn points(inputs: &[InspectedInput]) -> Vec<PlanePoint> {
    let of_input = |(number, input): (usize, &InspectedInput)| {
        let scores = input.scores.clone();
        let gold = input.gold;
        let labels = input.rationales.len();
        (0..labels)
            .flat_map(move |rationale| (0..labels).map(move |label| (rationale, label)))
            .map(move |(rationale, label)| PlanePoint {
                input: number,
                rationale,
                label,
                label_score: scores.label_sensitive[rationale][label],
                rationale_score: scores.ordinary[rationale][label],
                is_right: label == gold,
            })
            .collect::<Vec<_>>()
    };
    inputs.iter().enumerate().flat_map(of_input).collect()
}

/// The shade of each point: its fifth in the order of rewards, from 0 to [`SHADES`] − 1. Equal rewards have equal
/// shades.
pub fn shades(points: &[PlanePoint], label_threshold: f64) -> Vec<usize> {
    let rewards: Vec<f64> = points
        .iter()
        .map(|point| mixed_reward(point, label_threshold))
        .collect();
    let mut sorted = rewards.clone();
    sorted.sort_by(f64::total_cmp);
    let shade = |reward: &f64| {
        let below = sorted.partition_point(|other| other < reward);
        (below * SHADES / sorted.len().max(1)).min(SHADES - 1)
    };
    rewards.iter().map(shade).collect()
}

/// How well the rewards rank the labels: share of pairs of a right and a wrong answer to the same text in which the
/// right one earns more, ties counted half. `None` without such pairs.
pub fn right_above_wrong(points: &[PlanePoint], label_threshold: f64) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0_usize);
    for right in points.iter().filter(|point| point.is_right) {
        for wrong in points
            .iter()
            .filter(|point| !point.is_right && point.input == right.input)
        {
            let [a, b] = [right, wrong].map(|point| mixed_reward(point, label_threshold));
            sum += if a > b {
                1.0
            } else if a < b {
                0.0
            } else {
                0.5
            };
            count += 1;
        }
    }
    (count > 0).then(|| sum / count as f64)
}

/// A rectangle of scores that is drawn: label score to the right, rationale score upwards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    /// Smallest and largest label score.
    pub x: [f64; 2],
    /// Smallest and largest rationale score.
    pub y: [f64; 2],
}

impl Frame {
    /// The frame around points, with a margin of a twentieth.
    pub fn around(points: &[PlanePoint]) -> Self {
        let range = |score: fn(&PlanePoint) -> f64| {
            let least = points.iter().map(score).fold(f64::INFINITY, f64::min);
            let most = points.iter().map(score).fold(f64::NEG_INFINITY, f64::max);
            if least.is_finite() && most > least {
                let margin = (most - least) / 20.0;
                [least - margin, most + margin]
            } else {
                let middle = if least.is_finite() { least } else { 0.0 };
                [middle - 1.0, middle + 1.0]
            }
        };
        Self {
            x: range(|point| point.label_score),
            y: range(|point| point.rationale_score),
        }
    }

    /// A place of a drawing of this size, from its upper left corner.
    pub fn place(&self, x: f64, y: f64, [width, height]: [f64; 2]) -> [f64; 2] {
        let part = |value: f64, [from, to]: [f64; 2]| (value - from) / (to - from);
        [part(x, self.x) * width, (1.0 - part(y, self.y)) * height]
    }

    /// The label score at a part of the width, 0 at the left and 1 at the right; inside the frame.
    pub fn label_score_at(&self, part: f64) -> f64 {
        let [from, to] = self.x;
        from + (to - from) * part.clamp(0.0, 1.0)
    }

    /// The threshold that a key leads to, by hundredths of the width, if the key moves it.
    pub fn moved(&self, label_threshold: f64, key: &str) -> Option<f64> {
        let [from, to] = self.x;
        let step = (to - from) / 100.0;
        let moved = match key {
            "ArrowLeft" | "ArrowDown" => label_threshold - step,
            "ArrowRight" | "ArrowUp" => label_threshold + step,
            "PageDown" => label_threshold - 10.0 * step,
            "PageUp" => label_threshold + 10.0 * step,
            "Home" => from,
            "End" => to,
            _ => return None,
        };
        Some(moved.clamp(from, to))
    }

    /// The line of equal reward, from left to right: falling up to the threshold, level beyond it.
    ///
    /// `r_rationale = reward − min(r_label, label_threshold)`
    pub fn line(&self, reward: f64, label_threshold: f64) -> Vec<[f64; 2]> {
        let [from, to] = self.x;
        let y = |x: f64| reward - x.min(label_threshold);
        let mut line = vec![[from, y(from)]];
        if label_threshold > from && label_threshold < to {
            line.push([label_threshold, y(label_threshold)]);
        }
        line.push([to, y(to)]);
        line
    }

    /// Rewards whose lines cross the frame, evenly spread.
    pub fn rewards(&self, label_threshold: f64, count: usize) -> Vec<f64> {
        let least = self.x[0].min(label_threshold) + self.y[0];
        let most = self.x[1].min(label_threshold) + self.y[1];
        (1..=count)
            .map(|number| least + (most - least) * number as f64 / (count + 1) as f64)
            .collect()
    }
}

#[cfg(test)]
mod tests;
