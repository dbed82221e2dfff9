//! The stored form of an encoder: int8 matrices with a scale for each row.

use super::weights::Weights;
use crate::{Error, Result};
use candle_core::Device;
use safetensors::Dtype;
use safetensors::tensor::{TensorView, serialize_to_file};
use std::path::Path;

const TABLE: &str = "embeddings.word_embeddings.weight";

/// Quantises a row of a matrix symmetrically and adds it to `out`, in −127..=127.
///
/// Returns the scale that gives the numbers back by multiplication: the largest magnitude / 127. Halves round to even. A
/// row of zeros has the scale 0.
pub fn quantize_row(row: &[f32], out: &mut Vec<i8>) -> f32 {
    let scale = row.iter().fold(0f32, |max, number| max.max(number.abs())) / 127.0;
    let inverse = if scale > 0.0 { scale.recip() } else { 0.0 };
    // `as` saturates, so that no rounding can leave the range.
    out.extend(
        row.iter()
            .map(|number| (number * inverse).round_ties_even() as i8),
    );
    scale
}

/// Writes an encoder in its stored form: its matrices as I8 with a tensor `<name>.scale`, biases and layer norms as F32. The word embedding table, which has a file of its own, and whatever
/// is no part of the encoder (a pooler, other heads) are left out.
///
/// # Errors
/// [`Error::Tensor`] for a tensor that cannot be read, [`Error::Model`] where `path` cannot be written.
pub fn write_int8(weights: &Weights, path: &Path) -> Result<()> {
    let mut tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
    for name in weights.names() {
        let wanted = name.starts_with("encoder.layer.") || name.starts_with("embeddings.");
        // Scales of an encoder that is int8 already are written anew with their matrices; position_ids is a constant.
        if !wanted || name == TABLE || name.ends_with(".scale") || name.ends_with("position_ids") {
            continue;
        }
        let tensor = weights.tensor(name, &Device::Cpu)?;
        let shape = tensor.dims().to_vec();
        let flat = tensor.flatten_all()?.to_vec1::<f32>()?;
        if let [_, columns] = shape[..] {
            let mut numbers = Vec::with_capacity(flat.len());
            let rows = flat.chunks_exact(columns.max(1));
            let scales: Vec<_> = rows.map(|row| quantize_row(row, &mut numbers)).collect();
            let bytes = numbers.into_iter().map(i8::cast_unsigned).collect();
            let rows = vec![scales.len()];
            tensors.push((name.into(), Dtype::I8, shape, bytes));
            tensors.push((
                format!("{name}.scale"),
                Dtype::F32,
                rows,
                f32_bytes(&scales),
            ));
        } else {
            tensors.push((name.into(), Dtype::F32, shape, f32_bytes(&flat)));
        }
    }
    let broken =
        |e: safetensors::SafeTensorError| Error::model(path, format!("cannot be written: {e}"));
    let views = tensors
        .iter()
        .map(|(name, dtype, shape, bytes)| {
            TensorView::new(*dtype, shape.clone(), bytes).map(|view| (name, view))
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(broken)?;
    serialize_to_file(views, None, path).map_err(broken)
}

fn f32_bytes(numbers: &[f32]) -> Vec<u8> {
    numbers
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_within_half_a_step() {
        let numbers = [
            [0.5f32, -1.0, 0.25, 0.0],
            [0.0; 4],
            [1e-3, 2e-3, -3e-3, 1.5e-3],
        ];
        let mut quantised = Vec::new();
        let scales = numbers.map(|row| quantize_row(&row, &mut quantised));
        assert_eq!(quantised[..4], [64, -127, 32, 0]);
        assert_eq!(scales[1], 0.0);
        for (row, scale) in scales.iter().enumerate() {
            for (column, number) in numbers[row].iter().enumerate() {
                let back = f32::from(quantised[row * 4 + column]) * scale;
                assert!((back - number).abs() <= scale * 0.5001);
            }
        }
    }
}
