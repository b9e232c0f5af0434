//! Which linear layers a list of names means.

use std::collections::BTreeSet;

use super::{LoraConfig, LoraError, TargetModules};
use crate::CausalLmConfig;
use crate::tensor_shapes::{BlockLinear, block_linears, file_name};

/// The adapted linear layers of each block.
///
/// A layer is meant by its whole name in the model's file, or by the end of it from a dot on: `q_proj`,
/// `self_attn.q_proj`, `model.layers.3.self_attn.q_proj`. Source: `check_target_module_exists` in PEFT 0.21; other than
/// there, every name must mean something.
///
/// # Errors
///
/// [`LoraError::UnknownTargets`].
pub(super) fn resolve(
    targets: &TargetModules,
    model: &CausalLmConfig,
) -> Result<Vec<Vec<BlockLinear>>, LoraError> {
    let linears = block_linears(model);
    let names = match targets {
        TargetModules::AllLinear => return Ok(vec![linears; model.num_hidden_layers]),
        TargetModules::Named(names) => names,
    };
    let mut unknown: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    let mut blocks = Vec::with_capacity(model.num_hidden_layers);
    for layer in 0..model.num_hidden_layers {
        let mut adapted = Vec::new();
        for linear in &linears {
            let full_name = file_name(
                model.architecture,
                &format!("model.layers.{layer}.{}", linear.path),
            );
            let mut is_target = false;
            for name in names.iter().filter(|name| ends_with_name(&full_name, name)) {
                unknown.remove(name.as_str());
                is_target = true;
            }
            if is_target {
                adapted.push(linear.clone());
            }
        }
        blocks.push(adapted);
    }
    if unknown.is_empty() {
        return Ok(blocks);
    }
    let short_name = |linear: &BlockLinear| {
        let name = file_name(model.architecture, &linear.path);
        name.rsplit('.').next().unwrap_or_default().to_owned()
    };
    Err(LoraError::UnknownTargets {
        names: unknown.into_iter().map(str::to_owned).collect(),
        available: linears.iter().map(short_name).collect(),
    })
}

/// Number of parameters of an adapter with these settings on this model: `Σ r (d_in + d_out)` over the adapted layers.
///
/// # Errors
///
/// [`LoraError::UnknownTargets`] for layers that the model does not have.
pub fn lora_parameters(config: &LoraConfig, model: &CausalLmConfig) -> Result<u64, LoraError> {
    let blocks = resolve(&config.target_modules, model)?;
    let widths = blocks.iter().flatten().map(|linear| linear.d_in + linear.d_out);
    Ok((config.r * widths.sum::<usize>()) as u64)
}

fn ends_with_name(full_name: &str, name: &str) -> bool {
    full_name
        .strip_suffix(name)
        .is_some_and(|before| before.is_empty() || before.ends_with('.'))
}
