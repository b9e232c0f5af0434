//! The loss of distillation: how far a student's distributions over response tokens are from a teacher's.

use burn::tensor::Tensor;
use burn::tensor::activation::log_softmax;

use crate::distillation_config::Divergence;
use crate::distillation_loss::generalized_jsd;
use crate::response_loss::{ResponseLoss, ResponseTokens};

/// Tokens whose logits are held at a time, of student and teacher.
const TOKENS_PER_CHUNK: usize = 256;

/// What an output layer reads, and the layer.
pub(crate) struct OutputLayer {
    /// `[batch, columns, d_model]`.
    pub(crate) hidden: Tensor<3>,
    /// `[d_model, vocab_size]`.
    pub(crate) weight: Tensor<2>,
}

/// `L = (1/N) Σ JSD_β(student ‖ teacher)` over some of the step's response tokens.
///
/// `N` counts the response tokens of the whole optimiser step. Logits are held some tokens at a time: each chunk is
/// differentiated by the hidden states and the output layer alone, and those gradients are handed on.
///
/// Source: TRL 1.12 `GKDTrainer`.
pub(crate) fn divergence_loss(
    student: OutputLayer,
    teacher: OutputLayer,
    tokens: &ResponseTokens,
    step_tokens: usize,
    divergence: Divergence,
) -> ResponseLoss {
    let hidden = tokens.predicting(student.hidden);
    let teacher_hidden = tokens.predicting(teacher.hidden);
    let targets = tokens.targets();
    let [_, len, _] = hidden.dims();
    let (mut value, mut num_right, mut entropy) = (Vec::new(), Vec::new(), Vec::new());
    let (mut hidden_gradients, mut weight_gradient) = (Vec::new(), None::<Tensor<2>>);
    for start in (0..len).step_by(TOKENS_PER_CHUNK) {
        let count = TOKENS_PER_CHUNK.min(len - start);
        let leaf = |tensor: Tensor<3>| Tensor::from_inner(tensor).require_grad();
        let h = leaf(hidden.clone().inner().narrow(1, start, count));
        let w = Tensor::<2>::from_inner(student.weight.clone().inner()).require_grad();
        let logits = h.clone().matmul(w.clone().unsqueeze_dim(0));
        let of_teacher = teacher_hidden.clone().narrow(1, start, count);
        let teacher_logits = of_teacher.matmul(teacher.weight.clone().unsqueeze_dim(0));

        let raw = logits.clone().inner();
        let of_target = raw
            .clone()
            .gather(2, targets.clone().narrow(1, start, count).unsqueeze_dim(2));
        num_right.push(of_target.greater_equal(raw.clone().max_dim(2)).float().sum());
        let log_probs = log_softmax(raw, 2);
        entropy.push(-(log_probs.clone().exp() * log_probs).sum());

        let Divergence { beta, temperature } = divergence;
        let apart = generalized_jsd(logits, Tensor::from_inner(teacher_logits), beta, temperature);
        let loss = apart.sum() / step_tokens as f64;
        value.push(loss.clone().inner());
        let mut found = loss.backward();
        let missing = "the loss depends on hidden states and output layer";
        hidden_gradients.push(h.grad_remove(&mut found).expect(missing));
        let of_weight = w.grad_remove(&mut found).expect(missing);
        weight_gradient = Some(match weight_gradient {
            Some(sum) => sum + of_weight,
            None => of_weight,
        });
    }
    let gradient = Tensor::from_inner(Tensor::cat(hidden_gradients, 1));
    let mut surrogate = (hidden * gradient).sum();
    if let (true, Some(gradient)) = (student.weight.is_autodiff(), weight_gradient) {
        surrogate = surrogate + (student.weight * Tensor::from_inner(gradient)).sum();
    }
    ResponseLoss {
        value: Tensor::cat(value, 0).sum(),
        surrogate,
        num_right: Tensor::cat(num_right, 0).sum(),
        entropy: Tensor::cat(entropy, 0).sum() / step_tokens as f64,
    }
}
