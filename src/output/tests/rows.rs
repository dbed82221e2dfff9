//! Rows to write.

use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::{Int8Type, Int32Type};
use half::f16;
use serde_json::{Value, json};

use super::layout;
use crate::fields::Fields;
use crate::output::Layout;
use crate::row::{Evidence, Row, Scores};
use crate::{Abstain, Coverage, Label};

fn scores(n: usize) -> Scores {
    let sentence = |at: usize| Evidence {
        in_title: at == 0,
        start: at * 10,
        end: at * 10 + 7,
        tone: -0.1234,
        weight: 0.0001,
        contribution: 2.0 + n as f64,
    };
    Scores {
        label: if n.is_multiple_of(2) {
            Label::Cooperative
        } else {
            Label::Confrontational
        },
        tone: (n as f64 - 90.0) / 1e4,
        p_cooperative: 0.6667,
        relevance: 1.0,
        abstain: [None, Some(Abstain::Uncertain), Some(Abstain::NotDiplomatic)][n % 3],
        lang: ["uk", "en", "none"][n % 3].parse().ok(),
        evidence: (0..n % 4).map(sentence).collect(),
        coverage: Coverage {
            tokens: n,
            tokens_scored: n,
            windows: 1,
        },
    }
}

/// A row with these columns; every seventh failed, every fifth is a copy.
pub fn row(n: usize, fields: Fields) -> Row {
    let result = if n % 7 == 3 {
        Err(format!("in, row {n}: \"bad\",\nvery"))
    } else {
        Ok(scores(n))
    };
    let duplicate_of = (n % 5 == 1 && result.is_ok()).then(|| format!("first, {n}"));
    Row {
        fields,
        result,
        duplicate_of,
    }
}

/// Rows as a corpus of several sources has them. Those behind the first two are not in the layout.
pub fn mixed() -> (Layout, Vec<Row>) {
    let object = |value: Value| value.as_object().unwrap().clone();
    let fields = [
        json!({"id": "a", "text": "one, \"two\"\r\n\nthree", "n": 1, "x": 0.1, "b": true, "m": [1], "tone": "mine"}),
        json!({"id": "", "text": "ö", "n": null, "x": 3, "b": false, "m": {"k": "v"}, "model_id": "mine"}),
        json!({"new": {"deep": [null, 1.5]}, "text": "t", "id": 7, "n": 1.5, "other": "mine", "x": u64::MAX}),
        json!({"null": null, "x": 5e-324, "n": i64::MIN, "m": "text", "b": "yes"}),
        json!({}),
        json!({"x": 0.123_456_789_012_345_68, "n": 9_007_199_254_740_993_i64, "m": 1.797_693_134_862_315_7e308}),
    ];
    let rows: Vec<_> = (0..200)
        .map(|n| row(n, Fields::Named(object(fields[n % fields.len()].clone()))))
        .collect();
    (layout(&rows[..2]), rows)
}

/// Rows of a batch.
const ROWS: i64 = 60;

/// Cells of whole numbers from `first` on, every fifth null.
fn cells<A, T>(first: i64, get: impl Fn(i64) -> T) -> ArrayRef
where
    A: Array + FromIterator<Option<T>> + 'static,
{
    let cell = |k| (k % 5 != 0).then(|| get(first + k));
    Arc::new((0..ROWS).map(cell).collect::<A>())
}

