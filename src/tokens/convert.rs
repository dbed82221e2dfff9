//! From Hugging Face's `tokenizer.json` to `tokenizer.bin.gz`, where the ids stay the same.

use serde::Deserialize;
use serde_json::{Value, json};

use super::stored::{Special, Stored};
use super::unigram::{META, Unigram};

/// The `tokenizer.bin.gz` of an unpacked `tokenizer.json`, or the reason why there is none: the ids would not be those of
/// `tokenizers::Tokenizer::encode_fast(text, false)`.
///
/// Truncation and padding that the file may ask for are not taken over.
pub(crate) fn convert(json: &[u8]) -> Result<Vec<u8>, String> {
    let stored = stored(json)?;
    let bytes = stored.to_bytes();
    Unigram::new(stored)?;
    Ok(bytes)
}

/// The fields that decide about ids.
#[derive(Deserialize)]
struct Json {
    added_tokens: Vec<Added>,
    normalizer: Value,
    pre_tokenizer: Value,
    #[serde(default)]
    post_processor: Value,
    model: Value,
}

#[derive(Deserialize)]
struct Added {
    id: u32,
    content: String,
    single_word: bool,
    lstrip: bool,
    rstrip: bool,
    normalized: bool,
}

#[derive(Deserialize)]
struct Model {
    unk_id: Option<u32>,
    vocab: Vec<(String, f64)>,
    #[serde(default)]
    byte_fallback: bool,
}

fn stored(json: &[u8]) -> Result<Stored, String> {
    let json: Json = serde_json::from_slice(json).map_err(|e| e.to_string())?;
    if json.model["type"] != "Unigram" {
        return Err(format!("its model is {}, not Unigram", json.model["type"]));
    }
    let model = serde_json::from_value(json.model).map_err(|e| format!("its model: {e}"))?;
    let Model {
        unk_id,
        vocab,
        byte_fallback,
    } = model;
    if byte_fallback {
        return Err("its model falls back to bytes".into());
    }
    let unknown = unk_id.ok_or("its model has no unknown piece")?;
    let metaspace = json!({"type": "Metaspace", "replacement": META, "prepend_scheme": "always", "split": true});
    if json.pre_tokenizer != metaspace {
        return Err("its pre_tokenizer is not Metaspace that always prepends and splits".into());
    }
    if !keeps_the_text(&json.post_processor) {
        return Err("its post_processor is not a template with the text once".into());
    }
    let lengths = vocab.iter().map(|(piece, _)| piece.len().try_into());
    let Ok(lengths) = lengths.collect() else {
        return Err("it has a piece of more than 255 bytes".into());
    };
    Ok(Stored {
        text: vocab.iter().map(|(piece, _)| &piece[..]).collect(),
        lengths,
        scores: vocab.iter().map(|&(_, score)| score).collect(),
        unknown,
        specials: specials(&json.added_tokens, &vocab)?,
        charsmap: charsmap(&json.normalizer)
            .ok_or("its normalizer is not a charsmap and then one space for many")?,
    })
}

