//! Writing a checkpoint into a store, and knowing a whole one from a damaged one.
//!
//! A checkpoint has four files: `weights.safetensors`, `optimizer.safetensors`, `state.cbor`, and `manifest.json`, which
//! holds size and CRC-32C of the others and of itself.

use std::collections::BTreeMap;

use rllr_model::{DeviceWeights, ExportOptions, StoredType};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::checkpoint_error::{CheckpointError, StoreError};
use crate::checkpoint_store::CheckpointStore;
use crate::snapshot::{Restored, Snapshot};

#[cfg(test)]
mod tests;

/// The format that is written, and the only one that is read.
pub const CHECKPOINT_FORMAT: u64 = 1;

const WEIGHTS: &str = "weights.safetensors";
const OPTIMIZER: &str = "optimizer.safetensors";
const STATE: &str = "state.cbor";
const MANIFEST: &str = "manifest.json";

/// Settings by dotted key, as text.
pub type ConfigKeys = BTreeMap<String, String>;

/// What a checkpoint says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`CHECKPOINT_FORMAT`].
    pub format: u64,
    /// The stage.
    pub phase: String,
    /// Steps that were done.
    pub step: usize,
    /// The settings.
    pub config: ConfigKeys,
    /// What is known of the metric by which the best checkpoint is kept, as text, so that no bit is lost.
    pub best: Option<String>,
    /// Size and checksum of the other files.
    pub files: BTreeMap<String, FileCheck>,
}

/// What a file must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileCheck {
    /// Size.
    pub bytes: u64,
    /// CRC-32C (Castagnoli) of all bytes.
    pub crc32c: u32,
}

/// The manifest with its own checksum.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ManifestFile {
    manifest: Manifest,
    /// Of the manifest's compact JSON.
    crc32c: u32,
}

/// Settings as dotted keys, so that two of them can be compared and the one that differs be named.
///
/// # Errors
///
/// [`CheckpointError::State`] for settings that JSON cannot hold.
pub fn config_keys(config: &impl Serialize) -> Result<ConfigKeys, CheckpointError> {
    // Through a text, where a single-precision 0.1 is 0.1.
    let config = serde_json::to_string(config)
        .and_then(|text| serde_json::from_str(&text))
        .map_err(|error| CheckpointError::State(error.to_string()))?;
    let mut keys = ConfigKeys::new();
    flatten(String::new(), &config, &mut keys);
    Ok(keys)
}

fn flatten(key: String, value: &Value, keys: &mut ConfigKeys) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                let key = if key.is_empty() {
                    name.clone()
                } else {
                    format!("{key}.{name}")
                };
                flatten(key, value, keys);
            }
        }
        Value::String(text) => drop(keys.insert(key, text.clone())),
        other => drop(keys.insert(key, other.to_string())),
    }
}

/// Writes a checkpoint; sizes and checksums are filled in.
pub(crate) async fn write(
    store: &mut impl CheckpointStore,
    name: &str,
    snapshot: &Snapshot,
    mut manifest: Manifest,
) -> Result<(), CheckpointError> {
    store.begin(name).await?;
    let mut files = BTreeMap::new();
    for (file, tensors) in [(WEIGHTS, snapshot.weights()?), (OPTIMIZER, snapshot.optimizer()?)] {
        files.insert(file.to_owned(), write_tensors(store, file, &tensors).await?);
    }
    let mut check = FileCheck::default();
    append(store, STATE, &snapshot.state()?, &mut check).await?;
    files.insert(STATE.to_owned(), check);
    manifest.files = files;
    let crc32c = crc32c::crc32c(&json(&manifest)?);
    let file = ManifestFile { manifest, crc32c };
    store.append(MANIFEST, &json(&file)?).await?;
    store.commit().await?;
    Ok(())
}

/// Writes tensors, reading them from the device some at a time.
async fn write_tensors(
    store: &mut impl CheckpointStore,
    file: &str,
    tensors: &DeviceWeights,
) -> Result<FileCheck, CheckpointError> {
    let options = ExportOptions {
        stored_type: StoredType::F32,
        max_shard_bytes: u64::MAX,
    };
    let plan = tensors.plan(&options)?;
    let mut check = FileCheck::default();
    for part in &plan.files {
        append(store, file, &part.header, &mut check).await?;
        for names in tensors.chunks(&part.tensors)? {
            for (name, tensor) in names.iter().zip(tensors.read(names).await?) {
                let bytes = plan.stored_type.encode(name, &tensor.data)?;
                append(store, file, &bytes, &mut check).await?;
            }
        }
    }
    Ok(check)
}

