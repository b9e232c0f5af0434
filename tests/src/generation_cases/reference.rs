//! Sampling as loops over sorted numbers in f64, after transformers 5.23's `generation/logits_process.py`.

use anyhow::ensure;
use rllr_model::{GeneratedRow, GenerationConfig, Sampling};

/// How far a random number may be from the border between two tokens before it decides between them. The device
/// computes logits within 1e-3 of the host's, and so probabilities within about that part of themselves.
const BORDER: f64 = 2e-3;

/// `log softmax(logits / temperature)` at each token of a response.
pub(super) fn log_probs(logits: &[Vec<f32>], response: &[u32], temperature: f32) -> Vec<f64> {
    let of_token = |(logits, &token): (&Vec<f32>, &u32)| {
        let scores: Vec<f64> = logits
            .iter()
            .map(|&x| f64::from(x) / f64::from(temperature))
            .collect();
        let largest = scores.iter().copied().fold(f64::MIN, f64::max);
        let sum: f64 = scores.iter().map(|score| (score - largest).exp()).sum();
        scores[token as usize] - largest - sum.ln()
    };
    logits.iter().zip(response).map(of_token).collect()
}

/// Checks every token of a row: it is the one at whose probability the cumulative sum passes the random number.
pub(super) fn check_row(
    config: &GenerationConfig,
    sampling: Sampling,
    prompt: &[u32],
    row: &GeneratedRow,
    logits: &[Vec<f32>],
    uniforms: &[f32],
) -> anyhow::Result<()> {
    let mut text = prompt.to_vec();
    for ((&token, logits), &uniform) in row.tokens.iter().zip(logits).zip(uniforms) {
        let scores = penalized(config, &text, logits);
        let scores: Vec<f64> = scores
            .iter()
            .map(|score| score / f64::from(sampling.temperature))
            .collect();
        let (surely, perhaps) = kept(sampling, &scores);
        // With the tokens at the border of the filters, and without them: one of both is what the device saw.
        let allowed = [surely, perhaps]
            .iter()
            .any(|kept| is_drawn(&scores, kept, token, uniform));
        ensure!(
            allowed,
            "token {token} at number {uniform} after {} tokens, not the one that is drawn",
            text.len()
        );
        text.push(token);
    }
    Ok(())
}

/// Scores after the penalty on repeated tokens, minus infinity at forbidden ones.
fn penalized(config: &GenerationConfig, text: &[u32], logits: &[f32]) -> Vec<f64> {
    let penalty = f64::from(config.repetition_penalty);
    let penalized = |(id, &logit): (u32, &f32)| {
        let logit = f64::from(logit);
        match (config.forbidden_token_ids.contains(&id), text.contains(&id)) {
            (true, _) => f64::NEG_INFINITY,
            (false, true) if logit < 0.0 => logit * penalty,
            (false, true) => logit / penalty,
            (false, false) => logit,
        }
    };
    (0u32..).zip(logits).map(penalized).collect()
}

/// Which tokens top-k and top-p leave: for a border that is a little higher, and a little lower.
fn kept(sampling: Sampling, scores: &[f64]) -> (Vec<bool>, Vec<bool>) {
    let kept = |slack: f64| {
        let mut scores = scores.to_vec();
        if let Some(k) = sampling.top_k {
            let mut sorted = scores.clone();
            sorted.sort_by(|a, b| b.total_cmp(a));
            let border = sorted[k - 1] + slack;
            remove(&mut scores, |score| score < border);
        }
        let weights = weights(&scores);
        let total: f64 = weights.iter().sum();
        // A token stays when what is more probable sums to less than p.
        let more_probable = |score: f64| -> f64 {
            let above = scores.iter().zip(&weights).filter(|(other, _)| **other > score);
            above.map(|(_, weight)| weight).sum()
        };
        let border = (f64::from(sampling.top_p) - slack) * total;
        scores
            .iter()
            .map(|&score| score.is_finite() && (sampling.top_p >= 1.0 || more_probable(score) < border))
            .collect()
    };
    (kept(BORDER), kept(-BORDER))
}

fn remove(scores: &mut [f64], goes: impl Fn(f64) -> bool) {
    for score in scores {
        if goes(*score) {
            *score = f64::NEG_INFINITY;
        }
    }
}

fn weights(scores: &[f64]) -> Vec<f64> {
    let largest = scores.iter().copied().fold(f64::MIN, f64::max);
    scores.iter().map(|score| (score - largest).exp()).collect()
}

fn is_drawn(scores: &[f64], kept: &[bool], token: u32, uniform: f32) -> bool {
    let mut weights = weights(scores);
    for (weight, &kept) in weights.iter_mut().zip(kept) {
        if !kept {
            *weight = 0.0;
        }
    }
    let total: f64 = weights.iter().sum();
    let token = token as usize;
    let before = weights[..token].iter().sum::<f64>() / total;
    let behind = before + weights[token] / total;
    let uniform = f64::from(uniform);
    weights[token] > 0.0 && before - BORDER <= uniform && uniform <= behind + BORDER
}
