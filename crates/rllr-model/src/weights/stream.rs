//! Reading a safetensors file while it arrives.

use burn::tensor::{Device, Tensor, TensorData};

use super::header::LENGTH_BYTES;
use super::source::{UploadedTensor, fingerprint};
use super::stored_type::{Layout, decode, is_read};
use super::{SafetensorsHeader, TensorInfo, UploadedWeights, WeightsError};

/// Reads a safetensors file that arrives in pieces of any size and uploads each tensor when it is whole.
///
/// What is held on the host is the header and the one tensor that is arriving, so that a page can load a model that
/// it could not hold twice.
///
/// ```no_run
/// # fn pieces() -> Vec<Vec<u8>> { Vec::new() }
/// # fn load(config: &rllr_model::CausalLmConfig, device: &burn::tensor::Device)
/// #     -> Result<(), rllr_model::WeightsError> {
/// let mut stream = rllr_model::SafetensorsStream::new(device);
/// for piece in pieces() {
///     stream.push(&piece)?;
/// }
/// let uploaded = stream.finish()?;
/// let model = rllr_model::CausalLm::from_source(config, uploaded.into(), device)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct SafetensorsStream {
    device: Device,
    /// What has arrived of the part that is being read: the length, the header or one tensor.
    arrived: Vec<u8>,
    state: State,
    uploaded: UploadedWeights,
}

#[derive(Debug)]
enum State {
    /// Waiting for the length of the header.
    Length,
    /// Waiting for so many bytes of header.
    Header(usize),
    /// Waiting for the tensor of this number.
    Tensor(SafetensorsHeader, usize),
    /// A piece was refused; nothing that follows can be trusted.
    Failed,
}

impl SafetensorsStream {
    /// A reader of one file, whose tensors go to `device`.
    #[must_use]
    pub fn new(device: &Device) -> Self {
        Self {
            device: device.clone(),
            arrived: Vec::new(),
            state: State::Length,
            uploaded: UploadedWeights::default(),
        }
    }

    /// The header, once it has arrived: what the file holds, long before the numbers are there.
    #[must_use]
    pub fn header(&self) -> Option<&SafetensorsHeader> {
        match &self.state {
            State::Tensor(header, _) => Some(header),
            _ => None,
        }
    }

    /// Takes the next bytes of the file, any number of them.
    ///
    /// # Errors
    ///
    /// [`WeightsError`] when the header is damaged, a tensor cannot be decoded, or bytes come after the last tensor.
    /// The stream has then failed: whatever follows is [`WeightsError::StreamFailed`].
    pub fn push(&mut self, piece: &[u8]) -> Result<(), WeightsError> {
        let state = std::mem::replace(&mut self.state, State::Failed);
        self.state = self.advance(state, piece)?;
        Ok(())
    }

    /// The tensors on the device, when the whole file has arrived.
    ///
    /// # Errors
    ///
    /// [`WeightsError::StreamEnded`] saying what is missing.
    pub fn finish(self) -> Result<UploadedWeights, WeightsError> {
        let waiting_for = match &self.state {
            State::Failed => return Err(WeightsError::StreamFailed),
            State::Tensor(header, number) => match header.tensors().get(*number) {
                None => return Ok(self.uploaded),
                Some(tensor) => {
                    let more = header.tensors().len() - number - 1;
                    let rest = match more {
                        0 => String::new(),
                        _ => format!(" and {more} more"),
                    };
                    format!("tensor {}{rest}", tensor.name)
                }
            },
            State::Length | State::Header(_) => "the header".to_owned(),
        };
        let expected = self.part_bytes();
        Err(WeightsError::StreamEnded {
            waiting_for,
            found: self.arrived.len(),
            expected,
        })
    }

    /// Bytes of the part that is being read.
    fn part_bytes(&self) -> usize {
        match &self.state {
            State::Length => LENGTH_BYTES,
            State::Header(length) => *length,
            State::Tensor(header, number) => header.tensors().get(*number).map_or(0, |t| t.bytes.len()),
            State::Failed => 0,
        }
    }

    /// Reads whole parts from what has arrived and the new piece; keeps the rest for the next piece.
    fn advance(&mut self, mut state: State, mut piece: &[u8]) -> Result<State, WeightsError> {
        loop {
            let length = match &state {
                State::Length => LENGTH_BYTES,
                State::Header(length) => *length,
                State::Tensor(header, number) => match header.tensors().get(*number) {
                    Some(tensor) => tensor.bytes.len(),
                    None if piece.is_empty() => return Ok(state),
                    None => return Err(WeightsError::StreamTooLong { found: piece.len() }),
                },
                State::Failed => return Err(WeightsError::StreamFailed),
            };
            let Some((part, rest)) = piece.split_at_checked(length - self.arrived.len()) else {
                self.keep(piece, length)?;
                return Ok(state);
            };
            piece = rest;
            state = if self.arrived.is_empty() {
                self.read_part(state, part)?
            } else {
                let mut whole = std::mem::take(&mut self.arrived);
                whole.extend_from_slice(part);
                self.read_part(state, &whole)?
            };
        }
    }

    /// Keeps a piece of a part of `length` bytes.
    fn keep(&mut self, piece: &[u8], length: usize) -> Result<(), WeightsError> {
        // The length comes from the file. It is asked for at once, so that a part is not moved about while it grows,
        // and in a way that a hostile length is an error and not the end of the program.
        let missing = length - self.arrived.len();
        self.arrived
            .try_reserve_exact(missing)
            .map_err(|_| WeightsError::OutOfMemory { bytes: length })?;
        self.arrived.extend_from_slice(piece);
        Ok(())
    }

    /// Reads one whole part and says what comes next.
    fn read_part(&mut self, state: State, part: &[u8]) -> Result<State, WeightsError> {
        match state {
            State::Length => {
                let mut length = [0; LENGTH_BYTES];
                length.copy_from_slice(part);
                Ok(State::Header(SafetensorsHeader::length(length)?))
            }
            State::Header(_) => Ok(State::Tensor(SafetensorsHeader::parse(part)?, 0)),
            State::Tensor(header, number) => {
                let tensor = &header.tensors()[number];
                let uploaded = upload(tensor, part, &self.device)?;
                self.uploaded.tensors.insert(tensor.name.clone(), uploaded);
                Ok(State::Tensor(header, number + 1))
            }
            State::Failed => Err(WeightsError::StreamFailed),
        }
    }
}

/// Decodes a tensor and puts it on the device; one of a type that is not read is only noted.
fn upload(info: &TensorInfo, bytes: &[u8], device: &Device) -> Result<UploadedTensor, WeightsError> {
    let mut uploaded = UploadedTensor {
        dtype: info.dtype,
        shape: info.shape.clone(),
        values: None,
        fingerprint: 0,
    };
    if is_read(info.dtype) && !bytes.is_empty() {
        let values = decode(&info.name, info.dtype, bytes, Layout::AsStored)?;
        uploaded.fingerprint = fingerprint(&values);
        let length = values.len();
        uploaded.values = Some(Tensor::from_data(TensorData::new(values, [length]), device));
    }
    Ok(uploaded)
}

#[cfg(test)]
mod tests;
