//! Who is better: the table, the figure, the sentences, the confusion matrices.

use rllr_eval::{AgainstBaseline, ComparedMethod, Comparison, IntervalOver, RunRecord};

use super::{file_name, mean, method_color, method_explanation, method_title, or_dash, percent};
use crate::report::document::{Block, Confusion, DataTable, Figure, Section};
use crate::report::figures::{Mark, Row, RowPlot, row_plot};

/// Below this adjusted p-value a difference is marked.
const LEVEL: f64 = 0.05;

/// What came out, in sentences.
pub(super) fn summary(record: &RunRecord, comparison: &Comparison) -> Vec<String> {
    let (tasks, seeds) = (record.tasks(), record.seeds());
    let mut sentences = vec![format!(
        "{} on {}, {}.",
        counted(record.method_names().len(), "method"),
        counted(tasks.len(), "task"),
        counted(seeds.len(), "seed"),
    )];
    let baseline = method_title(&comparison.baseline);
    for method in &comparison.methods {
        if !["rlhf", "rllr", "rllr-mixed"].contains(&method.method.as_str()) {
            continue;
        }
        let Some(test) = method.against_baseline else {
            continue;
        };
        let points = 100.0 * test.difference;
        let name = format!("{} on {}", method_title(&method.method), method.task);
        let p_value = p_text(test.p_adjusted);
        sentences.push(match mark(test) {
            "" => format!(
                "{name}: {points:+.1} points against {baseline}, which these examples cannot tell from chance (p {p_value})."
            ),
            _ if points > 0.0 => {
                format!("{name} is {points:.1} points better than {baseline} (p {p_value}).")
            }
            _ => format!("{name} is {:.1} points worse than {baseline} (p {p_value}).", -points),
        });
    }
    sentences
}

fn counted(count: usize, word: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {word}{plural}")
}

/// Accuracies with intervals and marks, and a figure for each task.
pub(super) fn section(record: &RunRecord, comparison: &Comparison) -> anyhow::Result<Section> {
    let tasks = record.tasks();
    let mut blocks = vec![
        Block::Table(overview(record, comparison)),
        Block::Text(legend(comparison)),
    ];
    let mut figures = Vec::new();
    for task in &tasks {
        figures.push(figure(record, comparison, task)?);
    }
    blocks.push(Block::Figures(figures));
    let explained = record.method_names().into_iter().filter_map(|name| {
        let text = method_explanation(name)?;
        Some(vec![method_title(name).to_owned(), text.to_owned()])
    });
    blocks.push(Block::Details(DataTable::new(
        "What the methods are",
        &["method", "what it is"],
        explained.collect(),
    )));
    Ok(Section {
        id: "scores",
        title: "Which method answers best?".to_owned(),
        explanation: format!(
            "Accuracy on held-out examples, in percent, with 95 % intervals. Look whether a method's interval lies \
             beside the one of {}, with which the reinforced methods begin, and whether it is beyond the grey line: \
             what counting words reaches without any network.",
            method_title(&comparison.baseline)
        ),
        blocks,
    })
}

/// Methods by tasks.
fn overview(record: &RunRecord, comparison: &Comparison) -> DataTable {
    let tasks = record.tasks();
    let mut header = vec!["method".to_owned()];
    header.extend(tasks.iter().map(|&task| task.to_owned()));
    let rows = record.method_names().into_iter().map(|method| {
        let mut row = vec![method_title(method).to_owned()];
        for task in &tasks {
            let found = find(comparison, task, method);
            row.push(or_dash(found.map(cell)));
        }
        row
    });
    DataTable {
        caption: "Accuracy in percent, with 95 % intervals".to_owned(),
        header,
        rows: rows.collect(),
    }
}

fn find<'a>(comparison: &'a Comparison, task: &str, method: &str) -> Option<&'a ComparedMethod> {
    let mut methods = comparison.methods.iter();
    methods.find(|row| row.task == task && row.method == method)
}

fn cell(method: &ComparedMethod) -> String {
    let [lo, hi] = method.accuracy_ci95;
    let mark = method.against_baseline.map_or("", mark);
    let space = if mark.is_empty() { "" } else { " " };
    format!(
        "{} [{}, {}]{space}{mark}",
        percent(method.accuracy),
        percent(lo),
        percent(hi)
    )
}

/// An arrow for a difference that chance does not explain; two below 0.01.
fn mark(test: AgainstBaseline) -> &'static str {
    match (test.p_adjusted, test.difference > 0.0) {
        (p, true) if p < 0.01 => "▲▲",
        (p, false) if p < 0.01 => "▼▼",
        (p, true) if p < LEVEL => "▲",
        (p, false) if p < LEVEL => "▼",
        _ => "",
    }
}

fn legend(comparison: &Comparison) -> String {
    let over = |wanted| comparison.methods.iter().any(|row| row.interval_over == wanted);
    let mut about = Vec::new();
    if over(IntervalOver::Seeds) {
        about.push("intervals over seeds are Student's t: what other seeds would give");
    }
    if over(IntervalOver::Examples) {
        about.push("intervals of one seed are bootstrap intervals: what other examples would give");
    }
    format!(
        "▲ better and ▼ worse than {} with p < 0.05, ▲▲ and ▼▼ with p < 0.01: a paired bootstrap test on the same \
         examples, with Holm's correction for {}. Among the rest are differences that may be real and that these \
         examples are too few to show. Here, {}.",
        method_title(&comparison.baseline),
        counted(comparison.comparisons, "comparison"),
        about.join("; ")
    )
}

