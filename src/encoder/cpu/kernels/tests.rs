//! Every level against the portable one, and each tile against its roofline.

use super::*;
use proptest::prelude::*;

/// Both tiles of a product at one level.
struct Tiles<'a, P: Product> {
    rows: &'a [P::Input],
    stride: usize,
    count: usize,
    wide: &'a [[Line; 4]],
    /// Not for [`Bytes`].
    tall: Option<&'a Vec<[Line; 2]>>,
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
        // In two steps, as deep panels go.
        let half = self.wide.len() / 2;
        let (above, below) = self.wide.split_at(half);
        simd.wide::<P>(wide, above, Some(self.start), self.wide_out, WIDE + 3);
        let numbers = &self.rows[half * P::INPUTS..];
        let wide = Rows { numbers, ..wide };
        simd.wide::<P>(wide, below, None, self.wide_out, WIDE + 3);
        if let Some(tall) = self.tall {
            simd.tall::<P>(rows(self.count), tall, self.tall_out);
        }
    }
}

fn compare<P: Product>(
    (count, words, spare): (usize, usize, usize),
    mut input: impl FnMut() -> P::Input,
    mut word: impl FnMut() -> u32,
    start: impl Fn(Level, &[u32]) -> P::Sum,
    same: impl Fn(P::Sum, P::Sum) -> bool,
) {
    let stride = words * P::INPUTS + spare;
    let rows: Vec<_> = (0..count * stride).map(|_| input()).collect();
    let mut line = || Line(std::array::from_fn(|_| word()));
    let wide: Vec<_> = (0..words)
        .map(|_| [line(), line(), line(), line()])
        .collect();
    let tall: Vec<_> = (0..words).map(|_| [line(), line()]).collect();
    let start_at = |level| {
        std::array::from_fn(|column| {
            let words = wide
                .iter()
                .map(|lines| lines[column / COLUMNS].0[column % COLUMNS]);
            start(level, &words.collect::<Vec<_>>())
        })
    };
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
                tall: (P::KIND != Kind::Bytes).then_some(&tall),
                start: &start_at(level),
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

/// Where the sums of a column of bytes start.
fn offset(level: Level, words: &[u32]) -> i32 {
    let bytes = words.iter().flat_map(|word| word.to_ne_bytes());
    level.start(bytes.map(|byte| byte.cast_signed()))
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
        let (mut a, mut b) = (numbers(seed), numbers(!seed));
        compare::<Bytes>(shape, || a() as u8, &mut b, offset, |a, b| a == b);
        compare::<Unsigned>(shape, || a() as u8, &mut b, |_, _| 0, |a, b| a == b);
        let float = |word: u32| word as f32 / u32::MAX as f32 - 0.5;
        let near = |a: f32, b: f32| (a - b).abs() <= 1e-5 * (1.0 + a.abs());
        compare::<Floats>(shape, || float(a()), || float(b()).to_bits(), |_, _| 0.0, near);
    }
}

/// Every operation of vectors, on numbers whose results are exact.
#[derive(Clone, Copy)]
struct Vectors {
    a: [f32; LANES],
    b: [f32; LANES],
    bytes: [f32; LANES],
    signed: [f32; LANES],
}

/// What comes of them.
#[derive(Debug, Clone, PartialEq, Default)]
struct Results {
    numbers: Vec<[f32; LANES]>,
    bytes: [[u8; LANES]; 2],
    lines: Vec<[u32; COLUMNS]>,
    folds: [f32; 2],
}

impl Vectors {
    fn at(self, level: Level) -> Results {
        let mut results = Results::default();
        level.run(Operations(self, &mut results));
        results
    }
}

struct Operations<'a>(Vectors, &'a mut Results);

impl Task for Operations<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self(vectors, results) = self;
        let Vectors {
            a,
            b,
            bytes,
            signed,
        } = vectors;
        let (x, y) = (simd.load(&a), simd.load(&b));
        let scaled = simd.add(simd.abs(x), simd.splat(1.0));
        let scaled = simd.scale(scaled, simd.mul(y, simd.splat(0.2)));
        let integers = a.map(|x| x as i32);
        for v in [
            simd.add(x, y),
            simd.sub(x, y),
            simd.mul(x, y),
            simd.mul_add(x, y, x),
            simd.div(x, simd.splat(0.25)),
            simd.max(x, y),
            simd.min(x, y),
            simd.abs(x),
            simd.fraction(y),
            scaled,
            simd.load_i32(&integers),
            simd.clamp(x, 500.0),
            simd.find(&a, simd.add(y, simd.splat(0.1))),
            simd.load_some(&a[..5], 1.5),
        ] {
            let mut out = [0.0; LANES];
            simd.store(v, &mut out);
            results.numbers.push(out);
        }
        let [unsigned, twos] = &mut results.bytes;
        simd.store_u8(simd.load(&bytes), unsigned);
        simd.store_i8(simd.load(&signed), twos);
        let mut lines = [Line::ZERO; 2];
        let others = [signed, bytes.map(|x| x / 2.0), signed.map(|x| -x)];
        let [second, third, fourth] = others.map(|v| simd.load(&v.map(|x| x.min(127.0))));
        simd.store_words([simd.load(&signed), second, third, fourth], &mut lines);
        results.lines.extend(lines.map(|line| line.0));
        let mut halves = [0; LANES];
        simd.store_half(simd.div(x, simd.splat(3.0)), &mut halves);
        let mut out = [0.0; LANES];
        simd.store(simd.load_half(&halves), &mut out);
        results.numbers.push(out);
        let numbers: Vec<f32> = a.iter().chain(&b).copied().collect();
        let rows = Rows {
            numbers: &numbers[..],
            stride: 1,
            count: COLUMNS,
        };
        let mut columns = [[Line::ZERO; 4]; 19];
        simd.columns::<Floats>(rows, &mut columns, 2);
        let columns = columns.iter().flatten();
        results.lines.extend(columns.map(|line| line.0));
        results.folds = [simd.sum(x), simd.top(y)];
    }
}

