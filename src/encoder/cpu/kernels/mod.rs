//! Tiles of matrix products, for the best instructions that the processor has.
//!
//! A product of two matrices is cut into tiles of a few rows × [`WIDE`] or [`TALL`] columns whose sums stay in registers.
//! All products work on words of 32 bits: one f32, two i16, or four bytes. A word of a row meets the words of all
//! columns of a [`Line`] at once. The rows are stored as they are; the columns are packed into panels of lines by
//! whoever owns them.
//!
//! [`Portable`] is the reference: integer tiles are equal to its bit for bit at every level, floats but for rounding.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

pub(super) use portable::Portable;

/// Words of 16 columns, all for the same inputs.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Line(pub [u32; 16]);

impl Line {
    pub(super) const ZERO: Self = Self([0; 16]);
}

/// Columns of a wide tile, and its rows at most.
pub(super) const WIDE: usize = 64;
pub(super) const WIDE_ROWS: usize = 6;
/// Columns of a tall tile, and its rows at most.
pub(super) const TALL: usize = 32;
pub(super) const TALL_ROWS: usize = 12;

/// What is multiplied and how it adds up.
pub(super) trait Product: Copy + Send + Sync + 'static {
    /// A number of a row.
    type Input: Copy + Default + Send + Sync;
    /// A sum of products.
    type Sum: Copy + Default + Send + Sync;
    /// Numbers of a word.
    const INPUTS: usize;
    /// For the levels, which cannot be generic in instructions.
    const KIND: Kind;

    /// Adds the products of the numbers of a row's word with those of a column's.
    fn add(sum: Self::Sum, row: &[Self::Input], column: u32) -> Self::Sum;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bytes,
    Shorts,
    Floats,
}

/// Unsigned bytes of a row times signed bytes of a column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bytes;

/// i16 times i16.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shorts;

/// f32 times f32.
#[derive(Debug, Clone, Copy)]
pub(super) struct Floats;

impl Product for Bytes {
    type Input = u8;
    type Sum = i32;
    const INPUTS: usize = 4;
    const KIND: Kind = Kind::Bytes;

    #[inline(always)]
    fn add(sum: i32, row: &[u8], column: u32) -> i32 {
        let column = column.to_ne_bytes();
        let products = row.iter().zip(column);
        sum + products
            .map(|(&a, b)| i32::from(a) * i32::from(b.cast_signed()))
            .sum::<i32>()
    }
}

impl Product for Shorts {
    type Input = i16;
    type Sum = i32;
    const INPUTS: usize = 2;
    const KIND: Kind = Kind::Shorts;

    #[inline(always)]
    fn add(sum: i32, row: &[i16], column: u32) -> i32 {
        let [a, b, c, d] = column.to_ne_bytes();
        let column = [i16::from_ne_bytes([a, b]), i16::from_ne_bytes([c, d])];
        let products = row.iter().zip(column);
        sum + products
            .map(|(&a, b)| i32::from(a) * i32::from(b))
            .sum::<i32>()
    }
}

impl Product for Floats {
    type Input = f32;
    type Sum = f32;
    const INPUTS: usize = 1;
    const KIND: Kind = Kind::Floats;

    #[inline(always)]
    fn add(sum: f32, row: &[f32], column: u32) -> f32 {
        sum + row[0] * f32::from_bits(column)
    }
}

/// Rows of numbers in one slice, `stride` apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'a, T> {
    pub(super) numbers: &'a [T],
    pub(super) stride: usize,
    pub(super) count: usize,
}

impl<T> Rows<'_, T> {
    /// Whether every row has the numbers that `words` words need.
    fn hold(&self, words: usize, inputs: usize) -> bool {
        self.count > 0 && self.numbers.len() >= (self.count - 1) * self.stride + words * inputs
    }
}

/// Instructions of one level.
///
/// A value of an implementing type exists only where the processor has the instructions.
pub(super) trait Simd: Copy + Send + Sync {
    /// `out[r][c] = start[c] + Σ rows[r] · panel[c]` for up to [`WIDE_ROWS`] rows; row `r` of `out` starts at
    /// `r · out_stride`.
    ///
    /// # Panics
    /// Where the rows are none or too many, or a slice is too short for them.
    fn wide<P: Product>(
        self,
        rows: Rows<P::Input>,
        panel: &[[Line; 4]],
        start: &[P::Sum; WIDE],
        out: &mut [P::Sum],
        out_stride: usize,
    );