async fn append(
    store: &mut impl CheckpointStore,
    file: &str,
    bytes: &[u8],
    check: &mut FileCheck,
) -> Result<(), StoreError> {
    check.bytes += bytes.len() as u64;
    check.crc32c = crc32c::crc32c_append(check.crc32c, bytes);
    store.append(file, bytes).await
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, CheckpointError> {
    serde_json::to_vec(value).map_err(|error| CheckpointError::State(error.to_string()))
}

/// The manifest of a checkpoint, if it is undamaged and of this format.
pub(crate) async fn read_manifest(
    store: &impl CheckpointStore,
    name: &str,
) -> Result<Manifest, CheckpointError> {
    let damaged = |reason: String| damaged(name, MANIFEST, reason);
    let bytes = read_file(store, name, MANIFEST).await?;
    // A later format may have other fields, so its number is looked at first.
    let value: Value = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
    if let Some(found) = value["manifest"]["format"]
        .as_u64()
        .filter(|format| *format != CHECKPOINT_FORMAT)
    {
        return Err(CheckpointError::Version {
            name: name.to_owned(),
            found,
            expected: CHECKPOINT_FORMAT,
        });
    }
    let ManifestFile { manifest, crc32c } =
        serde_json::from_value(value).map_err(|error| damaged(error.to_string()))?;
    let found = crc32c::crc32c(&json(&manifest)?);
    if found != crc32c {
        return Err(damaged(format!("checksum {found:08x}, expected {crc32c:08x}")));
    }
    Ok(manifest)
}

/// A whole checkpoint, if it was written with these settings and nothing of it is damaged.
pub(crate) async fn read(
    store: &impl CheckpointStore,
    name: &str,
    config: &ConfigKeys,
) -> Result<(Manifest, Restored), CheckpointError> {
    let manifest = read_manifest(store, name).await?;
    check_config(name, &manifest.config, config)?;
    let restored = read_restored(store, name, &manifest).await?;
    Ok((manifest, restored))
}

/// A whole checkpoint, whatever its settings, if nothing of it is damaged: for those who want its models and train no
/// further.
///
/// # Errors
///
/// [`CheckpointError`] for one that is missing, damaged or of another format.
pub async fn read_checkpoint(
    store: &impl CheckpointStore,
    name: &str,
) -> Result<(Manifest, Restored), CheckpointError> {
    let manifest = read_manifest(store, name).await?;
    let restored = read_restored(store, name, &manifest).await?;
    Ok((manifest, restored))
}

async fn read_restored(
    store: &impl CheckpointStore,
    name: &str,
    manifest: &Manifest,
) -> Result<Restored, CheckpointError> {
    let mut files = Vec::new();
    for file in [WEIGHTS, OPTIMIZER, STATE] {
        let bytes = read_file(store, name, file).await?;
        let found = FileCheck {
            bytes: bytes.len() as u64,
            crc32c: crc32c::crc32c(&bytes),
        };
        let expected = manifest.files.get(file).copied().unwrap_or_default();
        if found != expected {
            return Err(damaged(name, file, format!("found {found}, expected {expected}")));
        }
        files.push(bytes);
    }
    Restored::read(&files[0], &files[1], &files[2])
}

/// A file that a whole checkpoint must have.
async fn read_file(store: &impl CheckpointStore, name: &str, file: &str) -> Result<Vec<u8>, CheckpointError> {
    match store.read(name, file).await {
        Err(StoreError::Missing { .. }) => Err(damaged(name, file, "it is missing".to_owned())),
        read => Ok(read?),
    }
}

fn damaged(name: &str, file: &str, reason: String) -> CheckpointError {
    CheckpointError::Damaged {
        name: name.to_owned(),
        file: file.to_owned(),
        reason,
    }
}

/// Names the first setting that is not the same.
fn check_config(name: &str, found: &ConfigKeys, expected: &ConfigKeys) -> Result<(), CheckpointError> {
    let text = |keys: &ConfigKeys, key: &String| keys.get(key).map_or("nothing", String::as_str).to_owned();
    for key in found.keys().chain(expected.keys()) {
        let (found, expected) = (text(found, key), text(expected, key));
        if found != expected {
            return Err(CheckpointError::OtherConfig {
                name: name.to_owned(),
                key: key.clone(),
                found,
                expected,
            });
        }
    }
    Ok(())
}

impl std::fmt::Display for FileCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes with checksum {:08x}", self.bytes, self.crc32c)
    }
}
