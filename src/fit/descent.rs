//! The head as candle's variables, and their way down the loss over articles whose sentence vectors are known.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Device, Layout, Shape, Tensor, Var};
use candle_nn::{AdamW, Optimizer, ParamsAdamW};
use ndarray::{Array2, ArrayView2, Axis, concatenate};

use super::{Example, FitOptions};
use crate::head::{Head, normalise, position_feature};
use crate::labels::Labels;
use crate::{Label, Result};

/// Weights of the losses beside that of the label, as in the training of the encoder.
const TONE_WEIGHT: f64 = 0.5;
pub(super) const RELEVANCE_WEIGHT: f64 = 0.3;
const SENTENCE_WEIGHT: f64 = 0.5;

/// The head as variables; a scalar is a tensor of one value.
struct Variables {
    /// `[hidden, 3]`: what of a sentence vector makes tone, attention and relevance.
    directions: Var,
    tone_bias: Var,
    place: Var,
    log_scale: Var,
    bias: Var,
    relevance_bias: Var,
}

/// Articles as tensors; labels that are absent have weight 0.
pub(super) struct Batch {
    /// The sentences of all articles, `[sentences, hidden]`.
    vectors: Arc<Array2<f32>>,
    /// Which sentence stands at each place of an `[articles, longest]` grid; `sentences` where none does.
    grid: Tensor,
    /// `[articles · longest, 2]`: position feature, and being the headline.
    place: Tensor,
    /// `[articles, longest]`: 0 for a sentence, a large negative number for padding.
    padding: Tensor,
    lean: Target,
    tone: Target,
    relevant: Target,
    sentence_tone: Target,
}

/// `vectors · x`. The vectors are constants: candle would compute a gradient of their size in every step and drop it.
struct Project(Arc<Array2<f32>>);

impl Project {
    fn view<'a>(
        storage: &'a CpuStorage,
        layout: &Layout,
    ) -> candle_core::Result<ArrayView2<'a, f32>> {
        let (start, end) = layout
            .contiguous_offsets()
            .ok_or_else(|| candle_core::Error::msg("Project takes contiguous tensors"))?;
        let values = &storage.as_slice::<f32>()?[start..end];
        ArrayView2::from_shape(layout.shape().dims2()?, values).map_err(candle_core::Error::wrap)
    }
}

impl CustomOp1 for Project {
    fn name(&self) -> &'static str {
        "project"
    }

    fn cpu_fwd(
        &self,
        storage: &CpuStorage,
        layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let out = self.0.dot(&Self::view(storage, layout)?);
        let shape = Shape::from(out.dim());
        Ok((CpuStorage::F32(out.into_iter().collect()), shape))
    }

    fn bwd(
        &self,
        _arg: &Tensor,
        _result: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<Option<Tensor>> {
        let shape = gradient.dims2()?;
        let values = gradient.flatten_all()?.to_vec1::<f32>()?;
        let gradient = Array2::from_shape_vec(shape, values).map_err(candle_core::Error::wrap)?;
        let out = self.0.t().dot(&gradient);
        let shape = out.dim();
        // Products of transposed arrays come in either memory order.
        let values = out.as_standard_layout().iter().copied().collect();
        Tensor::from_vec(values, shape, &Device::Cpu).map(Some)
    }
}

/// Values to reach and how much each counts, of one shape.
struct Target {
    value: Tensor,
    weight: Tensor,
}

impl Target {
    fn new(
        values: Vec<Option<f32>>,
        shape: impl Into<candle_core::Shape> + Clone,
    ) -> candle_core::Result<Self> {
        let known = values.iter().flatten().count().max(1) as f32;
        let weight = values
            .iter()
            .map(|v| if v.is_some() { 1.0 / known } else { 0.0 })
            .collect::<Vec<_>>();
        let value = values
            .into_iter()
            .map(Option::unwrap_or_default)
            .collect::<Vec<_>>();
        Ok(Self {
            value: Tensor::from_vec(value, shape.clone(), &Device::Cpu)?,
            weight: Tensor::from_vec(weight, shape, &Device::Cpu)?,
        })
    }

    fn squared_error(&self, predicted: &Tensor) -> candle_core::Result<Tensor> {
        ((predicted - &self.value)?.sqr()? * &self.weight)?.sum_all()
    }