    /// The same for up to [`TALL_ROWS`] rows and [`TALL`] columns, from 0.
    ///
    /// # Panics
    /// As [`Simd::wide`].
    fn tall<P: Product>(
        self,
        rows: Rows<P::Input>,
        panel: &[[Line; 2]],
        out: &mut [P::Sum; TALL * TALL_ROWS],
    );

    /// a · b + c, rounded once where that is one instruction.
    fn mul_add(self, a: f32, b: f32, c: f32) -> f32;

    /// Says that these lines are wanted soon.
    fn prefetch(self, lines: &[[Line; 4]]);
}

/// Work that is compiled for every level.
///
/// `run` and all that it calls down to the loops must be `#[inline(always)]`: only what is inlined into a level's own
/// function is compiled for its instructions.
pub(super) trait Task {
    fn run<S: Simd>(self, simd: S);
}

/// A level of instructions that this processor has.
#[derive(Clone, Copy)]
pub(super) enum Level {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(avx512::Avx512),
}

impl Level {
    /// All levels of this processor, the best one last.
    pub(super) fn available() -> Vec<Self> {
        let mut levels = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            levels.extend(avx2::Avx2::detect().map(Self::Avx2));
            levels.extend(avx512::Avx512::detect().map(Self::Avx512));
        }
        levels
    }

    /// The best level of this processor.
    pub(super) fn best() -> Self {
        Self::available().pop().unwrap_or(Self::Portable)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => "avx512-vnni",
        }
    }

    /// Runs `task` with the instructions of this level.
    pub(super) fn run(self, task: impl Task) {
        match self {
            Self::Portable => task.run(Portable),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(simd) => simd.run(task),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(simd) => simd.run(task),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Both tiles of a product at one level.
    struct Tiles<'a, P: Product> {
        rows: &'a [P::Input],
        stride: usize,
        count: usize,
        wide: &'a [[Line; 4]],
        tall: &'a [[Line; 2]],
        start: &'a [P::Sum; WIDE],
        wide_out: &'a mut [P::Sum],
        tall_out: &'a mut [P::Sum; TALL * TALL_ROWS],
    }

    impl<P: Product> Task for Tiles<'_, P> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let rows = |count| Rows {
                numbers: self.rows,
                stride: self.stride,
                count,
            };
            let wide = rows(self.count.min(WIDE_ROWS));
            simd.wide::<P>(wide, self.wide, self.start, self.wide_out, WIDE + 3);
            simd.tall::<P>(rows(self.count), self.tall, self.tall_out);
        }
    }

    fn compare<P: Product>(
        (count, words, spare): (usize, usize, usize),
        mut input: impl FnMut() -> P::Input,
        mut word: impl FnMut() -> u32,
        start: [P::Sum; WIDE],
        same: impl Fn(P::Sum, P::Sum) -> bool,
    ) {
        let stride = words * P::INPUTS + spare;
        let rows: Vec<_> = (0..count * stride).map(|_| input()).collect();
        let mut line = || Line(std::array::from_fn(|_| word()));
        let wide: Vec<_> = (0..words)
            .map(|_| [line(), line(), line(), line()])
            .collect();
        let tall: Vec<_> = (0..words).map(|_| [line(), line()]).collect();
        let results: Vec<_> = Level::available()
            .into_iter()
            .map(|level| {
                let mut wide_out = vec![P::Sum::default(); WIDE_ROWS * (WIDE + 3)];
                let mut tall_out = [P::Sum::default(); TALL * TALL_ROWS];
                level.run(Tiles::<P> {
                    rows: &rows,
                    stride,
                    count,
                    wide: &wide,
                    tall: &tall,
                    start: &start,
                    wide_out: &mut wide_out,
                    tall_out: &mut tall_out,
                });
                (level.name(), wide_out, tall_out)
            })
            .collect();
        let (_, wide, tall) = &results[0];
        for (name, other_wide, other_tall) in &results[1..] {
            let equal = wide.iter().zip(other_wide).all(|(&a, &b)| same(a, b));
            assert!(equal, "wide, {name}, {count} rows of {words} words");
            let used = count * TALL;
            let pairs = tall[..used].iter().zip(&other_tall[..used]);
            assert!(
                pairs.into_iter().all(|(&a, &b)| same(a, b)),
                "tall, {name}, {count} rows of {words} words"
            );
        }
    }

    fn numbers(seed: u64) -> impl FnMut() -> u32 {
        let mut state = seed;
        move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 32) as u32
        }
    }

    proptest! {
        #[test]
        fn every_level_gives_the_portable_tile(
            count in 1..=TALL_ROWS, words in 0usize..70, spare in 0usize..9, seed: u64,
        ) {
            let shape = (count, words, spare);
            let (mut a, mut b, mut c) = (numbers(seed), numbers(!seed), numbers(seed ^ 99));
            let start = std::array::from_fn(|_| c().cast_signed() >> 8);
            compare::<Bytes>(shape, || a() as u8, &mut b, start, |a, b| a == b);
            // Two products of the largest negative number would leave i32; the core does not use it.
            let short = |word: u32| (word as i16).max(-i16::MAX);
            let pair = |word: u32| (short(word) as u16 as u32) | ((short(word >> 16) as u16 as u32) << 16);
            compare::<Shorts>(shape, || short(a()) >> 4, || pair(b()), start, |a, b| a == b);
            let float = |word: u32| word as f32 / u32::MAX as f32 - 0.5;
            let start = start.map(|x| x as f32 / 1e8);
            let near = |a: f32, b: f32| (a - b).abs() <= 1e-5 * (1.0 + a.abs());
            compare::<Floats>(shape, || float(a()), || float(b()).to_bits(), start, near);
        }
    }

    /// The largest numbers that a byte product can meet, where instructions that saturate would differ.
    #[test]
    fn extremes_do_not_saturate() {
        for word in [0x7f7f_7f7f, 0x8080_8080] {
            compare::<Bytes>((12, 96, 0), || 255, || word, [0; WIDE], |a, b| a == b);
        }
    }

    /// The rate of one kind of tile at one level, in 10⁹ products a second, best of seven.
    fn rate<P: Product>(level: Level, words: usize) -> f64 {
        struct Again<P: Product> {
            rows: Vec<P::Input>,
            panel: Vec<[Line; 4]>,
            times: usize,
        }
        impl<P: Product> Task for Again<P> {
            #[inline(always)]
            fn run<S: Simd>(self, simd: S) {
                let mut out = vec![P::Sum::default(); WIDE * WIDE_ROWS];
                for _ in 0..self.times {
                    let rows = Rows {
                        numbers: std::hint::black_box(&self.rows[..]),
                        stride: self.panel.len() * P::INPUTS,
                        count: WIDE_ROWS,
                    };
                    simd.wide::<P>(
                        rows,
                        &self.panel,
                        &[P::Sum::default(); WIDE],
                        &mut out,
                        WIDE,
                    );
                }
                std::hint::black_box(out);
            }
        }
        let tile = words * P::INPUTS * WIDE * WIDE_ROWS;
        let times = 200_000_000 / tile;
        let seconds = (0..7).map(|_| {
            let task = Again::<P> {
                rows: vec![P::Input::default(); WIDE_ROWS * words * P::INPUTS],
                panel: vec![[Line::ZERO; 4]; words],
                times,
            };
            let started = std::time::Instant::now();
            level.run(task);
            started.elapsed().as_secs_f64()
        });
        (times * tile) as f64 / seconds.fold(f64::MAX, f64::min) / 1e9
    }

    /// Not a check but a measurement: `cargo test --release --lib roofline -- --ignored --nocapture`.
    #[test]
    #[ignore = "measures, does not check"]
    fn roofline() {
        for level in Level::available() {
            // Inputs of 384 and 1536 as in the default model.
            for inputs in [384, 1536] {
                let rates = [
                    (
                        "bytes",
                        rate::<Bytes>(level, inputs / 4),
                        peak::<Bytes>(level),
                    ),
                    (
                        "shorts",
                        rate::<Shorts>(level, inputs / 2),
                        peak::<Shorts>(level),
                    ),
                    (
                        "floats",
                        rate::<Floats>(level, inputs),
                        peak::<Floats>(level),
                    ),
                ];
                for (kind, rate, peak) in rates {
                    let share = peak.map_or(String::new(), |peak| {
                        format!(", {:.0} % of {:.0}", 100.0 * rate / peak, 2.0 * peak)
                    });
                    println!(
                        "{} {kind} {inputs}: {:.0} GOP/s{share}",
                        level.name(),
                        2.0 * rate
                    );
                }
            }
        }
    }

    /// The roof of a level, best of seven, where there is a probe for it.
    fn peak<P: Product>(level: Level) -> Option<f64> {
        match level {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512(simd) => Some((0..7).map(|_| simd.peak::<P>()).fold(0.0, f64::max)),
            _ => None,
        }
    }
}
