//! Labelled articles: the rows that training, `fit` and `eval` read.

use serde::{Deserialize, Serialize};

use serde_json::Value;

use crate::input::Article;
use crate::text::Sentence;
use crate::{Label, Result};

/// The labels of one row. A field that a row lacks is `None` (or empty): nothing is learned or measured from it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Labels {
    /// 0 not about relations between international actors, 1 side topic, 2 main topic.
    pub rel: Option<u8>,
    /// Tone of the main interaction, -2 (clearly confrontational) to 2 (clearly cooperative).
    pub tone: Option<f32>,
    /// The binary label: `+` cooperative, `-` confrontational.
    pub lean: Option<Lean>,
    /// The same label in words, as sets of sentences have it; `neutral` is no label.
    pub label: Option<String>,
    /// Labelled sentences as byte spans of the text.
    #[serde(default)]
    pub sentences: Vec<LabelledSentence>,
    /// What kind of row it is, for reports (`pair`, `trap`, …).
    pub kind: Option<String>,
    /// Rows of one group belong together: a minimal pair counts only when all its members are right.
    pub group: Option<String>,
}

/// The binary label as the labelled data writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lean {
    /// Cooperative.
    #[serde(rename = "+")]
    Plus,
    /// Confrontational.
    #[serde(rename = "-")]
    Minus,
}

/// A sentence with its own tone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LabelledSentence {
    /// First byte in the article.
    pub start: usize,
    /// One past the last byte in the article.
    pub end: usize,
    /// -2 … 2; 0 where the sentence has no diplomatic tone.
    pub tone: f32,
}

impl Labels {
    /// The labels among the columns of a row.
    ///
    /// # Errors
    /// [`Error::Row`](crate::Error::Row) where a column of labels holds something else.
    pub fn of(article: &Article) -> Result<Self> {
        let columns = Value::Object(article.fields.clone().into_json());
        let labels: Self =
            serde_json::from_value(columns).map_err(|e| article.error(format!("labels: {e}")))?;
        if let Some(bad) = labels
            .sentences
            .iter()
            .find(|s| s.start >= s.end || s.end > article.text.len())
        {
            let bytes = article.text.len();
            return Err(article.error(format!(
                "labels: sentence {}..{} is not within the {bytes} bytes of the text",
                bad.start, bad.end
            )));
        }
        Ok(labels)
    }

    /// The binary label of a row that is about international relations; `None` where the row has none.
    pub fn binary(&self) -> Option<Label> {
        if self.rel == Some(0) {
            return None;
        }
        match (self.lean, self.label.as_deref()) {
            (Some(Lean::Plus), _) | (None, Some("cooperative")) => Some(Label::Cooperative),
            (Some(Lean::Minus), _) | (None, Some("confrontational")) => {
                Some(Label::Confrontational)
            }
            _ => None,
        }
    }

    /// The tone of each of `sentences`: that of the labelled span which covers most of it, `None` where none does.
    ///
    /// Labelled spans come from another segmentation, hence overlap and not equality.
    pub fn sentence_tones(&self, sentences: &[Sentence]) -> Vec<Option<f32>> {
        sentences
            .iter()
            .map(|sentence| {
                self.sentences
                    .iter()
                    .map(|l| {
                        (
                            l.end
                                .min(sentence.end)
                                .saturating_sub(l.start.max(sentence.start)),
                            l.tone,
                        )
                    })
                    .filter(|(overlap, _)| *overlap > 0)
                    .max_by(|a, b| a.0.cmp(&b.0))
                    .map(|(_, tone)| tone)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(start: usize, end: usize) -> Sentence {
        Sentence {
            start,
            end,
            text: String::new(),
        }
    }

    #[test]
    fn a_sentence_takes_the_tone_that_covers_most_of_it() {
        let labels = Labels {
            sentences: vec![
                LabelledSentence {
                    start: 0,
                    end: 10,
                    tone: 1.0,
                },
                LabelledSentence {
                    start: 10,
                    end: 40,
                    tone: -2.0,
                },
            ],
            ..Labels::default()
        };
        let tones = labels.sentence_tones(&[sentence(0, 9), sentence(8, 30), sentence(50, 60)]);
        assert_eq!(tones, [Some(1.0), Some(-2.0), None]);
    }

    #[test]
    fn rows_without_relations_have_no_binary_label() {
        let row: Labels = serde_json::from_str(r#"{"rel":0,"lean":"+"}"#).unwrap();
        assert_eq!(row.binary(), None);
        let row: Labels = serde_json::from_str(r#"{"rel":2,"lean":"-"}"#).unwrap();
        assert_eq!(row.binary(), Some(Label::Confrontational));
        let row: Labels = serde_json::from_str(r#"{"label":"cooperative"}"#).unwrap();
        assert_eq!(row.binary(), Some(Label::Cooperative));
    }
}
