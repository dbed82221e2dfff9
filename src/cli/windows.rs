//! `detente windows`: articles as the encoder sees them, for training programs outside of this crate.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use detente::input;
use detente::labels::Labels;
use detente::model::{Manifest, open_tokenizer};
use detente::text::Lang;
use detente::windows::{Window, Windowed};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Outcome, reading, report};

/// Write labelled articles as windows of token ids, one JSON object a line
///
/// Each row keeps its columns but the text; `lang`, `sentences` (byte offsets, and the tone where a labelled sentence
/// covers it) and `windows` (`ids`, and `spans` as [sentence, first token, one past the last]) are those that scoring
/// uses.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// JSON Lines with a column `text`
    file: PathBuf,
    /// Model folder, or a plain encoder's, whose tokenizer and window size are used
    #[arg(long)]
    model: PathBuf,
}

#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    columns: Map<String, Value>,
    lang: Option<Lang>,
    sentences: Vec<Sentence>,
    windows: Vec<Window>,
}

#[derive(Serialize)]
struct Sentence {
    start: usize,
    end: usize,
    tone: Option<f32>,
}

pub fn run(args: Args) -> Result<Outcome> {
    let tokenizer = open_tokenizer(&args.model)?;
    let window = Manifest::open(&args.model)?.window;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut failed = 0;
    for article in input::open(&args.file, &reading::labelled())? {
        let row = article.map_err(detente::Error::from).and_then(|article| {
            let labels = Labels::of(&article)?;
            let windowed = Windowed::new(&article.text, article.lang, &tokenizer, window)?;
            Ok(row(article.fields.into_json(), &labels, windowed))
        });
        match row {
            Ok(row) => {
                serde_json::to_writer(&mut out, &row)?;
                out.write_all(b"\n")?;
            }
            Err(error) => {
                failed += 1;
                report::failure(&error);
            }
        }
    }
    out.flush()?;
    Ok(Outcome::of(failed))
}

fn row(mut columns: Map<String, Value>, labels: &Labels, windowed: Windowed) -> Row {
    for ours in ["text", "lang", "sentences", "windows"] {
        columns.shift_remove(ours);
    }
    let tones = labels.sentence_tones(&windowed.sentences);
    let sentences = windowed.sentences.iter().zip(tones);
    Row {
        columns,
        lang: windowed.lang,
        sentences: sentences
            .map(|(s, tone)| Sentence {
                start: s.start,
                end: s.end,
                tone,
            })
            .collect(),
        windows: windowed.windows,
    }
}
