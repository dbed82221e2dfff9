//! Windows of like lengths, for attention over many windows in one product.
//!
//! The states of a pass lie packed, window after window. For attention, each window is padded to a multiple of [`STEP`],
//! and those that come out alike make a bucket. How far a window is padded depends on its own length only, and padded
//! keys have a weight of exactly 0: a window still does not depend on the windows beside it.

use candle_core::{Device, Result, Tensor};

/// Lengths are padded to a multiple of this: few products to start on a GPU, and little multiplied in vain.
const STEP: usize = 32;

/// Scores of one product at most; candle's GPU kernels count them in i32.
const SCORES: usize = 1 << 30;

/// The windows of a pass, by padded length.
pub(super) struct Buckets {
    /// The packed row that each padded row holds, `[padded rows]`.
    from_packed: Tensor,
    /// The padded row that holds each packed row, `[tokens]`.
    from_padded: Tensor,
    buckets: Vec<Bucket>,
}

/// Windows padded to one length, one after another in the padded rows.
pub(super) struct Bucket {
    first_row: usize,
    /// How many windows.
    pub windows: usize,
    /// Rows of each, padding included.
    pub len: usize,
    /// What is added to the scores of a key: 0 for a token, −∞ for padding; f32 `[windows, 1, 1, len]`.
    pub mask: Tensor,
}

impl Buckets {
    /// Sorts windows into buckets whose attention has at most [`SCORES`] scores, one window at least.
    pub(super) fn new(windows: &[&[u32]], heads: usize, device: &Device) -> Result<Self> {
        let mut tokens = 0;
        let mut spans = Vec::with_capacity(windows.len());
        for window in windows {
            spans.push((window.len().next_multiple_of(STEP), tokens, window.len()));
            tokens += window.len();
        }
        spans.sort_unstable();
        let mut from_packed = Vec::new();
        let mut from_padded = vec![0u32; tokens];
        let mut buckets = Vec::new();
        for spans in spans.chunk_by(|a, b| a.0 == b.0) {
            let len = spans[0].0;
            for spans in spans.chunks((SCORES / (heads * len * len)).max(1)) {
                let first_row = from_packed.len();
                let mut mask = vec![f32::NEG_INFINITY; spans.len() * len];
                for (&(_, start, tokens), mask) in spans.iter().zip(mask.chunks_exact_mut(len)) {
                    mask[..tokens].fill(0.0);
                    for (row, place) in (start..start + tokens).zip(from_packed.len()..) {
                        from_padded[row] = place as u32;
                    }
                    // Padding repeats the last token: a weight of 0 takes out any finite number.
                    let last = start + tokens - 1;
                    from_packed.extend((start..start + len).map(|row| row.min(last) as u32));
                }
                buckets.push(Bucket {
                    first_row,
                    windows: spans.len(),
                    len,
                    mask: Tensor::from_vec(mask, (spans.len(), 1, 1, len), device)?,
                });
            }
        }
        let rows = from_packed.len();
        Ok(Self {
            from_packed: Tensor::from_vec(from_packed, rows, device)?,
            from_padded: Tensor::from_vec(from_padded, tokens, device)?,
            buckets,
        })
    }

    /// Runs `f` on each bucket's rows of `packed`: `[tokens, n]` to `[tokens, m]`, where `f` takes `[windows · len, n]`
    /// to `[windows · len, m]`.
    pub(super) fn map(
        &self,
        packed: &Tensor,
        f: impl Fn(&Tensor, &Bucket) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let padded = packed.index_select(&self.from_packed, 0)?;
        let results = self.buckets.iter().map(|bucket| {
            let rows = padded.narrow(0, bucket.first_row, bucket.windows * bucket.len)?;
            f(&rows, bucket)
        });
        Tensor::cat(&results.collect::<Result<Vec<_>>>()?, 0)?.index_select(&self.from_padded, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(lengths: &[usize], heads: usize) -> Buckets {
        let ids = vec![0; 1 << 15];
        let windows: Vec<&[u32]> = lengths.iter().map(|&len| &ids[..len]).collect();
        Buckets::new(&windows, heads, &Device::Cpu).unwrap()
    }

    fn shapes(buckets: &Buckets) -> Vec<(usize, usize)> {
        let shape = |bucket: &Bucket| (bucket.windows, bucket.len);
        buckets.buckets.iter().map(shape).collect()
    }

    #[test]
    fn rows_come_back_in_their_order() {
        let buckets = buckets(&[40, 2, 32, 33, 64, 3], 12);
        assert_eq!(shapes(&buckets), [(3, 32), (3, 64)]);
        let packed = Tensor::arange(0f32, 174.0, &Device::Cpu).unwrap();
        let packed = packed.reshape((174, 1)).unwrap();
        let seen = buckets.map(&packed, |rows, bucket| {
            // A padded row has the number of a token, and −∞ in the mask.
            let mask = bucket.mask.flatten_all()?.to_vec1::<f32>()?;
            let tokens = mask.iter().filter(|&&m| m == 0.0).count();
            assert_eq!(tokens, if bucket.len == 32 { 37 } else { 137 });
            assert_eq!(rows.dims(), [bucket.windows * bucket.len, 1]);
            Ok(rows.clone())
        });
        let numbers = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(numbers(&seen.unwrap()), numbers(&packed));
    }

    /// An i32 that overflows on a GPU says nothing; the scores are just wrong.
    #[test]
    fn a_product_has_a_largest_size() {
        assert_eq!(shapes(&buckets(&[8192; 3], 8)), [(2, 8192), (1, 8192)]);
        assert_eq!(shapes(&buckets(&[1 << 15; 2], 16)), [(1, 1 << 15); 2]);
    }
}
