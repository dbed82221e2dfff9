//! The door for other programs: an Arrow batch in, the same rows with their verdicts out.
//!
//! Spark, Ray, Polars, DuckDB and others hand tables on as Arrow batches, without a copy of each value. [`score_batch`]
//! takes one and gives one back, row for row, so that it fits their map over batches. The columns of the verdict are
//! those of the Parquet output: `evidence` is a list of structs, `coverage` and `model` are structs.
//!
//! ```
//! # #[cfg(feature = "embedded")] {
//! use std::sync::Arc;
//!
//! use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
//! use detente::{Scorer, columnar, input::Columns};
//!
//! let scorer = Scorer::embedded()?;
//! let texts = [Some("Chile and Peru signed a treaty. Both presidents praised the talks."), None];
//! let batch = RecordBatch::try_from_iter([
//!     ("key", Arc::new(Int64Array::from(vec![7, 8])) as ArrayRef),
//!     ("text", Arc::new(StringArray::from_iter(texts))),
//! ])?;
//! let scored = columnar::score_batch(&scorer, &batch, &Columns::default(), 3)?;
//! assert_eq!(scored["key"].len(), 2);
//! assert_eq!(scored["label"].as_string::<i32>().value(0), "cooperative");
//! assert_eq!(scored["error"].as_string::<i32>().value(1), "column `text` is null");
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch, StringViewArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};

use crate::fields::Fields;
use crate::input::{self, Columns};
use crate::output::verdicts::{self, Form};
use crate::row::{Row, Scores, is_ours};
use crate::text::Lang;
use crate::{Error, Result, Scorer, Text};

/// Rows that are scored together; their words and windows are in memory at once.
const ROWS_AT_ONCE: usize = 512;

/// Scores the texts of a batch: its columns, those of our names left out, then [`crate::row::COLUMNS`], one row for
/// each row, in order. `columns` says which hold what; `evidence` is the number of sentences that a verdict is given
/// with.
///
/// The columns of text, title and language hold texts of any Arrow type: plain, large, views, dictionaries. A title is
/// put before the text as input files have it, and offsets of evidence in it have `in_title`. A row that cannot be
/// scored, as one with a null or an empty text, has an `error` and nulls.
///
/// # Errors
/// [`Error::Argument`], naming the columns that there are, for a batch without a text column or with one of another
/// type.
pub fn score_batch(
    scorer: &Scorer,
    batch: &RecordBatch,
    columns: &Columns,
    evidence: usize,
) -> Result<RecordBatch> {
    let (name, texts) = find(batch, &columns.text).ok_or_else(|| no_text(batch, &columns.text))?;
    let texts = texts.ok_or_else(|| {
        let there = describe(batch);
        Error::Argument(format!(
            "column `{name}` does not hold texts; the columns are {there}"
        ))
    })?;
    // As in files, what is not a text is no title and no language.
    let titles = find(batch, &columns.title).and_then(|(_, titles)| titles);
    let langs = find(batch, &columns.lang).and_then(|(_, langs)| langs);
    let (titles, langs) = (titles.as_ref(), langs.as_ref());
    let mut rows = Vec::with_capacity(batch.num_rows());
    for start in (0..batch.num_rows()).step_by(ROWS_AT_ONCE) {
        let end = batch.num_rows().min(start + ROWS_AT_ONCE);
        let article = |row| {
            let text = cell(&texts, row).ok_or_else(|| format!("column `{name}` is null"))?;
            if text.trim().is_empty() {
                return Err("the text is empty".to_owned());
            }
            let title = titles.and_then(|titles| cell(titles, row));
            let lang = langs.and_then(|langs| cell(langs, row));
            Ok(Article::new(text, title, lang))
        };
        let articles: Vec<Result<_, String>> = (start..end).map(article).collect();
        let ready: Vec<_> = articles.iter().flatten().map(Article::as_text).collect();
        let mut verdicts = scorer.score_batch(&ready).into_iter();
        rows.extend(articles.into_iter().map(|article| Row {
            fields: Fields::default(),
            result: article.and_then(|article| {
                let verdict = verdicts.next().unwrap_or(Err(Error::EmptyArticle));
                let verdict = verdict.map_err(|error| error.in_one_line())?;
                Ok(Scores::new(&verdict, evidence, article.headline))
            }),
            duplicate_of: None,
        }));
    }
    let schema = batch.schema_ref();
    let input = schema
        .fields()
        .iter()
        .cloned()
        .zip(batch.columns().iter().cloned());
    let input = input.filter(|(field, _)| !is_ours(field.name()));
    let ours = verdicts::columns(Form::Nested, &rows, &scorer.model().provenance());
    let (fields, arrays): (Vec<_>, Vec<_>) = input.chain(ours).unzip();
    let schema = Schema::new_with_metadata(fields, schema.metadata().clone());
    RecordBatch::try_new(Arc::new(schema), arrays).map_err(|e| Error::Argument(e.to_string()))
}

/// A text with its title before it.
struct Article<'a> {
    text: Cow<'a, str>,
    /// Bytes of `text` before the text column begins.
    headline: usize,
    lang: Option<Lang>,
}

impl<'a> Article<'a> {
    fn new(text: &'a str, title: Option<&str>, lang: Option<&str>) -> Self {
        let lang = lang.and_then(|lang| lang.parse().ok());
        let (text, headline) = input::with_headline(text, title);
        Self {
            text,
            headline,
            lang,
        }
    }

