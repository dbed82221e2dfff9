//! What a program that uses the crate relies on.

#![cfg(feature = "embedded")]

use std::path::Path;
use std::sync::OnceLock;

use detente::{Error, Label, Options, Scorer, Text, Verdict};

fn scorer() -> &'static Scorer {
    static SCORER: OnceLock<Scorer> = OnceLock::new();
    SCORER.get_or_init(|| Scorer::embedded().expect("the default model opens"))
}

fn samples() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/samples");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "txt"));
    paths.sort();
    paths
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect()
}

fn texts(articles: &[String]) -> Vec<Text<'_>> {
    articles.iter().map(|a| a.as_str().into()).collect()
}

fn score(scorer: &Scorer, articles: &[String]) -> Vec<Verdict> {
    scorer
        .score_batch(&texts(articles))
        .into_iter()
        .map(Result::unwrap)
        .collect()
}

/// A corpus is scored in batches of whatever comes together; that must not show in the results.
#[test]
fn batch_equals_single_and_order_does_not_matter() {
    let articles = samples();
    let together = score(scorer(), &articles);
    for (article, verdict) in articles.iter().zip(&together) {
        assert_eq!(&scorer().score(article.as_str()).unwrap(), verdict);
    }
    let mut turned = articles.clone();
    turned.reverse();
    let mut backwards = score(scorer(), &turned);
    backwards.reverse();
    assert_eq!(backwards, together);
}

#[test]
fn the_token_budget_changes_nothing() {
    let articles = samples();
    let model = detente::Model::embedded(&detente::encoder::Compute::default()).unwrap();
    let small = Scorer::new(
        model,
        Options {
            batch_tokens: 1,
            ..Options::default()
        },
    )
    .unwrap();
    assert_eq!(score(&small, &articles), score(scorer(), &articles));
}

#[test]
fn threads_share_a_scorer_and_agree() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(scorer());
    let articles = samples();
    let expected = score(scorer(), &articles);
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| score(scorer(), &articles)))
            .collect();
        for run in runs {
            assert_eq!(run.join().unwrap(), expected);
        }
    });
}

#[test]
fn the_evidence_is_the_computation() {
    for verdict in score(scorer(), &samples()) {
        let sum: f32 = verdict.sentences.iter().map(|s| s.contribution).sum();
        assert!((sum + verdict.bias - verdict.logit).abs() < 1e-4);
        assert!((1.0 / (1.0 + (-verdict.logit).exp()) - verdict.p_cooperative).abs() < 1e-6);
        let weights: f32 = verdict.sentences.iter().map(|s| s.weight).sum();
        assert!((weights - 1.0).abs() < 1e-4);
        assert_eq!(
            verdict.label == Label::Cooperative,
            verdict.p_cooperative >= 0.5
        );
        assert_eq!(verdict.coverage.tokens, verdict.coverage.tokens_scored);
    }
}

/// Neighbouring tools cut at 512 tokens without a word.
#[test]
fn nothing_is_cut_off() {
    let sentence = "The two delegations discussed customs, fisheries and the use of the river ";
    let endless = sentence.repeat(200);
    let verdict = scorer().score(endless.as_str()).unwrap();
    assert_eq!(verdict.sentences.len(), 1, "no full stop, one sentence");
    assert!(verdict.coverage.tokens > 2000);
    assert_eq!(verdict.coverage.tokens_scored, verdict.coverage.tokens);
    assert!(verdict.coverage.windows > 8);
    let last = verdict.sentences.last().unwrap();
    assert_eq!(&endless[last.start..last.end], endless.trim_end());
}

#[test]
fn an_article_without_text_is_an_error_and_not_a_guess() {
    for text in ["", " \n\t ", "<p></p>", "\u{feff}"] {
        assert!(
            matches!(scorer().score(text), Err(Error::EmptyArticle)),
            "{text:?}"
        );
    }
    let results = scorer().score_batch(&["".into(), "France and Ghana signed a treaty.".into()]);
    assert!(results[0].is_err());
    assert_eq!(results[1].as_ref().unwrap().label, Label::Cooperative);
}

/// A given language wins over the identified one.
#[test]
fn the_language_is_identified_or_given() {
    let text =
        "Президент провів переговори з прем'єр-міністром, сторони підписали угоду про співпрацю.";
    assert_eq!(
        scorer().score(text).unwrap().lang.map(|l| l.code()),
        Some("uk")
    );
    let given = Text {
        text,
        lang: "ru".parse().ok(),
    };
    assert_eq!(
        scorer().score(given).unwrap().lang.map(|l| l.code()),
        Some("ru")
    );
}

/// The five articles that the project started from. They are not ours to ship.
#[test]
fn the_seed_articles_are_cooperative_and_their_tails_no_evidence() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/seeds");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!(
            "skipped: {} is not there, its texts cannot be shipped",
            folder.display()
        );
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let verdict = scorer().score(text.as_str()).unwrap();
        assert_eq!(
            verdict.label,
            Label::Cooperative,
            "{} {}",
            path.display(),
            verdict.p_cooperative
        );
        assert_ne!(
            verdict.abstain,
            Some(detente::Abstain::NotDiplomatic),
            "{}",
            path.display()
        );
        for tail in [
            "Фото:",
            "https%3A",
            "Вас також можуть",
            "капітуляції",
            "Колаж УНІАН",
            "Гренландія",
        ] {
            let seen = verdict
                .sentences
                .iter()
                .any(|s| text[s.start..s.end].contains(tail));
            assert!(!seen, "{}: {tail}", path.display());
        }
    }
}
