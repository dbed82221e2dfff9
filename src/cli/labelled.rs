//! Labelled articles with their sentence vectors, as `eval` and `fit` need them.

use std::path::Path;

use anyhow::Result;
use detente::fit::Example;
use detente::input::{self, Article};
use detente::labels::Labels;
use detente::windows::Windowed;
use detente::{Error, Model, Options};
use indicatif::ProgressBar;
use serde_json::Value;

use super::{reading, report};

/// What could be read of a file.
pub struct Labelled {
    /// The articles that can be judged.
    pub examples: Vec<Example>,
    /// Rows that could not be read, each reported.
    pub failed: u64,
}

/// Articles encoded together.
const CHUNK: usize = 32;

/// Reads the rows, or those alone whose column holds the value of `condition`.
pub fn read(model: &Model, path: &Path, condition: Option<&(String, String)>) -> Result<Labelled> {
    let progress = ProgressBar::new_spinner();
    let mut labelled = Labelled {
        examples: Vec::new(),
        failed: 0,
    };
    let mut chunk = Vec::with_capacity(CHUNK);
    for article in input::open(path, &reading::labelled())? {
        let row = article.map_err(Error::from).and_then(|article| {
            if condition.is_some_and(|c| !holds(&article, c)) {
                return Ok(None);
            }
            let windowed = model.windows(&article.text, article.lang)?;
            if windowed.windows.is_empty() {
                return Err(article.error(Error::EmptyArticle.to_string()));
            }
            Ok(Some((windowed, Labels::of(&article)?)))
        });
        progress.inc(1);
        match row {
            Ok(None) => {}
            Ok(Some(row)) => chunk.push(row),
            Err(error) => {
                labelled.failed += 1;
                report::failure(&error);
            }
        }
        if chunk.len() == CHUNK {
            encode(model, std::mem::take(&mut chunk), &mut labelled.examples)?;
        }
    }
    encode(model, chunk, &mut labelled.examples)?;
    progress.finish_and_clear();
    Ok(labelled)
}

fn encode(model: &Model, rows: Vec<(Windowed, Labels)>, examples: &mut Vec<Example>) -> Result<()> {
    let articles: Vec<_> = rows.iter().map(|(article, _)| article).collect();
    let means = model.sentence_means(&articles, Options::default().batch_tokens)?;
    examples.extend(
        rows.into_iter()
            .zip(means)
            .map(|((article, labels), means)| Example {
                article,
                means,
                labels,
            }),
    );
    Ok(())
}

fn holds(article: &Article, (column, value): &(String, String)) -> bool {
    match article.fields.get(column) {
        Some(Value::String(text)) => text == *value,
        Some(other) => serde_json::from_str(value).is_ok_and(|value: Value| other == value),
        None => false,
    }
}

/// Parses `COLUMN=VALUE`.
pub fn condition(text: &str) -> Result<(String, String), String> {
    let (column, value) = text.split_once('=').ok_or("expected COLUMN=VALUE")?;
    Ok((column.to_owned(), value.to_owned()))
}
