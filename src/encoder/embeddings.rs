//! Token ids to the embeddings that the first layer norm takes.

use super::config::BertConfig;
use super::stored::Stored;
use super::weights::Weights;
use crate::{Error, Result};

/// Word, position and type embeddings.
pub(super) struct Embeddings {
    hidden: usize,
    /// Decoded row by row: as f32 the table of a multilingual model is larger than all the rest.
    words: Stored,
    /// What is added to a token's embedding at each position: the position's and that of type 0, `[positions, hidden]`.
    positions: Vec<f32>,
}

impl Embeddings {
    pub(super) fn new(config: &BertConfig, weights: &Weights) -> Result<Self> {
        let hidden = config.hidden_size;
        Ok(Self {
            hidden,
            words: weights.table("embeddings.word_embeddings.weight", 1, hidden)?,
            positions: positions(config, weights)?,
        })
    }

    /// Numbers of an embedding.
    pub(super) fn hidden(&self) -> usize {
        self.hidden
    }

    /// Token ids that one window may have.
    pub(super) fn positions(&self) -> usize {
        self.positions.len() / self.hidden
    }

    /// The embeddings of all windows, `[tokens, hidden]`, before their layer norm.
    ///
    /// # Errors
    /// Those of [`Encoder::encode`](super::Encoder::encode) for a window that is too short or too long, or has an id
    /// outside the vocabulary.
    pub(super) fn embed(&self, windows: &[&[u32]]) -> Result<Vec<f32>> {
        let tokens: usize = windows.iter().map(|window| window.len()).sum();
        let mut states = vec![0f32; tokens * self.hidden];
        let mut rows = states.chunks_exact_mut(self.hidden);
        for (number, window) in windows.iter().enumerate() {
            let most = self.positions();
            if !(2..=most).contains(&window.len()) {
                return Err(Error::Argument(format!(
                    "window {number} has {} ids, expected 2 (<s> and </s>) to {most}",
                    window.len()
                )));
            }
            let positions = self.positions.chunks_exact(self.hidden);
            for ((&id, row), position) in window.iter().zip(&mut rows).zip(positions) {
                if id as usize >= self.words.rows() {
                    return Err(Error::Argument(format!(
                        "token id {id} in window {number} is outside the vocabulary of {}: \
                         tokenizer and encoder do not belong together",
                        self.words.rows()
                    )));
                }
                self.words.read_row(id as usize, row);
                row.iter_mut().zip(position).for_each(|(sum, p)| *sum += p);
            }
        }
        Ok(states)
    }
}

/// The position table from the first position on, with the embedding of type 0 added to each row.
fn positions(config: &BertConfig, weights: &Weights) -> Result<Vec<f32>> {
    let hidden = config.hidden_size;
    let count = config.max_position_embeddings - config.first_position();
    let table = weights.table("embeddings.position_embeddings.weight", count, hidden)?;
    // A table without the rows before the first position is llama.cpp's; config.json may stand beside it.
    let first = match table.rows() == count {
        true => 0,
        false => config.first_position(),
    };
    let mut kind = vec![0.0; hidden];
    weights
        .table("embeddings.token_type_embeddings.weight", 1, hidden)?
        .read_row(0, &mut kind);
    let mut rows = vec![0.0; count.min(table.rows() - first) * hidden];
    for (index, row) in rows.chunks_exact_mut(hidden).enumerate() {
        table.read_row(first + index, row);
        row.iter_mut().zip(&kind).for_each(|(sum, k)| *sum += k);
    }
    Ok(rows)
}
