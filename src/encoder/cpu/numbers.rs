//! Stored matrices to packed ones, in int8 or f32.

use super::attention;
use super::kernels::{Bytes, Floats, Level};
use super::linear::{self, Linear};
use crate::Result;
use crate::encoder::quantize_row;
use crate::encoder::weights::Weights;
use std::ops::Range;

/// The numbers of a core: those of its linear layers and those of its attention.
pub(super) trait Numbers: Send + Sync + Sized {
    type Linear: linear::Format;
    type Attention: attention::Format;

    /// A matrix as it comes from the file.
    type Matrix;

    /// Loads a stored matrix of this shape, rows and columns.
    fn load(weights: &Weights, name: &str, shape: (usize, usize)) -> Result<Self::Matrix>;

    /// Packs parts of matrices, as wide as one another, one below the other, with a bias for each row, for this level.
    fn pack(level: Level, parts: &[Part<Self::Matrix>], bias: &[f32]) -> Linear<Self::Linear>;
}

/// A part of a matrix, to be multiplied by a factor.
pub(super) struct Part<'a, M> {
    pub(super) matrix: &'a M,
    /// Columns of the whole matrix.
    pub(super) width: usize,
    pub(super) rows: Range<usize>,
    pub(super) columns: Range<usize>,
    pub(super) factor: f32,
}

impl<M> Part<'_, M> {
    /// The part's rows of the numbers of the matrix.
    fn rows<'n, T>(&self, numbers: &'n [T]) -> impl Iterator<Item = &'n [T]> {
        let columns = self.columns.clone();
        let rows = self.rows.start * self.width..self.rows.end * self.width;
        numbers[rows]
            .chunks_exact(self.width)
            .map(move |row| &row[columns.clone()])
    }
}

pub(super) struct Int8;
pub(super) struct F32;

impl Numbers for Int8 {
    type Linear = Bytes;
    type Attention = Bytes;
    /// Numbers, and a scale for each row.
    type Matrix = (Vec<i8>, Vec<f32>);

    fn load(
        weights: &Weights,
        name: &str,
        (rows, columns): (usize, usize),
    ) -> Result<Self::Matrix> {
        if let Some(stored) = weights.int8_matrix(name, rows, columns)? {
            return Ok(stored);
        }
        let mut numbers = Vec::with_capacity(rows * columns);
        let matrix = weights.matrix(name, rows, columns)?;
        let rows = matrix.chunks_exact(columns);
        let scales = rows.map(|row| quantize_row(row, &mut numbers)).collect();
        Ok((numbers, scales))
    }

    fn pack(level: Level, parts: &[Part<Self::Matrix>], bias: &[f32]) -> Linear<Bytes> {
        let (mut numbers, mut scales) = (Vec::new(), Vec::new());
        for part in parts {
            let (of, scale) = part.matrix;
            part.rows(of).for_each(|row| numbers.extend(row));
            scales.extend(scale[part.rows.clone()].iter().map(|s| s * part.factor));
        }
        Linear::<Bytes>::new(level, &numbers, &scales, bias)
    }
}

impl Numbers for F32 {
    type Linear = Floats;
    type Attention = Floats;
    type Matrix = Vec<f32>;

    fn load(
        weights: &Weights,
        name: &str,
        (rows, columns): (usize, usize),
    ) -> Result<Self::Matrix> {
        weights.matrix(name, rows, columns)
    }

    fn pack(_: Level, parts: &[Part<Self::Matrix>], bias: &[f32]) -> Linear<Floats> {
        let mut numbers = Vec::new();
        for part in parts {
            let rows = part.rows(part.matrix).flatten();
            numbers.extend(rows.map(|x| x * part.factor));
        }
        Linear::<Floats>::new(&numbers, bias)
    }
}
