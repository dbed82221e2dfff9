//! Tensors as they are stored: bytes that are decoded row by row when they are asked for.

use half::{bf16, f16};
use memmap2::Mmap;
use std::ops::{Deref, Range};
use std::sync::Arc;

/// The bytes of one file: part of the program, or mapped from disk and shared.
#[derive(Clone)]
pub(super) enum Bytes {
    Static(&'static [u8]),
    Mapped(Arc<Mmap>),
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Static(bytes) => bytes,
            Self::Mapped(map) => map,
        }
    }
}

/// How numbers are stored. Integers are signed; a Q block is 32 numbers with one f16 scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dtype {
    F32,
    F16,
    Bf16,
    I8,
    Q4_0,
    Q8_0,
}

impl Dtype {
    /// Numbers in a block and bytes that it takes.
    pub(super) fn block(self) -> (usize, usize) {
        match self {
            Self::F32 => (1, 4),
            Self::F16 | Self::Bf16 => (1, 2),
            Self::I8 => (1, 1),
            Self::Q4_0 => (32, 18),
            Self::Q8_0 => (32, 34),
        }
    }

    /// Bytes of `count` numbers; `None` where they are no whole blocks or too many to address.
    pub(super) fn bytes(self, count: usize) -> Option<usize> {
        let (numbers, bytes) = self.block();
        count
            .is_multiple_of(numbers)
            .then(|| (count / numbers).checked_mul(bytes))?
    }

    /// Decodes whole blocks; `bytes` and `out` hold the same number of them.
    fn decode(self, bytes: &[u8], out: &mut [f32]) {
        let (numbers, size) = self.block();
        let blocks = out.chunks_exact_mut(numbers).zip(bytes.chunks_exact(size));
        match self {
            Self::F32 => {
                blocks.for_each(|(o, b)| o[0] = f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            }
            Self::F16 => blocks.for_each(|(o, b)| o[0] = half(b)),
            Self::Bf16 => {
                blocks.for_each(|(o, b)| o[0] = bf16::from_le_bytes([b[0], b[1]]).to_f32())
            }
            Self::I8 => blocks.for_each(|(o, b)| o[0] = f32::from(b[0].cast_signed())),
            // The low halves of the bytes are the first 16 numbers, the high halves the other 16.
            Self::Q4_0 => blocks.for_each(|(o, b)| {
                let scale = half(b);
                let (low, high) = o.split_at_mut(16);
                for ((low, high), &pair) in low.iter_mut().zip(high).zip(&b[2..]) {
                    *low = f32::from((pair & 15).cast_signed() - 8) * scale;
                    *high = f32::from((pair >> 4).cast_signed() - 8) * scale;
                }
            }),
            Self::Q8_0 => blocks.for_each(|(o, b)| {
                let scale = half(b);
                for (o, &q) in o.iter_mut().zip(&b[2..]) {
                    *o = f32::from(q.cast_signed()) * scale;
                }
            }),
        }
    }
}

fn half(bytes: &[u8]) -> f32 {
    f16::from_le_bytes([bytes[0], bytes[1]]).to_f32()
}

/// A matrix as it is stored.
pub(super) struct Stored {
    file: Bytes,
    range: Range<usize>,
    dtype: Dtype,
    columns: usize,
    rows: usize,
    scales: Option<Vec<f32>>,
}

impl Stored {
    /// `rows` × `columns` numbers at `range` of `file`, each row multiplied by its scale where there are scales.
    ///
    /// `None` where the range is outside the file, has another size, or a row is no whole number of blocks.
    pub(super) fn new(
        file: Bytes,
        range: Range<usize>,
        dtype: Dtype,
        (rows, columns): (usize, usize),
        scales: Option<Vec<f32>>,
    ) -> Option<Self> {
        let bytes = dtype.bytes(columns)?.checked_mul(rows)?;
        let fits = file.get(range.clone())?.len() == bytes
            && scales.as_ref().is_none_or(|scales| scales.len() == rows);
        fits.then_some(Self {
            file,
            range,
            dtype,
            columns,
            rows,
            scales,
        })
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// Decodes row `row`, which is less than [`Stored::rows`], into `out`, which holds a row.
    pub(super) fn read_row(&self, row: usize, out: &mut [f32]) {
        let bytes = self.range.len() / self.rows;
        let start = self.range.start + row * bytes;
        self.dtype.decode(&self.file[start..start + bytes], out);
        if let Some(scales) = &self.scales {
            out.iter_mut().for_each(|number| *number *= scales[row]);
        }
    }

    /// The numbers as they are stored and the scales of the rows, where they are I8.
    pub(super) fn into_int8(self) -> Option<(Vec<i8>, Vec<f32>)> {
        let scales = self.scales?;
        let bytes = self.file[self.range].iter();
        Some((bytes.map(|byte| byte.cast_signed()).collect(), scales))
    }

    /// Decodes all rows.
    pub(super) fn to_vec(&self) -> Vec<f32> {
        let mut numbers = vec![0.0; self.rows * self.columns];
        for (row, out) in numbers.chunks_exact_mut(self.columns.max(1)).enumerate() {
            self.read_row(row, out);
        }
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::quantized::{GgmlDType, QTensor};
    use candle_core::{Device, Tensor};

    /// candle's own decoder is the reference.
    #[test]
    fn blocks_decode_as_candle_does() {
        let numbers: Vec<f32> = (0..4 * 64)
            .map(|i| (i as f32 * 0.37).sin() * (1.0 + i as f32 / 50.0))
            .collect();
        let tensor = Tensor::from_vec(numbers, (4, 64), &Device::Cpu).unwrap();
        for (ggml, dtype) in [
            (GgmlDType::Q4_0, Dtype::Q4_0),
            (GgmlDType::Q8_0, Dtype::Q8_0),
            (GgmlDType::F16, Dtype::F16),
            (GgmlDType::F32, Dtype::F32),
        ] {
            let quantised = QTensor::quantize(&tensor, ggml).unwrap();
            let bytes: &'static [u8] = quantised.data().unwrap().to_vec().leak();
            let stored =
                Stored::new(Bytes::Static(bytes), 0..bytes.len(), dtype, (4, 64), None).unwrap();
            let expected = quantised.dequantize(&Device::Cpu).unwrap();
            assert_eq!(
                stored.to_vec(),
                expected.flatten_all().unwrap().to_vec1::<f32>().unwrap()
            );
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let bytes = Bytes::Static(&[0; 36]);
        let stored = |range, dtype, shape| Stored::new(bytes.clone(), range, dtype, shape, None);
        assert!(stored(0..36, Dtype::Q4_0, (2, 32)).is_some());
        assert!(stored(0..36, Dtype::Q4_0, (1, 64)).is_some());
        assert!(stored(0..36, Dtype::Q4_0, (4, 16)).is_none());
        assert!(stored(0..36, Dtype::F32, (2, 4)).is_none());
        assert!(stored(4..40, Dtype::F32, (3, 3)).is_none());
        assert!(stored(0..36, Dtype::F32, (usize::MAX, usize::MAX)).is_none());
    }
}