fn typed_batch(first: i64) -> RecordBatch {
    let text = |v: i64| format!("text {v}");
    let odd = |v: i64, even: f64| if v % 2 == 0 { even } else { 0.1 };
    let when: TimestampMicrosecondArray = (first..first + ROWS).map(Some).collect();
    let money: Decimal128Array = (first..first + ROWS).map(|v| Some(i128::from(v))).collect();
    let fixed = (first..first + ROWS).map(i64::to_le_bytes);
    // Three batches together have more of these than keys.
    let keys: Vec<_> = (first..first + ROWS).map(text).collect();
    let keys: DictionaryArray<Int8Type> = keys.iter().map(String::as_str).collect();
    let nested = [
        ("a", cells::<Int64Array, _>(first, |v| v)),
        ("b", cells::<StringArray, _>(first, text)),
    ];
    let nested = StructArray::from(
        RecordBatch::try_from_iter_with_nullable(nested.map(|(n, a)| (n, a, true))).unwrap(),
    );
    let columns: [(&str, ArrayRef); 29] = [
        ("i8", cells::<Int8Array, _>(first, |v| v as i8)),
        ("i16", cells::<Int16Array, _>(first, |v| v as i16)),
        ("i32", cells::<Int32Array, _>(first, |v| v as i32)),
        ("i64", cells::<Int64Array, _>(first, |v| i64::MAX - v)),
        ("u8", cells::<UInt8Array, _>(first, |v| v as u8)),
        ("u16", cells::<UInt16Array, _>(first, |v| v as u16)),
        (
            "u32",
            cells::<UInt32Array, _>(first, |v| u32::MAX - v as u32),
        ),
        (
            "u64",
            cells::<UInt64Array, _>(first, |v| u64::MAX - v as u64),
        ),
        (
            "f16",
            cells::<Float16Array, _>(first, |v| f16::from_f32(v as f32 / 3.0)),
        ),
        (
            "f32",
            cells::<Float32Array, _>(first, |v| odd(v, f64::NAN) as f32),
        ),
        (
            "f64",
            cells::<Float64Array, _>(first, |v| odd(v, f64::NEG_INFINITY)),
        ),
        ("bool", cells::<BooleanArray, _>(first, |v| v % 2 == 0)),
        ("when", Arc::new(when.with_timezone("Europe/Kyiv"))),
        ("nanos", cells::<TimestampNanosecondArray, _>(first, |v| v)),
        ("date", cells::<Date32Array, _>(first, |v| v as i32)),
        ("time", cells::<Time64MicrosecondArray, _>(first, |v| v)),
        ("took", cells::<DurationMillisecondArray, _>(first, |v| v)),
        (
            "money",
            Arc::new(money.with_precision_and_scale(12, 2).unwrap()),
        ),
        ("text", cells::<StringArray, _>(first, text)),
        ("large", cells::<LargeStringArray, _>(first, text)),
        ("view", cells::<StringViewArray, _>(first, text)),
        ("bytes", cells::<BinaryArray, _>(first, i64::to_le_bytes)),
        (
            "fixed",
            Arc::new(FixedSizeBinaryArray::try_from_iter(fixed).unwrap()),
        ),
        (
            "word",
            cells::<DictionaryArray<Int32Type>, _>(first, |v| ["x", "y", "z"][v as usize % 3]),
        ),
        ("key", Arc::new(keys)),
        ("list", lists(first).0),
        ("words", lists(first).1),
        ("nested", Arc::new(nested)),
        ("nothing", Arc::new(NullArray::new(ROWS as usize))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true)))
        .unwrap()
}

/// Lists of numbers, some null or empty, and maps of words that are stored in a dictionary.
fn lists(first: i64) -> (ArrayRef, ArrayRef) {
    let mut numbers = ListBuilder::new(Int32Builder::new());
    let words = StringDictionaryBuilder::<Int8Type>::new();
    let mut maps = MapBuilder::new(None, StringBuilder::new(), words);
    for k in 0..ROWS {
        for v in 0..k % 3 {
            numbers.values().append_value(v as i32);
            maps.keys().append_value(format!("k{v}"));
            maps.values().append_value(format!("w{}", first + v));
        }
        numbers.append(k % 4 != 0);
        maps.append(k % 4 != 1).unwrap();
    }
    (Arc::new(numbers.finish()), Arc::new(maps.finish()))
}

/// Rows of three batches.
pub fn typed() -> (Layout, Vec<RecordBatch>, Vec<Row>) {
    let batches: Vec<_> = [0, 1000, 2000].map(typed_batch).into();
    let rows: Vec<_> = batches
        .iter()
        .flat_map(|batch| {
            let batch = Arc::new(batch.clone());
            (0..batch.num_rows()).map(move |n| Fields::InBatch(Arc::clone(&batch), n))
        })
        .enumerate()
        .map(|(n, fields)| row(n, fields))
        .collect();
    (layout(&rows), batches, rows)
}
