//! Rows of token ids with explicit padding, on the host and on the device.

use burn::tensor::{Device, Int, Tensor, TensorData};

/// Added to the attention score of a key that must not be seen.
///
/// Finite, so that a row that sees nothing (padding) gives equal weights and not NaN; halved, so that adding a
/// score to it cannot overflow.
pub(crate) const UNSEEN: f32 = f32::MIN / 2.0;

/// The id that stands at padding positions. It only has to be valid: masks keep it out of every result.
const FILLER: u32 = 0;

/// On which side short rows are filled up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaddingSide {
    /// Before the tokens, so that all rows end together: prompts of a rollout.
    Left,
    /// After the tokens: training.
    Right,
}

/// A rectangular batch of token ids on the host.
///
/// Padding is explicit: it is never inferred from a token's id, because a model may sample the padding id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenBatch {
    /// Token ids, row-major, `[batch, seq_len]`.
    tokens: Vec<u32>,
    /// True where the token counts, row-major, `[batch, seq_len]`.
    mask: Vec<bool>,
    batch: usize,
    seq_len: usize,
}

/// Why rows are not a batch.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// There is no row, or a row without a token.
    #[error("row {row} of the batch has no token; every row needs at least one")]
    EmptyRow {
        /// Index of the row, from 0.
        row: usize,
    },
    /// A token id that the model does not have.
    #[error("row {row}, token {position}: id {found}, expected an id below {vocab_size}")]
    UnknownToken {
        /// Index of the row, from 0.
        row: usize,
        /// Index of the token in its row, from 0.
        position: usize,
        /// The id.
        found: u32,
        /// Number of ids that the model has.
        vocab_size: usize,
    },
}

/// What a decoder reads: tokens, their positions, and which keys each query sees.
#[derive(Clone, Debug)]
pub struct DecoderInput {
    /// Token ids, `[batch, seq_len]`.
    pub tokens: Tensor<2, Int>,
    /// Position in its row of each token that can be seen, not counting padding, `[batch, key_len]`; the last
    /// `seq_len` columns are those of `tokens`.
    pub key_positions: Tensor<2, Int>,
    /// 0 where query `q` sees key `k`, else a very negative number, `[batch, 1, seq_len, key_len]`; `None` when every
    /// query sees every key.
    pub attention_bias: Option<Tensor<4>>,
}

impl DecoderInput {
    /// Position of each of `tokens` in its row, `[batch, seq_len]`.
    #[must_use]
    pub fn positions(&self) -> Tensor<2, Int> {
        let [_, seq_len] = self.tokens.dims();
        let [_, key_len] = self.key_positions.dims();
        if key_len == seq_len {
            return self.key_positions.clone();
        }
        self.key_positions.clone().narrow(1, key_len - seq_len, seq_len)
    }
}

impl TokenBatch {
    /// Pads rows to the longest one.
    ///
    /// # Errors
    ///
    /// [`BatchError`] for an empty row, an empty batch, or an id that is not below `vocab_size`.
    pub fn from_rows<R: AsRef<[u32]>>(
        rows: &[R],
        side: PaddingSide,
        vocab_size: usize,
    ) -> Result<Self, BatchError> {
        if rows.is_empty() {
            return Err(BatchError::EmptyRow { row: 0 });
        }
        let seq_len = rows.iter().map(|row| row.as_ref().len()).max().unwrap_or(0);
        let mut tokens = Vec::with_capacity(rows.len() * seq_len);
        let mut mask = Vec::with_capacity(rows.len() * seq_len);
        for (row, ids) in rows.iter().map(AsRef::as_ref).enumerate() {
            check_row(row, ids, vocab_size)?;
            let padding = seq_len - ids.len();
            let before = if side == PaddingSide::Left { padding } else { 0 };
            let after = padding - before;
            tokens.extend(std::iter::repeat_n(FILLER, before).chain(ids.iter().copied()));
            tokens.extend(std::iter::repeat_n(FILLER, after));
            mask.extend(std::iter::repeat_n(false, before).chain(ids.iter().map(|_| true)));
            mask.extend(std::iter::repeat_n(false, after));
        }
        Ok(Self {
            tokens,
            mask,
            batch: rows.len(),
            seq_len,
        })
    }

