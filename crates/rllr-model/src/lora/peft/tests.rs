use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use wasm_bindgen_test::wasm_bindgen_test;

use super::super::tests::{adapter, lora_config, model_config};
use super::super::{LoraConfig, TargetModules};
use super::*;
use crate::{Architecture, HeadInitialization};

#[wasm_bindgen_test(unsupported = test)]
fn pefts_files_give_the_adapter_back() {
    let device = Device::flex();
    for (architecture, with_head) in [(Architecture::Llama, true), (Architecture::Bloom, false)] {
        let config = model_config(architecture);
        let lora = lora_config(TargetModules::AllLinear);
        let head = with_head.then(|| {
            let rng = &mut ChaCha8Rng::seed_from_u64(9);
            ScalarHead::new(config.hidden_size, HeadInitialization::Normal, rng, &device)
        });
        let written = PeftAdapter {
            adapter: adapter(&lora, &config, 10, &device),
            head,
            base_model: Some("somewhere/base".to_owned()),
        };
        let files = pollster::block_on(written.to_files()).unwrap();
        let read = PeftAdapter::from_files(&files.config, &files.weights, &config, &device).unwrap();
        assert_eq!(read.base_model, written.base_model);
        let expected = match architecture {
            Architecture::Bloom => {
                TargetModules::named(["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"])
            }
            _ => TargetModules::named([
                "q_proj",
                "k_proj",
                "v_proj",
                "o_proj",
                "gate_proj",
                "up_proj",
                "down_proj",
            ]),
        };
        assert_eq!(read.adapter.config().target_modules, expected);
        assert_eq!(read.head.is_some(), with_head);
        assert_eq!(pollster::block_on(read.to_files()).unwrap(), files);
        let weights = pollster::block_on(written.adapter.weights()).unwrap();
        assert_eq!(pollster::block_on(read.adapter.weights()).unwrap(), weights);
        let name = match architecture {
            Architecture::Bloom => "transformer.h.1.self_attention.query_key_value",
            _ => "model.layers.1.self_attn.q_proj",
        };
        let lora_a = &weights.0[&format!("base_model.model.{name}.lora_A.weight")];
        assert_eq!(lora_a.shape, [3, 8]);
        let names: Vec<String> = written
            .adapter
            .parameter_names()
            .into_iter()
            .map(|parameter| parameter.name)
            .collect();
        assert_eq!(names.len(), weights.0.len());
        assert!(names.iter().all(|name| weights.0.contains_key(name)));
    }
}

/// The smallest file that PEFT loads, with its defaults and not ours.
#[wasm_bindgen_test(unsupported = test)]
fn a_minimal_file_has_pefts_defaults() {
    let text = r#"{"peft_type":"LORA","task_type":"CAUSAL_LM","target_modules":["v_proj"]}"#;
    let read = PeftConfig::read(text).unwrap();
    let expected = LoraConfig {
        r: 8,
        lora_alpha: 8.0,
        lora_dropout: 0.0,
        use_rslora: false,
        target_modules: TargetModules::named(["v_proj"]),
    };
    assert_eq!(read.lora, expected);
    assert_eq!((read.base_model, read.saves_head), (None, false));
}

#[wasm_bindgen_test(unsupported = test)]
fn what_would_compute_something_else_is_refused() {
    for (setting, expected) in [
        (r#""use_dora": true"#, "use_dora is true"),
        (r#""bias": "all""#, "bias is \"all\""),
        (r#""rank_pattern": {"q_proj": 2}"#, "rank_pattern is"),
        (r#""alpha_pattern": {"q_proj": 2}"#, "alpha_pattern is"),
        (r#""layers_to_transform": [0]"#, "layers_to_transform is [0]"),
        (r#""fan_in_fan_out": true"#, "fan_in_fan_out is true"),
        (r#""lora_bias": true"#, "lora_bias is true"),
        (
            r#""init_lora_weights": "pissa""#,
            "init_lora_weights is \"pissa\"",
        ),
        (r#""modules_to_save": ["embed_tokens"]"#, "modules_to_save is"),
        (r#""peft_type": "IA3""#, "peft_type is \"IA3\""),
        (r#""task_type": "SEQ_2_SEQ_LM""#, "task_type is"),
        (r#""a_setting_of_tomorrow": 1"#, "a_setting_of_tomorrow is 1"),
    ] {
        let text = format!(r#"{{"r": 3, "target_modules": ["q_proj"], {setting}}}"#);
        let message = PeftConfig::read(&text).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
    for text in [
        "",
        "[]",
        r#"{"r": 3}"#,
        r#"{"r": -1, "target_modules": ["q_proj"]}"#,
    ] {
        assert!(
            matches!(PeftConfig::read(text), Err(LoraError::Json(_))),
            "{text}"
        );
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn tensors_that_do_not_fit_are_named() {
    let device = Device::flex();
    let config = model_config(Architecture::Llama);
    let written = PeftAdapter {
        adapter: adapter(
            &lora_config(TargetModules::named(["q_proj"])),
            &config,
            11,
            &device,
        ),
        head: None,
        base_model: None,
    };
    let files = pollster::block_on(written.to_files()).unwrap();
    let weights = Weights::from_safetensors(&files.weights).unwrap();
    let message = |weights: &Weights| {
        let bytes = weights.to_safetensors().unwrap();
        let read = PeftAdapter::from_files(&files.config, &bytes, &config, &device);
        read.unwrap_err().to_string()
    };
    let name = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight";
    let mut missing = weights.clone();
    missing.0.remove(name);
    assert_eq!(
        message(&missing),
        format!("tensor {name} is missing, expected one of shape [3, 8]")
    );
    let mut turned = weights.clone();
    turned.0.get_mut(name).unwrap().shape = vec![8, 3];
    assert_eq!(
        message(&turned),
        format!("tensor {name} has shape [8, 3], expected [3, 8]")
    );
    let mut more = weights.clone();
    let tensor = more.0[name].clone();
    more.0.insert("base_model.model.score.weight".to_owned(), tensor);
    assert!(
        message(&more).contains("base_model.model.score.weight"),
        "{}",
        message(&more)
    );
}