fn charsmap(normalizer: &Value) -> Option<Vec<u8>> {
    let squeeze = json!({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "});
    match normalizer["normalizers"].as_array().map(Vec::as_slice) {
        Some([first, second])
            if normalizer["type"] == "Sequence"
                && first["type"] == "Precompiled"
                && *second == squeeze =>
        {
            base64(first["precompiled_charsmap"].as_str()?)
        }
        _ => None,
    }
}

/// Special tokens are framed on elsewhere; a template may still drop or double the text.
fn keeps_the_text(post_processor: &Value) -> bool {
    let parts = post_processor["single"].as_array().into_iter().flatten();
    let texts = parts.filter(|part| part["SpecialToken"].is_null()).count();
    post_processor.is_null() || post_processor["type"] == "TemplateProcessing" && texts == 1
}

fn specials(added: &[Added], vocab: &[(String, f64)]) -> Result<Vec<Special>, String> {
    let special = |token: &Added| {
        let piece = vocab.get(token.id as usize).map(|(piece, _)| piece);
        if piece != Some(&token.content) || token.single_word || token.rstrip || token.normalized {
            return Err(format!(
                "its added token {:?} is no piece of that id, or is single_word, rstrip or normalized",
                token.content
            ));
        }
        Ok(Special {
            id: token.id,
            lstrip: token.lstrip,
        })
    };
    added.iter().map(special).collect()
}

/// Decodes base64 with padding; `None` where it is none.
fn base64(text: &str) -> Option<Vec<u8>> {
    let body = text.trim_end_matches('=').as_bytes();
    if !text.len().is_multiple_of(4) || text.len() - body.len() > 2 {
        return None;
    }
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    for chunk in body.chunks(4) {
        let mut bits = 0;
        for i in 0..4 {
            let value = match chunk.get(i).copied().unwrap_or(b'A') {
                b @ b'A'..=b'Z' => b - b'A',
                b @ b'a'..=b'z' => b - b'a' + 26,
                b @ b'0'..=b'9' => b - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(value);
        }
        out.extend(&bits.to_be_bytes()[1..chunk.len()]);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokenizers::Tokenizer;

    use super::super::testing::{FILE, peer, small, their_ids, unpacked};
    use super::*;

    proptest! {
        #[test]
        fn a_small_vocabulary_has_the_ids_of_tokenizers(text in "[abcxy <m>\u{301}]{0,40}") {
            let json = small().to_string();
            let stored = stored(json.as_bytes()).unwrap();
            let theirs = peer(&stored);
            let ours = Unigram::new(stored).unwrap();
            prop_assert_eq!(ours.ids(&text), their_ids(&theirs, &text));
            let read = Tokenizer::from_bytes(json).unwrap();
            prop_assert_eq!(ours.ids(&text), their_ids(&read, &text));
        }
    }

    /// The base's own file is too large to be part of the repository.
    #[test]
    fn the_default_tokenizer_is_the_bases_converted() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/base/tokenizer.json");
        let Ok(json) = std::fs::read(path) else {
            eprintln!("skipped: {path} is not there");
            return;
        };
        assert!(unpacked(&convert(&json).unwrap()) == unpacked(FILE));
    }

    #[test]
    fn a_tokenizer_json_of_another_kind_is_refused_with_the_reason() {
        assert!(convert(b"{").is_err());
        assert!(convert(b"{}").unwrap_err().contains("added_tokens"));
        const CHARSMAP: &str = "/normalizer/normalizers/0/precompiled_charsmap";
        for (place, value, reason) in [
            ("/model/type", json!("BPE"), "BPE"),
            ("/model/byte_fallback", json!(true), "bytes"),
            ("/model/unk_id", json!(null), "no unknown"),
            ("/model/unk_id", json!(7), "unknown piece 7"),
            ("/model/vocab", json!({}), "its model"),
            ("/model/vocab/5/0", json!("b"), "twice"),
            ("/model/vocab/5/0", json!(""), "empty"),
            ("/model/vocab/5/0", json!("x".repeat(256)), "255"),
            ("/normalizer", json!(null), "normalizer"),
            ("/normalizer/type", json!("Other"), "normalizer"),
            (
                "/normalizer/normalizers/1/content",
                json!("▁"),
                "normalizer",
            ),
            (CHARSMAP, json!("AAAA"), "charsmap"),
            (CHARSMAP, json!("A*AA"), "normalizer"),
            (
                "/pre_tokenizer/prepend_scheme",
                json!("first"),
                "pre_tokenizer",
            ),
            (
                "/post_processor",
                json!({"type": "ByteLevel"}),
                "post_processor",
            ),
            (
                "/post_processor",
                json!({"type": "TemplateProcessing", "single": []}),
                "post_processor",
            ),
            ("/added_tokens/0/normalized", json!(true), "added token"),
            ("/added_tokens/0/id", json!(2), "added token"),
        ] {
            let mut json = small();
            *json.pointer_mut(place).unwrap() = value;
            let refused = convert(json.to_string().as_bytes()).unwrap_err();
            assert!(refused.contains(reason), "{place}: {refused}");
        }
    }
}