    /// Prompts that end together, each with the first tokens of its response after it.
    ///
    /// Prompts are filled up before their tokens, responses after theirs, as in a rollout: column `prompt_len` is the
    /// first of every response. With one column of the response less than it has tokens, the batch holds exactly what
    /// is read to predict all of them.
    ///
    /// - `response_columns`: columns after the prompts; longer responses are cut, shorter ones filled up
    ///
    /// # Errors
    ///
    /// [`BatchError`] for an empty batch, an empty prompt or response, or an id that is not below `vocab_size`,
    /// counted from the prompt's first token.
    pub fn from_prompts_and_responses<P: AsRef<[u32]>, R: AsRef<[u32]>>(
        prompts: &[P],
        responses: &[R],
        response_columns: usize,
        vocab_size: usize,
    ) -> Result<Self, BatchError> {
        assert_eq!(prompts.len(), responses.len(), "a response to every prompt");
        let prompt_len = prompts.iter().map(|prompt| prompt.as_ref().len()).max();
        let prompt_len = prompt_len.ok_or(BatchError::EmptyRow { row: 0 })?;
        let seq_len = prompt_len + response_columns;
        let (mut tokens, mut mask) = (Vec::new(), Vec::new());
        for (row, (prompt, response)) in prompts.iter().zip(responses).enumerate() {
            let (prompt, response) = (prompt.as_ref(), response.as_ref());
            if prompt.is_empty() || response.is_empty() {
                return Err(BatchError::EmptyRow { row });
            }
            check_row(row, &[prompt, response].concat(), vocab_size)?;
            let response = &response[..response.len().min(response_columns)];
            let (before, after) = (prompt_len - prompt.len(), response_columns - response.len());
            tokens.extend(std::iter::repeat_n(FILLER, before).chain(prompt.iter().copied()));
            tokens.extend(response.iter().copied().chain(std::iter::repeat_n(FILLER, after)));
            mask.extend(std::iter::repeat_n(false, before));
            mask.extend(std::iter::repeat_n(true, prompt.len() + response.len()));
            mask.extend(std::iter::repeat_n(false, after));
        }
        Ok(Self {
            tokens,
            mask,
            batch: prompts.len(),
            seq_len,
        })
    }

    /// `[batch, seq_len]`.
    #[must_use]
    pub fn dims(&self) -> [usize; 2] {
        [self.batch, self.seq_len]
    }

    /// Token ids, row-major, `[batch, seq_len]`.
    #[must_use]
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// True where the token counts, row-major, `[batch, seq_len]`.
    #[must_use]
    pub fn mask(&self) -> &[bool] {
        &self.mask
    }

    /// Position of each token in its row: the number of tokens before it, padding not counted.
    #[must_use]
    pub fn positions(&self) -> Vec<i32> {
        let mut positions = Vec::with_capacity(self.mask.len());
        for row in self.mask.chunks(self.seq_len) {
            let mut next = 0;
            for &counts in row {
                positions.push(next);
                next += i32::from(counts);
            }
        }
        positions
    }

    /// Whether some row is shorter than the others.
    #[must_use]
    pub fn has_padding(&self) -> bool {
        self.mask.contains(&false)
    }

    /// Some of the rows, as wide as all of them.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        let part = |row: usize| row * self.seq_len..(row + 1) * self.seq_len;
        Self {
            tokens: rows
                .iter()
                .flat_map(|&row| self.tokens[part(row)].iter().copied())
                .collect(),
            mask: rows
                .iter()
                .flat_map(|&row| self.mask[part(row)].iter().copied())
                .collect(),
            batch: rows.len(),
            seq_len: self.seq_len,
        }
    }

    /// Column of each row's last token that counts, `[batch]`.
    #[must_use]
    pub fn last_columns(&self) -> Vec<i32> {
        let last = |row: &[bool]| row.iter().rposition(|&counts| counts).expect("no row is empty");
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_possible_wrap,
            reason = "rows are short"
        )]
        let columns = self
            .mask
            .chunks(self.seq_len)
            .map(|row| last(row) as i32)
            .collect();
        columns
    }

    /// Everything that a decoder needs to read the whole batch at once.
    #[must_use]
    pub fn to_device(&self, device: &Device) -> DecoderInput {
        self.columns_to_device(0..self.seq_len, device)
    }

    /// Everything that a decoder needs to read columns `columns`, when a cache holds the columns before them.
    ///
    /// The attention bias spans the keys `0..columns.end`.
    #[must_use]
    pub fn columns_to_device(&self, columns: std::ops::Range<usize>, device: &Device) -> DecoderInput {
        assert!(
            columns.end <= self.seq_len,
            "columns {columns:?} of a batch with {} columns",
            self.seq_len
        );
        let (queries, keys) = (columns.len(), columns.end);
        let positions = self.positions();
        let mut token_ids = Vec::with_capacity(self.batch * queries);
        let mut key_positions = Vec::with_capacity(self.batch * keys);
        let mut bias = Vec::with_capacity(self.batch * queries * keys);
        for row in 0..self.batch {
            let start = row * self.seq_len;
            key_positions.extend_from_slice(&positions[start..start + keys]);
            for query in columns.clone() {
                token_ids.push(self.tokens[start + query].cast_signed());
                bias.extend((0..keys).map(|key| {
                    let seen = key <= query && self.mask[start + key];
                    if seen { 0.0 } else { UNSEEN }
                }));
            }
        }
        let all_seen = bias.iter().all(|&bias| bias == 0.0);
        let bias = TensorData::new(bias, [self.batch, 1, queries, keys]);
        DecoderInput {
            tokens: Tensor::from_data(TensorData::new(token_ids, [self.batch, queries]), device),
            key_positions: Tensor::from_data(TensorData::new(key_positions, [self.batch, keys]), device),
            attention_bias: (!all_seen).then(|| Tensor::from_data(bias, device)),
        }
    }
}

