//! The `config.json` of a model whose numbers are stored otherwise than before.

use rllr_model::StoredType;
use serde_json::{Map, Value, json};

/// The same configuration for weights that are stored otherwise: every other key stays as it was, known or not, and
/// what one dialect says is said in the other too.
pub(super) fn restored(json: &str, stored_type: StoredType) -> serde_json::Result<Map<String, Value>> {
    let mut keys: Map<String, Value> = serde_json::from_str(json)?;
    set_stored_type(&mut keys, stored_type);
    add_old_rope_keys(&mut keys);
    add_new_rope_keys(&mut keys);
    Ok(keys)
}

/// The text of the file.
pub(super) fn text(keys: Map<String, Value>) -> String {
    format!("{:#}\n", Value::Object(keys))
}

fn set_stored_type(keys: &mut Map<String, Value>, stored_type: StoredType) {
    for key in ["dtype", "torch_dtype"] {
        keys.insert(key.to_owned(), json!(stored_type.torch_name()));
    }
}

/// `rope_theta` and `rope_scaling` of transformers 4, out of `rope_parameters` of transformers 5, which wins there.
fn add_old_rope_keys(keys: &mut Map<String, Value>) {
    let Some(Value::Object(parameters)) = keys.get("rope_parameters").cloned() else {
        return;
    };
    let mut scaling = parameters;
    if let Some(theta) = scaling.remove("rope_theta") {
        keys.insert("rope_theta".to_owned(), theta);
    }
    let is_default = scaling.get("rope_type").is_none_or(|kind| kind == "default");
    let scaling = if is_default {
        Value::Null
    } else {
        Value::Object(scaling)
    };
    keys.insert("rope_scaling".to_owned(), scaling);
}

/// `rope_parameters` of transformers 5, out of `rope_theta` and `rope_scaling` of transformers 4.
fn add_new_rope_keys(keys: &mut Map<String, Value>) {
    if keys.contains_key("rope_parameters") {
        return;
    }
    let mut parameters = match keys.get("rope_scaling") {
        Some(Value::Object(scaling)) => scaling.clone(),
        _ => object(json!({"rope_type": "default"})),
    };
    // Before transformers 4.45 the key was called `type`.
    if let Some(kind) = parameters.get("type").cloned() {
        parameters.entry("rope_type").or_insert(kind);
    }
    if let Some(theta) = keys.get("rope_theta").cloned() {
        parameters.insert("rope_theta".to_owned(), theta);
        keys.insert("rope_parameters".to_owned(), Value::Object(parameters));
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => unreachable!("an object was written down, found {other}"),
    }
}

#[cfg(test)]
mod tests;
