//! Sets of responses that show whether a reward model looks at labels or at rationales.

use serde::{Deserialize, Serialize};

use super::{PairConfig, PairError, rationales_for, wrong_labels};
use crate::answer::{Answer, ResponseFormat};
use crate::example::Example;
use crate::rationale::explanations;
use crate::task::Task;

/// A response to one prompt, with only its label changed, and with only its rationale changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SensitivityProbe {
    /// The example's id and the wrong label.
    pub id: String,
    /// What the policy reads.
    pub prompt: String,
    /// The gold label with the rationale for it.
    pub response: String,
    /// A wrong label with the same rationale.
    pub label_flipped: String,
    /// The same label with the rationale for the wrong one.
    pub rationale_swapped: String,
}

/// One probe for each wrong label that an example has a rationale for, by the writer of the one for its gold label.
///
/// How much a reward model's score changes between the two is its label sensitivity. Examples without such rationales
/// have no probe; `config.max_length` and `config.wrong_labels` do not count here.
///
/// # Errors
///
/// [`PairError::NoRationaleInFormat`], and [`PairError::Example`] and [`PairError::Prompt`] for examples that do not fit
/// the task.
pub fn sensitivity_probes(
    task: &Task,
    examples: &[Example],
    config: &PairConfig,
) -> Result<Vec<SensitivityProbe>, PairError> {
    if config.format == ResponseFormat::LabelOnly {
        return Err(PairError::NoRationaleInFormat);
    }
    let mut probes = Vec::new();
    for example in examples {
        let gold = task.gold_label(example)?;
        let prompt = task.prompt(example, config.wording, config.format)?.text;
        let written = explanations(example);
        for wrong in wrong_labels(task, example, gold) {
            let sides = rationales_for(task, &written, gold, wrong, config);
            let Some([Some(for_gold), Some(for_wrong)]) = sides else {
                continue;
            };
            if for_gold.text == for_wrong.text {
                continue;
            }
            let print = |rationale: &str, label| Answer::new(rationale, label).print(task, config.format);
            probes.push(SensitivityProbe {
                id: format!("{}:{}", example.id, task.word(wrong)),
                prompt: prompt.clone(),
                response: print(&for_gold.text, gold),
                label_flipped: print(&for_gold.text, wrong),
                rationale_swapped: print(&for_wrong.text, gold),
            });
        }
    }
    Ok(probes)
}
