//! Numbers as files store them, and as this program computes with them: f32.

use half::{bf16, f16};
use safetensors::Dtype;
use serde::{Deserialize, Serialize};

use super::WeightsError;

/// How exported numbers are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoredType {
    /// 4 bytes, what the program computes with.
    #[default]
    F32,
    /// 2 bytes: 11 bits of precision, at most 65,504.
    F16,
    /// 2 bytes: 8 bits of precision, the range of F32.
    BF16,
}

impl StoredType {
    /// Bytes of one number.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
        }
    }

    /// The name in the header of a safetensors file.
    #[must_use]
    pub fn safetensors_name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::BF16 => "BF16",
        }
    }

    /// The name in `config.json`, PyTorch's.
    #[must_use]
    pub fn torch_name(self) -> &'static str {
        match self {
            Self::F32 => "float32",
            Self::F16 => "float16",
            Self::BF16 => "bfloat16",
        }
    }

    /// The bytes of `values`, little-endian, each rounded to the nearest stored number, ties to even.
    ///
    /// What is infinite or not a number stays so. What is too small becomes subnormal or zero.
    ///
    /// # Errors
    ///
    /// [`WeightsError::TooLarge`] naming the tensor, when a finite number would become infinite.
    pub fn encode(self, name: &str, values: &[f32]) -> Result<Vec<u8>, WeightsError> {
        match self {
            Self::F32 => Ok(values.iter().flat_map(|value| value.to_le_bytes()).collect()),
            Self::F16 => self.rounded(name, values, |value| {
                let stored = f16::from_f32(value);
                (stored.is_infinite(), stored.to_le_bytes())
            }),
            Self::BF16 => self.rounded(name, values, |value| {
                let stored = bf16::from_f32(value);
                (stored.is_infinite(), stored.to_le_bytes())
            }),
        }
    }

    /// Two bytes for each value, unless a finite one became infinite.
    fn rounded(
        self,
        name: &str,
        values: &[f32],
        round: impl Fn(f32) -> (bool, [u8; 2]),
    ) -> Result<Vec<u8>, WeightsError> {
        let mut bytes = Vec::with_capacity(2 * values.len());
        for &value in values {
            let (became_infinite, stored) = round(value);
            if became_infinite && value.is_finite() {
                return Err(WeightsError::TooLarge {
                    name: name.to_owned(),
                    found: f64::from(value),
                    stored: self.safetensors_name(),
                });
            }
            bytes.extend(stored);
        }
        Ok(bytes)
    }
}

/// The order in which a tensor's numbers are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// As they are stored.
    AsStored,
    /// The transposed matrix: files hold a linear layer as `[out, in]`, Burn as `[in, out]`.
    Transposed {
        /// Rows of the stored matrix.
        rows: usize,
        /// Columns of the stored matrix.
        columns: usize,
    },
}

impl Layout {
    /// Converts every number and puts it where the layout wants it: one new list, whatever the order.
    pub(crate) fn arrange<T: Copy>(self, numbers: &[T], value: impl Fn(T) -> f32) -> Vec<f32> {
        /// Rows whose cache lines stay in the fastest cache while all columns are walked.
        const BLOCK: usize = 32;
        let Self::Transposed { rows, columns } = self else {
            return numbers.iter().map(|&number| value(number)).collect();
        };
        assert_eq!(numbers.len(), rows * columns, "the shape was checked before");
        let mut arranged = vec![0.0; numbers.len()];
        for first in (0..rows).step_by(BLOCK) {
            for column in 0..columns {
                for row in first..rows.min(first + BLOCK) {
                    arranged[column * rows + row] = value(numbers[row * columns + column]);
                }
            }
        }
        arranged
    }
}

/// Whether numbers of this type are read.
pub(crate) fn is_read(dtype: Dtype) -> bool {
    matches!(dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16 | Dtype::F64)
}

/// The numbers of one tensor.
///
/// # Errors
///
/// [`WeightsError::Dtype`] for types that are not read, [`WeightsError::TooLarge`] for a finite F64 that no F32 is
/// near.
pub(crate) fn decode(
    name: &str,
    dtype: Dtype,
    bytes: &[u8],
    layout: Layout,
) -> Result<Vec<f32>, WeightsError> {
    match dtype {
        Dtype::F32 => Ok(layout.arrange(bytes.as_chunks().0, f32::from_le_bytes)),
        Dtype::F16 => Ok(layout.arrange(bytes.as_chunks().0, |b| f16::from_le_bytes(b).to_f32())),
        Dtype::BF16 => Ok(layout.arrange(bytes.as_chunks().0, |b| bf16::from_le_bytes(b).to_f32())),
        Dtype::F64 => {
            let numbers = bytes.as_chunks().0;
            let too_large = |number: &f64| number.is_finite() && narrow(*number).is_infinite();
            match numbers.iter().map(|&b| f64::from_le_bytes(b)).find(too_large) {
                Some(found) => Err(WeightsError::TooLarge {
                    name: name.to_owned(),
                    found,
                    stored: "F32",
                }),
                None => Ok(layout.arrange(numbers, |b| narrow(f64::from_le_bytes(b)))),
            }
        }
        other => Err(WeightsError::Dtype {
            name: name.to_owned(),
            found: format!("{other:?}"),
        }),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "weights are computed with in f32")]
fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests;
