use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::tokenizer::SpecialTokenIds;

const LLAMA: &str = r#"{"model_type": "llama", "vocab_size": 64, "hidden_size": 16, "intermediate_size": 20,
    "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "use_cache": true, REST}"#;

fn read(rest: &str) -> Result<CausalLmConfig, ConfigError> {
    CausalLmConfig::from_hugging_face(&LLAMA.replace("REST", rest))
}

fn read_as(model_type: &str, rest: &str) -> Result<CausalLmConfig, ConfigError> {
    CausalLmConfig::from_hugging_face(
        &LLAMA
            .replace("REST", rest)
            .replace("\"llama\"", &format!("{model_type:?}")),
    )
}

#[wasm_bindgen_test(unsupported = test)]
fn both_dialects_give_the_same_model() {
    let five = read(r#""rope_parameters": {"rope_theta": 5e5, "rope_type": "default"}, "dtype": "float32""#);
    let four = read(r#""rope_theta": 5e5, "rope_scaling": null, "torch_dtype": "float32""#);
    assert_eq!(five.unwrap(), four.unwrap());
    let five = read(r#""rope_parameters": {"rope_type": "linear", "factor": 4.0}"#).unwrap();
    let four = read(r#""rope_scaling": {"type": "linear", "factor": 4.0}"#).unwrap();
    assert_eq!(five.rope_scaling, RopeScaling::Linear { factor: 4.0 });
    assert_eq!(five, four);
}

#[wasm_bindgen_test(unsupported = test)]
fn missing_keys_take_the_defaults_of_transformers() {
    let config = read(r#""rope_scaling": null"#).unwrap();
    assert_eq!(
        (config.head_dim, config.rope_theta, config.norm_epsilon),
        (4, 1e4, 1e-6)
    );
    assert_eq!((config.sliding_window, config.attention_bias), (None, false));
}

/// An absent window of Mistral is 4,096 tokens; an explicit `null` is none. Qwen 2 has one only when asked to.
#[wasm_bindgen_test(unsupported = test)]
fn windows_follow_the_rules_of_their_family() {
    let window = |model_type, rest| {
        let config = read_as(model_type, rest).unwrap();
        (0..2).map(|layer| config.window_of(layer)).collect::<Vec<_>>()
    };
    assert_eq!(window("mistral", r#""x": 0"#), [Some(4_096), Some(4_096)]);
    assert_eq!(window("mistral", r#""sliding_window": null"#), [None, None]);
    assert_eq!(window("qwen2", r#""sliding_window": 7"#), [None, None]);
    let asked = r#""sliding_window": 7, "use_sliding_window": true, "max_window_layers": 1"#;
    assert_eq!(window("qwen2", asked), [None, Some(7)]);
    let named = r#""sliding_window": 7, "layer_types": ["sliding_attention", "full_attention"]"#;
    assert_eq!(window("qwen2", named), [Some(7), None]);
}

#[wasm_bindgen_test(unsupported = test)]
fn families_have_biases_where_theirs_do() {
    assert!(
        read_as("qwen2", r#""attention_bias": false"#)
            .unwrap()
            .attention_bias
    );
    assert!(
        !read_as("mistral", r#""attention_bias": true"#)
            .unwrap()
            .attention_bias
    );
    assert!(
        read_as("llama", r#""attention_bias": true"#)
            .unwrap()
            .attention_bias
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn what_would_compute_something_else_is_refused() {
    let cases = [
        (
            r#""rope_scaling": {"type": "yarn", "factor": 2.0}"#,
            "rope_type is yarn, expected default, linear or llama3",
        ),
        (
            r#""rope_scaling": {"type": "linear"}"#,
            "rope_scaling.factor is missing, expected a number",
        ),
        (r#""hidden_act": "gelu""#, "hidden_act is gelu, expected silu"),
        (r#""head_dim": 5"#, "head_dim is 5, expected an even number"),
        (
            r#""rope_theta": 0"#,
            "rope_theta is 0, expected a finite number above 0",
        ),
        (
            r#""layer_types": ["sliding_attention"], "sliding_window": 4"#,
            "layer_types is 1 entries, expected one for each of the 2 layers",
        ),
        (
            r#""partial_rotary_factor": 0.3"#,
            "partial_rotary_factor is 0.3, expected at most 1, turning an even number of a head's columns",
        ),
    ];
    for (rest, expected) in cases {
        let message = read(rest).unwrap_err().to_string();
        assert_eq!(message, format!("config.json: {expected}"));
    }
    let message = read_as("gpt2", r#""x": 0"#).unwrap_err().to_string();
    assert!(
        message.contains("model_type is gpt2, expected one of llama, mistral"),
        "{message}"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn sizes_that_do_not_fit_are_refused() {
    let json = LLAMA
        .replace("\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3")
        .replace(", REST", "");
    let message = CausalLmConfig::from_hugging_face(&json).unwrap_err().to_string();
    assert_eq!(
        message,
        "config.json: num_attention_heads is 4, expected a multiple of num_key_value_heads, which is 3"
    );
    assert!(CausalLmConfig::from_hugging_face("{}").is_err());
    let json = LLAMA.replace("\"vocab_size\": 64", "\"vocab_size\": 18446744073709551615");
    assert!(CausalLmConfig::from_hugging_face(&json.replace(", REST", "")).is_err());
}

#[wasm_bindgen_test(unsupported = test)]
fn what_is_written_is_read_again() {
    let llama3 = RopeScaling::Llama3 {
        factor: 8.0,
        low_freq_factor: 1.0,
        high_freq_factor: 4.0,
        original_max_position_embeddings: 64,
    };
    let ids = SpecialTokenIds {
        bos: Some(1),
        eos: Some(2),
        pad: Some(0),
        stop: vec![2, 3],
    };
    for architecture in Architecture::ALL {
        let bloom = architecture == Architecture::Bloom;
        let glm = matches!(architecture, Architecture::Glm | Architecture::Glm4);
        let slides = architecture == Architecture::Qwen3;
        let config = CausalLmConfig {
            architecture,
            vocab_size: 64,
            hidden_size: 16,
            intermediate_size: 64,
            num_hidden_layers: 2,
            num_attention_heads: 4,
            num_key_value_heads: if bloom { 4 } else { 2 },
            head_dim: 4,
            rope_scaling: if bloom { RopeScaling::Default } else { llama3 },
            attention_bias: bloom || architecture == Architecture::Qwen2,
            mlp_bias: bloom,
            partial_rotary_factor: if glm { 0.5 } else { 1.0 },
            layer_types: if slides {
                vec![LayerType::FullAttention, LayerType::SlidingAttention]
            } else {
                vec![]
            },
            sliding_window: slides.then_some(5),
            ..CausalLmConfig::default()
        };
        for head in [ModelHead::CausalLm, ModelHead::Scalar] {
            let json = config.to_hugging_face(head, &ids, "float32");
            assert_eq!(
                CausalLmConfig::from_hugging_face(&json).unwrap(),
                config,
                "{json}"
            );
            let keys: serde_json::Value = serde_json::from_str(&json).unwrap();
            let found = ["bos_token_id", "eos_token_id", "pad_token_id"].map(|key| keys[key].clone());
            assert_eq!(
                found,
                [
                    serde_json::json!(1),
                    serde_json::json!([2, 3]),
                    serde_json::json!(0)
                ]
            );
        }
    }
}