fn check_row(row: usize, ids: &[u32], vocab_size: usize) -> Result<(), BatchError> {
    if ids.is_empty() {
        return Err(BatchError::EmptyRow { row });
    }
    match ids.iter().position(|&id| id as usize >= vocab_size) {
        Some(position) => Err(BatchError::UnknownToken {
            row,
            position,
            found: ids[position],
            vocab_size,
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    #[wasm_bindgen_test(unsupported = test)]
    fn padding_fills_the_side_that_was_asked_for() {
        let rows: [&[u32]; 2] = [&[5, 6, 7], &[8]];
        let left = TokenBatch::from_rows(&rows, PaddingSide::Left, 10).unwrap();
        assert_eq!(left.tokens(), [5, 6, 7, 0, 0, 8]);
        assert_eq!(left.mask(), [true, true, true, false, false, true]);
        assert_eq!(left.positions(), [0, 1, 2, 0, 0, 0]);

        let right = TokenBatch::from_rows(&rows, PaddingSide::Right, 10).unwrap();
        assert_eq!(right.tokens(), [5, 6, 7, 8, 0, 0]);
        assert_eq!(right.positions(), [0, 1, 2, 0, 1, 1]);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn selected_rows_keep_their_padding() {
        let rows: [&[u32]; 3] = [&[5, 6, 7], &[8], &[9, 4]];
        let batch = TokenBatch::from_rows(&rows, PaddingSide::Right, 10).unwrap();
        let part = batch.select(&[2, 1]);
        assert_eq!(part.dims(), [2, 3]);
        assert_eq!(part.tokens(), [9, 4, 0, 8, 0, 0]);
        assert_eq!(part.mask(), [true, true, false, true, false, false]);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn prompts_end_together_and_responses_begin_together() {
        let (prompts, responses): ([&[u32]; 2], [&[u32]; 2]) = ([&[5, 6], &[7]], [&[1], &[2, 3, 4]]);
        let batch = TokenBatch::from_prompts_and_responses(&prompts, &responses, 2, 10).unwrap();
        assert_eq!(batch.dims(), [2, 4]);
        assert_eq!(batch.tokens(), [5, 6, 1, 0, 0, 7, 2, 3]);
        assert_eq!(batch.mask(), [true, true, true, false, false, true, true, true]);
        // What is cut off is checked all the same: it is predicted.
        let error = TokenBatch::from_prompts_and_responses(&prompts, &responses, 2, 4).unwrap_err();
        assert_eq!(error.to_string(), "row 0, token 0: id 5, expected an id below 4");
        let none: [&[u32]; 2] = [&[1], &[]];
        let error = TokenBatch::from_prompts_and_responses(&prompts, &none, 2, 10);
        assert_eq!(error, Err(BatchError::EmptyRow { row: 1 }));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn bad_rows_are_named() {
        let empty: [&[u32]; 0] = [];
        assert_eq!(
            TokenBatch::from_rows(&empty, PaddingSide::Left, 4),
            Err(BatchError::EmptyRow { row: 0 })
        );
        let rows: [&[u32]; 2] = [&[1], &[]];
        assert_eq!(
            TokenBatch::from_rows(&rows, PaddingSide::Left, 4),
            Err(BatchError::EmptyRow { row: 1 })
        );
        let rows: [&[u32]; 1] = [&[1, 4]];
        let error = TokenBatch::from_rows(&rows, PaddingSide::Left, 4).unwrap_err();
        assert_eq!(error.to_string(), "row 0, token 1: id 4, expected an id below 4");
    }
}
