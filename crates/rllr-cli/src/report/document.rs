//! A report as a tree of blocks, before it is HTML or Markdown.

/// A whole report.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    /// Its title.
    pub title: String,
    /// What came out, in a few sentences.
    pub summary: Vec<String>,
    /// The rest.
    pub sections: Vec<Section>,
}

/// A part of a report with a heading.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Section {
    /// Name in addresses: lower case letters and hyphens.
    pub id: &'static str,
    /// The heading.
    pub title: String,
    /// What to look at, for somebody who sees it for the first time.
    pub explanation: String,
    /// What is shown.
    pub blocks: Vec<Block>,
}

/// Something that is shown.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// A paragraph.
    Text(String),
    /// A table that is always visible.
    Table(DataTable),
    /// A table that is opened when wanted.
    Details(DataTable),
    /// Figures, side by side where there is room.
    Figures(Vec<Figure>),
    /// Confusion matrices, side by side where there is room.
    Confusions(Vec<Confusion>),
    /// Answers before and after training.
    Answers(Vec<Answers>),
    /// A text as it is, such as a configuration.
    Code {
        /// What it is.
        caption: String,
        /// The text.
        text: String,
    },
}

/// A table of texts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DataTable {
    /// What it holds.
    pub caption: String,
    /// Names of the columns.
    pub header: Vec<String>,
    /// The rows, as long as the header.
    pub rows: Vec<Vec<String>>,
}

/// A figure with its numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Name of its file, without ending.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// The drawing.
    pub svg: String,
    /// The numbers that are drawn.
    pub numbers: DataTable,
}

/// Counts of examples by gold and predicted label.
#[derive(Clone, Debug, PartialEq)]
pub struct Confusion {
    /// Which method on which task.
    pub title: String,
    /// The labels.
    pub labels: Vec<String>,
    /// By gold label (row): the predicted labels, then "no answer".
    pub counts: Vec<Vec<usize>>,
}

/// One question and its answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Answers {
    /// What the models read.
    pub prompt: String,
    /// The gold label.
    pub gold: String,
    /// Who answered, what, and whether the label is right.
    pub answers: Vec<(String, String, Verdict)>,
}

/// Whether an answer's label is the gold one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Right,
    /// It is not, or there is none.
    Wrong,
}

impl Verdict {
    /// `Right` for true.
    #[must_use]
    pub fn of(correct: bool) -> Self {
        if correct { Self::Right } else { Self::Wrong }
    }

    /// The word in a report.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Wrong => "wrong",
        }
    }
}

impl DataTable {
    /// A table from borrowed names.
    #[must_use]
    pub fn new(caption: impl Into<String>, header: &[&str], rows: Vec<Vec<String>>) -> Self {
        Self {
            caption: caption.into(),
            header: header.iter().map(|&name| name.to_owned()).collect(),
            rows,
        }
    }
}
