//! The curves of a run: which numbers are drawn over which, and the gap between reward and truth.

use crate::live::StageName;
use crate::page::live::view::{Point, RunView, StageView};
use crate::page::text;

/// A chart: lines over the same steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// The name in `data-testid`.
    pub id: &'static str,
    /// The heading.
    pub heading: &'static str,
    /// What is drawn.
    pub caption: &'static str,
    /// The steps, ascending.
    pub steps: Vec<f64>,
    /// The lines.
    pub lines: Vec<Line>,
    /// Whether the space between the first two lines is filled where the first is higher.
    pub shading: Shading,
}

/// What is filled in a chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shading {
    /// Nothing.
    None,
    /// The space between the first two lines.
    BetweenTheFirstTwo,
}

/// A line of a chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The name in the legend.
    pub label: String,
    /// How it is drawn.
    pub style: LineStyle,
    /// Which run it belongs to.
    pub run: LineRun,
    /// One for each step of the chart; `None` where it has no point.
    pub values: Vec<Option<f64>>,
}

/// The run that a line belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineRun {
    /// The one that is shown.
    #[default]
    Shown,
    /// The recorded one, behind it.
    Recorded,
}

/// How a line is drawn: never by colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineStyle {
    /// The ordinary method.
    Ordinary,
    /// The label-sensitive method.
    LabelSensitive,
    /// The truth, beside what a reward model says.
    Truth,
    /// A level to compare with.
    Level,
}

impl LineStyle {
    /// The name in `web/chart.js`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ordinary => "ordinary",
            Self::LabelSensitive => "label-sensitive",
            Self::Truth => "truth",
            Self::Level => "level",
        }
    }
}

/// The part of a run that is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Part {
    /// Supervised fine-tuning.
    Sft,
    /// The two reward models.
    Reward,
    /// Reinforcement learning, twice.
    #[default]
    Ppo,
}

impl Part {
    /// All parts in their order.
    pub const ALL: [Self; 3] = [Self::Sft, Self::Reward, Self::Ppo];

    /// The name in `data-testid`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sft => "sft",
            Self::Reward => "reward",
            Self::Ppo => "ppo",
        }
    }

    /// The part that a stage belongs to.
    pub fn of(stage: StageName) -> Self {
        match stage {
            StageName::Sft => Self::Sft,
            StageName::OrdinaryReward | StageName::LabelReward => Self::Reward,
            StageName::OrdinaryPpo | StageName::LabelPpo => Self::Ppo,
        }
    }
}

/// The charts of a part.
pub fn charts(view: &RunView, part: Part) -> Vec<Chart> {
    match part {
        Part::Sft => sft_charts(view),
        Part::Reward => reward_charts(view),
        Part::Ppo => ppo_charts(view),
    }
}

/// Points of one number: step and value.
type Series = Vec<(usize, f64)>;

fn series(points: &[Point], name: &str) -> Series {
    let value = |point: &Point| Some((point.step, *point.metrics.get(name)?));
    points.iter().filter_map(value).collect()
}

fn steps_of(view: &RunView, stage: StageName, name: &str) -> Series {
    view.stage(stage)
        .map_or_else(Vec::new, |stage| series(&stage.steps, name))
}

fn evaluations_of(view: &RunView, stage: StageName, name: &str) -> Series {
    view.stage(stage)
        .map_or_else(Vec::new, |stage| series(&stage.evaluations, name))
}