fn figure(record: &RunRecord, comparison: &Comparison, task: &str) -> anyhow::Result<Figure> {
    let methods: Vec<&ComparedMethod> = comparison.methods.iter().filter(|row| row.task == task).collect();
    let floor = mean(
        record
            .methods
            .iter()
            .filter(|row| row.held_out.task == task)
            .filter_map(|row| row.floor),
    );
    let rows: Vec<Row<'_>> = methods
        .iter()
        .enumerate()
        .map(|(place, method)| Row {
            name: method_title(&method.method),
            value: 100.0 * method.accuracy,
            interval: Some(method.accuracy_ci95.map(|end| 100.0 * end)),
            color: method_color(&method.method, place),
        })
        .collect();
    let ends = rows.iter().flat_map(|row| row.interval.into_iter().flatten());
    let ends: Vec<f64> = ends.chain(floor.map(|floor| 100.0 * floor)).collect();
    let lowest = ends.iter().copied().fold(100.0, f64::min);
    let highest = ends.iter().copied().fold(0.0, f64::max);
    let svg = row_plot(&RowPlot {
        rows,
        mark: Mark::Dot,
        // Ten points wide at least, so that nothing looks like a cliff.
        percent: [
            (lowest - 3.0).min(highest - 10.0).max(0.0),
            (highest + 3.0).min(100.0),
        ],
        axis: "accuracy",
        reference: floor.map(|floor| (100.0 * floor, "counting words")),
        legend: Vec::new(),
    })?;
    Ok(Figure {
        name: format!("accuracy-{}", file_name(task)),
        title: format!("Accuracy on {task}"),
        svg,
        numbers: numbers(record, &methods, floor),
    })
}

fn numbers(record: &RunRecord, methods: &[&ComparedMethod], floor: Option<f64>) -> DataTable {
    let header = [
        "method",
        "seeds",
        "examples",
        "accuracy",
        "95 % interval",
        "difference",
        "its interval",
        "p",
        "p adjusted",
        "macro F1",
        "no answer",
        "test items",
        "Pearson",
        "label threshold",
        "seconds",
    ];
    let rows = methods.iter().map(|method| {
        let test = method.against_baseline;
        let thresholds = record
            .methods
            .iter()
            .filter(|row| row.method == method.method && row.held_out.task == method.task);
        let threshold = mean(thresholds.filter_map(|row| row.label_threshold));
        let interval = |[lo, hi]: [f64; 2]| format!("{} to {}", percent(lo), percent(hi));
        vec![
            method_title(&method.method).to_owned(),
            method.seeds.to_string(),
            method.n.to_string(),
            percent(method.accuracy),
            interval(method.accuracy_ci95),
            or_dash(test.map(|test| format!("{:+.1}", 100.0 * test.difference))),
            or_dash(test.map(|test| interval(test.difference_ci95))),
            or_dash(test.map(|test| p_text(test.p_value))),
            or_dash(test.map(|test| p_text(test.p_adjusted))),
            percent(method.macro_f1),
            percent(method.invalid_rate),
            or_dash(method.test_accuracy.map(percent)),
            or_dash(method.pearson.map(|value| format!("{value:.3}"))),
            or_dash(threshold.map(|value| format!("{value:.2}"))),
            or_dash(method.seconds.map(|value| format!("{value:.0}"))),
        ]
    });
    let mut table = DataTable::new("Numbers, shares in percent", &header, rows.collect());
    // Columns that no method fills only take room.
    for name in ["test items", "Pearson", "label threshold", "seconds"] {
        drop_empty_column(&mut table, name);
    }
    if let Some(floor) = floor {
        table.caption = format!("{}; counting words reaches {}", table.caption, percent(floor));
    }
    table
}

fn drop_empty_column(table: &mut DataTable, name: &str) {
    let Some(column) = table.header.iter().position(|header| header == name) else {
        return;
    };
    if table.rows.iter().all(|row| row[column] == "-") {
        table.header.remove(column);
        for row in &mut table.rows {
            row.remove(column);
        }
    }
}

fn p_text(p_value: f64) -> String {
    if p_value < 0.001 {
        "< 0.001".to_owned()
    } else {
        format!("{p_value:.3}")
    }
}

/// One matrix a method and task, summed over seeds.
pub(super) fn confusions(record: &RunRecord) -> Option<Section> {
    let mut blocks = Vec::new();
    for task in record.tasks() {
        let matrices = record.method_names().into_iter().filter_map(|method| {
            let rows = record.methods.iter();
            let evaluations = rows
                .filter(|row| row.method == method && row.held_out.task == task)
                .map(|row| &row.held_out);
            let mut sum: Option<Confusion> = None;
            for evaluation in evaluations {
                let sum = sum.get_or_insert_with(|| Confusion {
                    title: format!("{} on {task}", method_title(method)),
                    labels: evaluation.labels.clone(),
                    counts: vec![vec![0; evaluation.labels.len() + 1]; evaluation.labels.len()],
                });
                for (gold, row) in sum.counts.iter_mut().enumerate() {
                    let predicted = evaluation.confusion.get(gold).into_iter().flatten();
                    let invalid = evaluation.invalid.get(gold);
                    for (cell, count) in row.iter_mut().zip(predicted.chain(invalid)) {
                        *cell += count;
                    }
                }
            }
            sum
        });
        let matrices: Vec<Confusion> = matrices.collect();
        if !matrices.is_empty() {
            blocks.push(Block::Confusions(matrices));
        }
    }
    (!blocks.is_empty()).then(|| Section {
        id: "confusions",
        title: "Which labels are mixed up?".to_owned(),
        explanation: "Rows are the right labels, columns the answers, summed over seeds. A good model has its numbers on \
                      the diagonal; look which other cells are dark, and whether one column takes everything."
            .to_owned(),
        blocks,
    })
}