    fn as_text(&self) -> Text<'_> {
        Text {
            text: &self.text,
            lang: self.lang,
        }
    }
}

/// The first of these columns that the batch has, by its name; its texts, where it holds texts.
fn find<'a>(
    batch: &RecordBatch,
    names: &'a [String],
) -> Option<(&'a str, Option<StringViewArray>)> {
    let (name, column) = names
        .iter()
        .find_map(|name| Some((name, batch.column_by_name(name)?)))?;
    let values = match column.data_type() {
        DataType::Dictionary(_, values) => values,
        other => other,
    };
    let texts = match values {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            cast(column, &DataType::Utf8View).ok()
        }
        _ => None,
    };
    Some((
        name,
        texts.and_then(|texts| texts.as_string_view_opt().cloned()),
    ))
}

fn cell(texts: &StringViewArray, row: usize) -> Option<&str> {
    texts.is_valid(row).then(|| texts.value(row))
}

fn no_text(batch: &RecordBatch, names: &[String]) -> Error {
    let names = names.join("` or `");
    Error::Argument(format!(
        "no column `{names}`; the columns are {}",
        describe(batch)
    ))
}

/// The columns of a batch with their types.
fn describe(batch: &RecordBatch) -> String {
    let column = |field: &Arc<Field>| format!("{} ({})", field.name(), field.data_type());
    let columns: Vec<_> = batch.schema_ref().fields().iter().map(column).collect();
    if columns.is_empty() {
        "none".to_owned()
    } else {
        columns.join(", ")
    }
}

#[cfg(all(test, feature = "embedded"))]
mod tests {
    use arrow::array::{ArrayRef, DictionaryArray, Int32Array, LargeStringArray, StringArray};
    use arrow::datatypes::{Int8Type, UInt64Type};

    use super::*;

    const TEXT: &str = "Chile and Peru signed a treaty. Both presidents praised the talks.";

    fn batch<const N: usize>(columns: [(&str, ArrayRef); N]) -> RecordBatch {
        RecordBatch::try_from_iter(columns).unwrap()
    }

    fn scored(batch: &RecordBatch) -> Result<RecordBatch> {
        score_batch(&Scorer::embedded()?, batch, &Columns::default(), 2)
    }

    #[test]
    fn a_row_comes_back_for_each_row_with_its_columns_and_the_verdict_of_the_scorer() {
        let texts = LargeStringArray::from(vec![Some(TEXT), None, Some(" "), Some(TEXT)]);
        let titles = DictionaryArray::<Int8Type>::from_iter([
            None,
            None,
            None,
            Some("A headline that praises"),
        ]);
        let rows = batch([
            ("n", Arc::new(Int32Array::from(vec![4, 3, 2, 1]))),
            ("tone", Arc::new(Int32Array::from(vec![9, 9, 9, 9]))),
            ("text", Arc::new(texts)),
            ("title", Arc::new(titles)),
        ]);
        let out = scored(&rows).unwrap();
        let names: Vec<_> = out
            .schema_ref()
            .fields()
            .iter()
            .map(|f| f.name().as_str())
            .collect();
        assert_eq!(names[..3], ["n", "text", "title"]);
        assert_eq!(names[3..], crate::row::COLUMNS);
        assert_eq!(out.column(0), rows.column(0));
        let verdict = Scorer::embedded().unwrap().score(TEXT).unwrap();
        let scores = Scores::new(&verdict, 2, 0);
        assert_eq!(
            out["tone"]
                .as_primitive::<arrow::datatypes::Float64Type>()
                .value(0),
            scores.tone
        );
        let errors: Vec<_> = out["error"].as_string::<i32>().iter().collect();
        assert_eq!(errors[..2], [None, Some("column `text` is null")]);
        assert!(errors[2].is_some_and(|e| e.contains("empty")), "{errors:?}");
        assert_eq!(errors[3], None);
        assert!(out["tone"].is_null(1) && out["evidence"].is_null(1) && out["coverage"].is_null(2));
        let sentences = out["evidence"].as_list::<i32>().value(3);
        let sentences = sentences.as_struct();
        for at in 0..sentences.len() {
            let end = sentences["end"].as_primitive::<UInt64Type>().value(at) as usize;
            let in_title = sentences["in_title"].as_boolean().value(at);
            assert!(
                end <= if in_title {
                    "A headline that praises".len()
                } else {
                    TEXT.len()
                }
            );
        }
    }

    #[test]
    fn a_batch_without_texts_is_refused_by_the_names_of_its_columns() {
        let numbers = || -> ArrayRef { Arc::new(Int32Array::from(vec![1])) };
        let body: ArrayRef = Arc::new(StringArray::from(vec![TEXT]));
        let missing = scored(&batch([("body", body), ("n", numbers())])).unwrap_err();
        assert_eq!(
            missing.to_string(),
            "no column `text`; the columns are body (Utf8), n (Int32)"
        );
        let numbers = scored(&batch([("text", numbers())])).unwrap_err();
        assert_eq!(
            numbers.to_string(),
            "column `text` does not hold texts; the columns are text (Int32)"
        );
    }

    #[test]
    fn an_empty_batch_has_the_columns_and_no_rows() {
        let out = scored(&batch([(
            "text",
            Arc::new(StringArray::from(Vec::<&str>::new())),
        )]))
        .unwrap();
        assert_eq!(
            (out.num_rows(), out.num_columns()),
            (0, 1 + crate::row::COLUMNS.len())
        );
    }
}
