//! How probable each label is after the rationale that the model wrote.

use rllr_model::{AdaptedLm, LabelScoresError, Normalization};
use rllr_task::{Answer, Label};

use super::{Answering, AnsweringError, softmax};

impl Answering<'_> {
    /// Probability of each label of an example, in the task's order, among the labels, after the rationale in a response.
    ///
    /// `softmax_l Σ log π(token | prompt, tokens before it)` over the tokens of the answer with this rationale and label
    /// `l`, EOS included: what the answers have in common cancels out, so only the label is compared. After a response
    /// that is no answer they have no rationale, and the probabilities are those of [`AnswerMode::Likelihood`].
    ///
    /// `None` where prompt and answer are longer than the model can read.
    ///
    /// - `place`: index of the example
    /// - `response`: what the model wrote
    ///
    /// # Errors
    ///
    /// [`AnsweringError`] when the device fails.
    ///
    /// # Panics
    ///
    /// When there is no such example.
    ///
    /// [`AnswerMode::Likelihood`]: super::AnswerMode::Likelihood
    pub async fn label_probs_after(
        &self,
        lm: AdaptedLm<'_>,
        place: usize,
        response: &str,
    ) -> Result<Option<Vec<f64>>, AnsweringError> {
        let answer = Answer::parse(response, self.task, self.config.format);
        let rationale = answer.as_ref().map_or("", Answer::rationale);
        let answers = self.answers(rationale)?;

        // What all answers begin with is read once, behind the prompt; each keeps at least one token of its own.
        let shared = shared_start(&answers);
        let prompt = [&self.question(place).prompt, &answers[0][..shared]].concat();
        let endings: Vec<&[u32]> = answers.iter().map(|answer| &answer[shared..]).collect();
        match lm.label_scores(&[prompt], &[endings]).await {
            Ok(scores) => {
                let row = scores.iter().flatten();
                let sums: Vec<f64> = row.map(|score| score.normalized(Normalization::Sum)).collect();
                Ok(Some(softmax(&sums)))
            }
            Err(LabelScoresError::TooLong { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The tokens of the answer with each label.
    fn answers(&self, rationale: &str) -> Result<Vec<Vec<u32>>, AnsweringError> {
        let labels = (0..self.task.labels.len()).map(Label);
        let texts = labels.map(|label| Answer::new(rationale, label).print(self.task, self.config.format));
        texts
            .map(|text| Ok(self.tokenizer.encode_response(&text)?))
            .collect()
    }
}

/// How many tokens all answers begin with, one less than the shortest answer has at most.
fn shared_start(answers: &[Vec<u32>]) -> usize {
    let first = answers.first().map_or(&[][..], Vec::as_slice);
    let with_first = |answer: &Vec<u32>| answer.iter().zip(first).take_while(|(a, b)| a == b).count();
    let shared = answers.iter().map(with_first).min().unwrap_or(0);
    let shortest = answers.iter().map(Vec::len).min().unwrap_or(0);
    shared.min(shortest.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    #[wasm_bindgen_test(unsupported = test)]
    fn the_shared_start_leaves_every_answer_a_token() {
        let check = |answers: &[&[u32]], expected| {
            let answers: Vec<Vec<u32>> = answers.iter().map(|answer| answer.to_vec()).collect();
            assert_eq!(shared_start(&answers), expected, "{answers:?}");
        };
        check(&[&[1, 2, 3], &[1, 2, 4]], 2);
        check(&[&[1, 2], &[1, 2, 4]], 1);
        check(&[&[1], &[1]], 0);
        check(&[&[1, 2], &[3]], 0);
        check(&[&[5, 6, 7]], 2);
    }
}
