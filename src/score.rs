//! From texts to verdicts.

use ndarray::Array2;
use rayon::prelude::*;

use crate::calibration::{Calibration, sigmoid};
use crate::head::Head;
use crate::model::Model;
use crate::text::Lang;
use crate::verdict::{Abstain, Coverage, Evidence, Label, Verdict};
use crate::windows::Windowed;
use crate::{Error, Result};

/// How to score, apart from the model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Error rate at which a label counts as plausible, 0 to 1: the true label is among the plausible ones with
    /// probability 1 - `alpha`, and `uncertain` is said unless exactly one is.
    pub alpha: f32,
    /// Tokens of one pass of the encoder. More is faster up to a point and takes more memory; results do not depend on it.
    pub batch_tokens: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            alpha: 0.1,
            batch_tokens: 4096,
        }
    }
}

/// Scores articles with one model; share it between threads by reference.
pub struct Scorer {
    model: Model,
    options: Options,
}

/// A text to score, with its language where that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'a> {
    /// The article.
    pub text: &'a str,
    /// Its language; identified where `None`.
    pub lang: Option<Lang>,
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self { text, lang: None }
    }
}

impl Scorer {
    /// Scores with `model`.
    ///
    /// # Errors
    /// [`Error::Argument`] for a model whose head has learned nothing, or an `alpha` outside 0 to 1.
    pub fn new(model: Model, options: Options) -> Result<Self> {
        if !model.is_trained() {
            let id = &model.manifest().id;
            return Err(Error::Argument(format!(
                "{id} is a plain encoder without a head; train one with `detente fit`"
            )));
        }
        if !(0.0..=1.0).contains(&options.alpha) {
            return Err(Error::Argument(format!(
                "alpha is {}; it is a rate between 0 and 1",
                options.alpha
            )));
        }
        Ok(Self { model, options })
    }

    /// The default model on the CPU.
    ///
    /// # Errors
    /// None that a sound build gives.
    #[cfg(feature = "embedded")]
    pub fn embedded() -> Result<Self> {
        Self::new(Model::embedded(&Default::default())?, Options::default())
    }

    /// The model that scores.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Scores one article.
    ///
    /// # Errors
    /// [`Error::EmptyArticle`] when nothing is left of the text after cleaning; [`Error::Inference`] where the device
    /// fails.
    pub fn score<'a>(&self, text: impl Into<Text<'a>>) -> Result<Verdict> {
        let mut verdicts = self.score_batch(&[text.into()]);
        verdicts.pop().unwrap_or(Err(Error::EmptyArticle))
    }

    /// Scores articles together, which is faster than one by one and gives the same verdicts. One result for each text,
    /// in order; an article that cannot be scored does not disturb the others.
    pub fn score_batch(&self, texts: &[Text<'_>]) -> Vec<Result<Verdict>> {
        self.judge(texts.par_iter().map(|text| self.prepare(text)).collect())
    }

    /// The work on the text alone: cleaned, in sentences, in windows of tokens.
    pub(crate) fn prepare(&self, text: &Text<'_>) -> Result<Windowed> {
        let windowed = self.model.windows(text.text, text.lang)?;
        if windowed.windows.is_empty() {
            return Err(Error::EmptyArticle);
        }
        Ok(windowed)
    }

    /// The verdicts on prepared articles, in order.
    pub(crate) fn judge(&self, articles: Vec<Result<Windowed>>) -> Vec<Result<Verdict>> {
        let Self { model, options } = self;
        let mut means = self.means(&articles.iter().flatten().collect::<Vec<_>>());
        let mut means = means.drain(..);
        articles
            .into_iter()
            .map(|article| {
                let article = article?;
                let means = means.next().unwrap_or(Err(Error::EmptyArticle))?;
                let calibration = &model.manifest().calibration;
                let alpha = options.alpha;
                Ok(verdict(&article, &means, model.head(), calibration, alpha))
            })
            .collect()
    }

    fn means(&self, articles: &[&Windowed]) -> Vec<Result<Array2<f32>>> {
        match self
            .model
            .sentence_means(articles, self.options.batch_tokens)
        {
            Ok(means) => means.into_iter().map(Ok).collect(),
            // A pass holds windows of several articles; one by one, only those whose own pass fails are lost.
            Err(_) if articles.len() > 1 => {
                articles.iter().flat_map(|a| self.means(&[a])).collect()
            }
            Err(error) => vec![Err(error)],
        }
    }
}

/// The verdict of `head` and `calibration` on an article with the mean token states of its sentences.
pub(crate) fn verdict(
    article: &Windowed,
    means: &Array2<f32>,
    head: &Head,
    calibration: &Calibration,
    alpha: f32,
) -> Verdict {
    let out = head.score(means);
    let scale = head.scale / calibration.temperature;
    let sentences: Vec<_> = article
        .sentences
        .iter()
        .zip(out.tones.iter().zip(&out.weights))
        .map(|(sentence, (&tone, &weight))| Evidence {
            start: sentence.start,
            end: sentence.end,
            tone,
            weight,
            contribution: scale * weight * tone,
        })
        .collect();
    let logit = out.logit / calibration.temperature;
    let p_cooperative = sigmoid(logit);
    let relevance = sigmoid(out.relevance_logit);
    let abstain = if relevance < calibration.relevance_threshold {
        Some(Abstain::NotDiplomatic)
    } else if !calibration.is_certain(logit, alpha) {
        Some(Abstain::Uncertain)
    } else {
        None
    };
    Verdict {
        label: if logit >= 0.0 {
            Label::Cooperative
        } else {
            Label::Confrontational
        },
        tone: out.tone,
        p_cooperative,
        relevance,
        abstain,
        lang: article.lang,
        sentences,
        logit,
        bias: head.bias / calibration.temperature,
        coverage: Coverage {
            tokens: article.tokens,
            tokens_scored: article.tokens_in_windows(),
            windows: article.windows.len(),
        },
    }
}