/// Lines of one chart brought to the same steps.
fn chart(
    [id, heading, caption]: [&'static str; 3],
    shading: Shading,
    lines: Vec<(&'static str, LineStyle, Series)>,
) -> Chart {
    let mut steps: Vec<usize> = lines
        .iter()
        .flat_map(|(_, _, series)| series.iter().map(|(step, _)| *step))
        .collect();
    steps.sort_unstable();
    steps.dedup();
    let lines = lines.into_iter().map(|(label, style, series)| {
        let at = |step: &usize| {
            let place = series.binary_search_by_key(step, |(step, _)| *step).ok()?;
            Some(series[place].1)
        };
        Line {
            label: label.to_owned(),
            style,
            run: LineRun::Shown,
            values: steps.iter().map(at).collect(),
        }
    });
    Chart {
        id,
        heading,
        caption,
        lines: lines.collect(),
        // A step number fits a float exactly: there are at most some thousands.
        steps: steps.iter().map(|step| *step as f64).collect(),
        shading,
    }
}

/// A chart with the recorded run behind it: the lines of both over the steps of both. Levels are not repeated.
pub fn overlaid(shown: &Chart, recorded: &Chart) -> Chart {
    let mut steps: Vec<f64> = shown.steps.iter().chain(&recorded.steps).copied().collect();
    steps.sort_by(f64::total_cmp);
    steps.dedup();
    let spread = |chart: &Chart, line: &Line| -> Vec<Option<f64>> {
        let at = |step: &f64| {
            let place = chart.steps.binary_search_by(|other| other.total_cmp(step)).ok()?;
            line.values[place]
        };
        steps.iter().map(at).collect()
    };
    let of_shown = shown.lines.iter().map(|line| Line {
        values: spread(shown, line),
        ..line.clone()
    });
    let of_recorded = recorded
        .lines
        .iter()
        .filter(|line| line.style != LineStyle::Level);
    let of_recorded = of_recorded.map(|line| Line {
        label: text::recorded_line(&line.label),
        style: line.style,
        run: LineRun::Recorded,
        values: spread(recorded, line),
    });
    let lines = of_shown.chain(of_recorded).collect();
    Chart {
        steps: steps.clone(),
        lines,
        ..shown.clone()
    }
}

fn sft_charts(view: &RunView) -> Vec<Chart> {
    let stage = StageName::Sft;
    let accuracy = evaluations_of(view, stage, "eval_accuracy");
    let floor = level(view.floor, &accuracy);
    vec![
        chart(
            text::SFT_LOSS_CHART,
            Shading::None,
            vec![(
                text::LINE_SFT,
                LineStyle::LabelSensitive,
                steps_of(view, stage, "loss"),
            )],
        ),
        chart(
            text::SFT_ACCURACY_CHART,
            Shading::None,
            vec![
                (text::LINE_SFT, LineStyle::LabelSensitive, accuracy),
                (text::LINE_FLOOR, LineStyle::Level, floor),
            ],
        ),
    ]
}

/// A level, from the first to the last step of a series.
fn level(value: Option<f64>, along: &Series) -> Series {
    let ends = value.zip(along.first()).zip(along.last());
    ends.map_or_else(Vec::new, |((value, first), last)| {
        let mut ends = vec![(first.0, value), (last.0, value)];
        ends.dedup();
        ends
    })
}

fn reward_charts(view: &RunView) -> Vec<Chart> {
    let both = |series: &dyn Fn(StageName) -> Series| {
        vec![
            (
                text::LINE_ORDINARY_MODEL,
                LineStyle::Ordinary,
                series(StageName::OrdinaryReward),
            ),
            (
                text::LINE_LABEL_MODEL,
                LineStyle::LabelSensitive,
                series(StageName::LabelReward),
            ),
        ]
    };
    let of_label = |stage| evaluations_of(view, stage, "eval_label_accuracy");
    let of_rationale = |stage| evaluations_of(view, stage, "eval_rationale_accuracy");
    let loss = |stage| steps_of(view, stage, "loss");
    vec![
        chart(text::LABEL_PAIRS_CHART, Shading::None, both(&of_label)),
        chart(text::RATIONALE_PAIRS_CHART, Shading::None, both(&of_rationale)),
        chart(text::REWARD_LOSS_CHART, Shading::None, both(&loss)),
    ]
}

fn ppo_charts(view: &RunView) -> Vec<Chart> {
    let both = |heading, series: &dyn Fn(StageName) -> Series| {
        let lines = vec![
            (
                text::LINE_ORDINARY,
                LineStyle::Ordinary,
                series(StageName::OrdinaryPpo),
            ),
            (
                text::LINE_LABEL,
                LineStyle::LabelSensitive,
                series(StageName::LabelPpo),
            ),
        ];
        chart(heading, Shading::None, lines)
    };
    let steps = |name: &'static str| move |stage| steps_of(view, stage, name);
    let accuracy = |stage| evaluations_of(view, stage, "eval_accuracy");
    let gap = |heading, stage, style| {
        let (reward, truth) = view.stage(stage).map(win_probabilities).unwrap_or_default();
        let lines = vec![
            (text::LINE_REWARD_SAYS, style, reward),
            (text::LINE_TRUTH, LineStyle::Truth, truth),
        ];
        chart(heading, Shading::BetweenTheFirstTwo, lines)
    };
    vec![
        gap(
            text::ORDINARY_GAP_CHART,
            StageName::OrdinaryPpo,
            LineStyle::Ordinary,
        ),
        gap(
            text::LABEL_GAP_CHART,
            StageName::LabelPpo,
            LineStyle::LabelSensitive,
        ),
        both(text::ACCURACY_CHART, &accuracy),
        both(text::REWARD_CHART, &steps("objective/scores")),
        both(text::KL_CHART, &steps("objective/kl")),
        both(text::ENTROPY_CHART, &steps("policy/entropy_avg")),
    ]
}

/// How probably an answer of a step beats one of the first step: by the reward model, and by the labels.
///
/// By the reward model `σ(r − r₀)`, the Bradley-Terry model with the mean scores of the two steps (Bradley and Terry
/// 1952). By the labels, where a right answer beats a wrong one and equally good ones are drawn by lot,
/// `a(1 − a₀) + ½(a·a₀ + (1 − a)(1 − a₀)) = ½ + ½(a − a₀)`, with the shares of right labels. Both begin at ½, so the
/// space between them is what the policy gained in reward and not in truth.
pub fn win_probabilities(stage: &StageView) -> (Series, Series) {
    let scores = series(&stage.steps, "objective/scores");
    let accuracies = series(&stage.steps, "rollout/accuracy");
    let against_the_first = |series: Series, win: fn(f64, f64) -> f64| {
        let first = series.first().map_or(0.0, |(_, value)| *value);
        let points = series.into_iter().map(|(step, value)| (step, win(value, first)));
        points.collect()
    };
    (
        against_the_first(scores, |r, first| 1.0 / (1.0 + (first - r).exp())),
        against_the_first(accuracies, |a, first| 0.5 + 0.5 * (a - first)),
    )
}

#[cfg(test)]
mod tests;