    /// Cross-entropy of logits: max(x, 0) - x·y + ln(1 + e^-|x|).
    fn cross_entropy(&self, logits: &Tensor) -> candle_core::Result<Tensor> {
        let log = (logits.abs()?.neg()?.exp()? + 1.0)?.log()?;
        let loss = ((logits.relu()? - (logits * &self.value)?)? + log)?;
        (loss * &self.weight)?.sum_all()
    }
}

impl Batch {
    pub(super) fn new(examples: &[Example], chosen: &[usize]) -> candle_core::Result<Self> {
        let articles = chosen.len();
        let sentences_of = |&i: &usize| examples[i].means.nrows();
        let longest = chosen.iter().map(sentences_of).max().unwrap_or(0);
        let sentences = chosen.iter().map(sentences_of).sum::<usize>();
        let places = articles * longest;
        let mut grid = vec![sentences as u32; places];
        let mut place = vec![0f32; places * 2];
        let mut padding = vec![-1e9f32; places];
        let mut sentence_tone = vec![None; places];
        let mut vectors = Vec::with_capacity(articles);
        let mut next = 0;
        for (article, &i) in chosen.iter().enumerate() {
            let Example {
                article: text,
                means,
                labels,
            } = &examples[i];
            vectors.push(normalise(means));
            for (index, tone) in labels
                .sentence_tones(&text.sentences)
                .into_iter()
                .enumerate()
            {
                let at = article * longest + index;
                grid[at] = next;
                next += 1;
                place[at * 2] = position_feature(index);
                place[at * 2 + 1] = f32::from(u8::from(index == 0));
                padding[at] = 0.0;
                sentence_tone[at] = tone.map(|t| t / 2.0);
            }
        }
        let views: Vec<_> = vectors.iter().map(|v| v.view()).collect();
        let vectors = concatenate(Axis(0), &views).map_err(candle_core::Error::wrap)?;
        let labels = |value: fn(&Labels) -> Option<f32>| {
            chosen.iter().map(|&i| value(&examples[i].labels)).collect()
        };
        let lean = labels(|l| {
            l.binary()
                .map(|b| f32::from(u8::from(b == Label::Cooperative)))
        });
        let tone = labels(|l| l.tone.filter(|_| l.rel != Some(0)).map(|t| t / 2.0));
        let relevant = labels(|l| l.rel.map(|r| f32::from(u8::from(r > 0))));
        Ok(Self {
            vectors: Arc::new(vectors),
            grid: Tensor::from_vec(grid, places, &Device::Cpu)?,
            place: Tensor::from_vec(place, (places, 2), &Device::Cpu)?,
            padding: Tensor::from_vec(padding, (articles, longest), &Device::Cpu)?,
            lean: Target::new(lean, articles)?,
            tone: Target::new(tone, articles)?,
            relevant: Target::new(relevant, articles)?,
            sentence_tone: Target::new(sentence_tone, (articles, longest))?,
        })
    }
}

/// Fits the head on a batch; a penalty of infinity gives `start` back.
pub(super) fn train(
    start: &Head,
    batch: &Batch,
    penalty: f32,
    options: &FitOptions,
) -> Result<Head> {
    if penalty.is_infinite() {
        return Ok(start.clone());
    }
    let variables = Variables::new(start)?;
    let origin = variables.directions.as_tensor().copy()?;
    let parameters = ParamsAdamW {
        lr: options.learning_rate,
        weight_decay: 0.0,
        ..ParamsAdamW::default()
    };
    let mut optimiser = AdamW::new(variables.all(), parameters)?;
    for step in 0..options.steps {
        optimiser
            .set_learning_rate(options.learning_rate * (1.0 - step as f64 / options.steps as f64));
        let distance = (variables.directions.as_tensor() - &origin)?
            .sqr()?
            .sum_all()?;
        let loss = (variables.loss(batch)? + (distance * f64::from(penalty))?)?;
        optimiser.backward_step(&loss)?;
    }
    variables.head()
}

impl Variables {
    fn new(head: &Head) -> candle_core::Result<Self> {
        let var = |values: Vec<f32>| Var::from_vec(values.clone(), (values.len(), 1), &Device::Cpu);
        let directions = [&head.tone, &head.attention, &head.relevance].map(|d| d.view());
        let directions = ndarray::stack(Axis(1), &directions).map_err(candle_core::Error::wrap)?;
        Ok(Self {
            directions: Var::from_vec(
                directions.iter().copied().collect(),
                directions.dim(),
                &Device::Cpu,
            )?,
            tone_bias: var(vec![head.tone_bias])?,
            place: var(vec![head.position, head.first])?,
            log_scale: var(vec![head.scale.ln()])?,
            bias: var(vec![head.bias])?,
            relevance_bias: var(vec![head.relevance_bias])?,
        })
    }

