//! Gradients of an adapter, and one step of AdamW.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use burn::module::{ModuleVisitor, Param, ParamId};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Tensor, TensorData};
use rllr_model::{PeftAdapter, Scoring, TokenBatch, Weights, last_values, weighted_log_probs};
use rllr_train::{Checkpointing, DecoderPass, gradients};

use super::{Base, Case, Optimizer, Tolerance, Trained};
use crate::golden::LoraFiles;
use crate::numbers::{Array, close, largest_difference, read};

/// One optimiser step of one case.
pub(super) struct Run<'a> {
    pub(super) base: &'a Base,
    pub(super) case: &'a Case,
    pub(super) batch: &'a TokenBatch,
    pub(super) device: &'a Device,
    pub(super) checkpointing: Checkpointing,
}

impl Run<'_> {
    pub(super) async fn check_step(
        &self,
        trained: &Trained,
        files: &LoraFiles,
        tolerance: Tolerance,
    ) -> anyhow::Result<()> {
        let case = self.case;
        let (gradients, loss) = self.gradients(trained);
        let value = read(loss.inner()).await?;
        close(&value, &[case.loss_before_step], tolerance.logits).context("loss before the step")?;
        self.check_gradients(trained, &gradients, files, tolerance)
            .await?;

        let Optimizer {
            betas,
            eps,
            lr,
            weight_decay,
        } = case.optimizer;
        let mut optimizer = AdamWConfig::new()
            .with_beta_1(betas[0])
            .with_beta_2(betas[1])
            .with_epsilon(eps)
            .with_weight_decay(weight_decay)
            .init();
        let after = optimizer.step(lr, trained.clone(), gradients);
        let found = PeftAdapter {
            adapter: after.0.clone(),
            head: after.1.clone(),
            base_model: None,
        };
        let found = Weights::from_safetensors(&found.to_files().await?.weights)?;
        let expected = Weights::from_safetensors(&files.adapter_after_step)?;
        ensure!(found.0.keys().eq(expected.0.keys()), "other tensors");
        for (name, tensor) in &found.0 {
            let apart = largest_difference(&tensor.data, &expected.0[name].data);
            ensure!(
                apart <= tolerance.weights,
                "{name} after the step is {apart:e} apart"
            );
        }
        let (_, loss) = self.gradients(&after);
        let value = read(loss.inner()).await?;
        close(&value, &[case.loss_after_step], tolerance.logits).context("loss after the step")
    }

    fn gradients(&self, trained: &Trained) -> (GradientsParams, Tensor<1>) {
        let input = self.batch.to_device(self.device);
        let pass = DecoderPass::of_all_columns(self.base.decoder(), Some(&trained.0), &input);
        gradients(self.checkpointing, pass, trained, |hidden| match self.base {
            Base::Policy(model) => {
                let [_, seq_len] = self.batch.dims();
                let weighted = weighted_log_probs(
                    hidden.narrow(1, 0, seq_len - 1),
                    model.output_weight(),
                    input.tokens.clone().narrow(1, 1, seq_len - 1),
                    self.coefficients(),
                    Scoring {
                        rows_per_chunk: 7,
                        ..Scoring::default()
                    },
                );
                (weighted.surrogate, weighted.value)
            }
            Base::Reward(model) => {
                let head = trained.1.as_ref().unwrap_or(model.head());
                let target = self.case.target.as_ref().map(Array::numbers).unwrap_or_default();
                let len = target.len();
                let target = Tensor::<1>::from_data(TensorData::new(target, [len]), self.device);
                let loss = (last_values(head.values(hidden), self.batch) - target)
                    .square()
                    .mean();
                (loss.clone(), loss)
            }
        })
    }

    /// `−1 / n` where a label counts; slot t predicts token t + 1, so the first label of a row is not used.
    fn coefficients(&self) -> Tensor<2> {
        let [rows, seq_len] = self.batch.dims();
        let labels = self.case.labels.iter().flat_map(Array::rows);
        let mask: Vec<f32> = labels
            .flat_map(|row| row[1..].iter().map(|&label| if label >= 0.0 { 1.0 } else { 0.0 }))
            .collect();
        let count: f32 = mask.iter().sum();
        let data = mask.iter().map(|x| -x / count).collect::<Vec<_>>();
        Tensor::from_data(TensorData::new(data, [rows, seq_len - 1]), self.device)
    }

    async fn check_gradients(
        &self,
        trained: &Trained,
        gradients: &GradientsParams,
        files: &LoraFiles,
        tolerance: Tolerance,
    ) -> anyhow::Result<()> {
        let names = trained.0.parameter_names().into_iter();
        let names: BTreeMap<u64, String> = names.map(|name| (name.id.val(), name.name)).collect();
        let mut collector = Collector {
            gradients,
            names: &names,
            found: Vec::new(),
        };
        burn::module::Module::visit(trained, &mut collector);
        let expected = Weights::from_safetensors(&files.gradients)?;
        ensure!(
            collector.found.len() == expected.0.len(),
            "{} gradients, PEFT has {}",
            collector.found.len(),
            expected.0.len()
        );
        let mut squares = 0.0;
        for (name, gradient) in collector.found {
            let found = read(gradient).await?;
            let expected = &expected.0.get(&name).with_context(|| format!("no {name}"))?.data;
            let largest = expected.iter().fold(0f32, |largest, x| largest.max(x.abs()));
            let apart = largest_difference(&found, expected);
            ensure!(
                apart <= tolerance.gradients * largest,
                "gradient of {name} is {apart:e} apart, its largest entry is {largest:e}"
            );
            squares += found.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>();
        }
        let apart = (squares.sqrt() / self.case.grad_global_norm - 1.0).abs();
        ensure!(
            apart <= f64::from(tolerance.gradients),
            "global norm, {apart:e} apart"
        );
        Ok(())
    }
}

/// Gradients as PEFT's files have them; a parameter without a name is the head.
struct Collector<'a> {
    gradients: &'a GradientsParams,
    names: &'a BTreeMap<u64, String>,
    found: Vec<(String, Tensor<1>)>,
}

impl ModuleVisitor for Collector<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let id: ParamId = param.id;
        let Some(gradient) = self.gradients.get::<D>(id) else {
            return;
        };
        let name = self.names.get(&id.val()).cloned();
        let name = name.unwrap_or_else(|| "base_model.model.score.weight".to_owned());
        let len = gradient.shape().num_elements();
        self.found.push((name, gradient.swap_dims(0, 1).reshape([len])));
    }
}