proptest! {
    #[test]
    fn every_level_has_the_portable_vectors(seed: u64) {
        let mut next = numbers(seed);
        // Exact in f32, and often halfway between integers.
        let mut vector = |scale: f32| std::array::from_fn(|_| f32::from(next() as i16 >> 4) * scale);
        let vectors = Vectors {
            a: vector(0.5),
            b: vector(0.25),
            bytes: vector(0.0625).map(f32::abs),
            signed: vector(0.0625).map(|x| x.clamp(-128.0, 127.0)),
        };
        let expected = vectors.at(Level::Portable);
        for level in Level::available() {
            prop_assert_eq!(&vectors.at(level), &expected, "{}", level.name());
        }
    }
}

struct Weigh<'a> {
    scores: &'a [i32],
    bits: u32,
    top: &'a mut i32,
    sum: &'a mut i32,
    out: &'a mut [u8],
}

impl Task for Weigh<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        *self.top = simd.top_i32(self.scores);
        *self.sum = simd.weights(self.scores, *self.top, self.bits, self.out);
    }
}

proptest! {
    #[test]
    fn every_level_has_the_portable_weights(
        panels in 1usize..5, spread in 1u32..=31, bits in 0..=weights::FRACTION, seed: u64,
    ) {
        let mut next = numbers(seed);
        let len = panels * WIDE;
        let scores: Vec<i32> = (0..len).map(|_| next().cast_signed() >> (32 - spread)).collect();
        let results = Level::available().into_iter().map(|level| {
            let (mut top, mut sum, mut out) = (0, 0, vec![7; len]);
            level.run(Weigh { scores: &scores, bits, top: &mut top, sum: &mut sum, out: &mut out });
            (level, (top, sum, out))
        });
        let results: Vec<_> = results.collect();
        for (level, result) in &results {
            prop_assert_eq!(result, &results[0].1, "{}", level.name());
        }
        let (top, sum, out) = &results[0].1;
        prop_assert_eq!(scores.iter().max(), Some(top));
        prop_assert_eq!(out.iter().map(|&w| i32::from(w)).sum::<i32>(), *sum);
        let largest = scores.iter().position(|score| score == top).unwrap();
        prop_assert_eq!(out[largest], 255);
    }
}

#[test]
fn halves_are_near() {
    struct Halves([f32; LANES]);
    impl Task for Halves {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let (mut halves, mut out) = ([0; LANES], [0.0; LANES]);
            simd.store_half(simd.load(&self.0), &mut halves);
            simd.store(simd.load_half(&halves), &mut out);
            for (x, y) in self.0.iter().zip(out) {
                assert!((x - y).abs() <= x.abs() / 256.0, "{x}: {y}");
            }
        }
    }
    let numbers = std::array::from_fn(|i| (i as f32 - 16.3) * 10f32.powi(i as i32 - 14));
    for level in Level::available() {
        level.run(Halves(numbers));
    }
}

/// The largest numbers that a byte product can meet, where instructions that saturate would differ.
#[test]
fn extremes_do_not_saturate() {
    for word in [0x7f7f_7f7f, 0x8080_8080] {
        compare::<Bytes>((12, 96, 0), || 255, || word, offset, |a, b| a == b);
        compare::<Unsigned>((12, 96, 0), || 255, || word, |_, _| 0, |a, b| a == b);
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
                    Some(&[P::Sum::default(); WIDE]),
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
        Level::Avx2(simd) => Some((0..7).map(|_| simd.peak::<P>()).fold(0.0, f64::max)),
        #[cfg(target_arch = "x86_64")]
        Level::Avx512(simd) => Some((0..7).map(|_| simd.peak::<P>()).fold(0.0, f64::max)),
        #[cfg(target_arch = "aarch64")]
        Level::Neon(simd) => Some((0..7).map(|_| simd.peak::<P>()).fold(0.0, f64::max)),
        _ => None,
    }
}