    fn all(&self) -> Vec<Var> {
        [
            &self.directions,
            &self.tone_bias,
            &self.place,
            &self.log_scale,
            &self.bias,
            &self.relevance_bias,
        ]
        .into_iter()
        .cloned()
        .collect()
    }

    /// The head of [`crate::head`] in operations that have gradients, and its losses.
    fn loss(&self, batch: &Batch) -> candle_core::Result<Tensor> {
        let shape = batch.padding.dims2()?;
        let projected = self
            .directions
            .apply_op1(Project(Arc::clone(&batch.vectors)))?
            .pad_with_zeros(0, 0, 1)?
            .index_select(&batch.grid, 0)?;
        let direction = |i| projected.narrow(1, i, 1)?.reshape(shape);
        let tones = direction(0)?.broadcast_add(&self.tone_bias)?.tanh()?;
        let energy = (direction(1)? + batch.place.matmul(&self.place)?.reshape(shape)?)?;
        let energy = (energy + &batch.padding)?;
        let top = energy.max_keepdim(1)?.detach();
        let exp = energy.broadcast_sub(&top)?.exp()?;
        let weights = exp.broadcast_div(&exp.sum_keepdim(1)?)?;
        let tone = (&weights * &tones)?.sum(1)?;
        let scale = self.log_scale.exp()?.reshape(1)?;
        let logit = tone
            .broadcast_mul(&scale)?
            .broadcast_add(&self.bias.reshape(1)?)?;
        // r · Σ aᵢ vᵢ = Σ aᵢ (r · vᵢ)
        let relevance = (&weights * direction(2)?)?
            .sum(1)?
            .broadcast_add(&self.relevance_bias.reshape(1)?)?;
        let loss = batch.lean.cross_entropy(&logit)?;
        let loss = (loss + (batch.tone.squared_error(&tone)? * TONE_WEIGHT)?)?;
        let loss = (loss + (batch.relevant.cross_entropy(&relevance)? * RELEVANCE_WEIGHT)?)?;
        loss + (batch.sentence_tone.squared_error(&tones)? * SENTENCE_WEIGHT)?
    }

    fn head(&self) -> Result<Head> {
        let values = |var: &Tensor| var.flatten_all()?.to_vec1::<f32>();
        let scalar = |var: &Var| var.flatten_all()?.get(0)?.to_scalar::<f32>();
        let direction = |i| values(&self.directions.narrow(1, i, 1)?).map(Into::into);
        let place = values(&self.place)?;
        Ok(Head {
            tone: direction(0)?,
            tone_bias: scalar(&self.tone_bias)?,
            attention: direction(1)?,
            position: place[0],
            first: place[1],
            scale: scalar(&self.log_scale)?.exp(),
            bias: scalar(&self.bias)?,
            relevance: direction(2)?,
            relevance_bias: scalar(&self.relevance_bias)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_projection_has_the_gradient_of_a_product() {
        let vectors = Array2::from_shape_fn((7, 5), |(i, j)| (i as f32 - 2.0 * j as f32).sin());
        let constant = Tensor::from_iter(vectors.iter().copied(), &Device::Cpu)
            .and_then(|t| t.reshape((7, 5)));
        let start = Tensor::arange(0f32, 15.0, &Device::Cpu).and_then(|t| t.reshape((5, 3)));
        let x = Var::from_tensor(&start.unwrap()).unwrap();
        let values = |t: Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let gradient = |product: Tensor| {
            let loss = product.sqr().unwrap().sum_all().unwrap();
            values(loss.backward().unwrap().remove(&x).unwrap())
        };
        let ours = x.apply_op1(Project(Arc::new(vectors))).unwrap();
        let theirs = constant.unwrap().matmul(&x).unwrap();
        for (a, b) in values(ours.clone()).iter().zip(values(theirs.clone())) {
            assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
        for (a, b) in gradient(ours).iter().zip(gradient(theirs)) {
            assert!((a - b).abs() < 1e-3 * b.abs().max(1.0), "{a} {b}");
        }
    }
}
