//! What the tests of tokenizers share.

use std::io::{Read, Write};
use std::sync::LazyLock;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tokenizers::models::unigram;
use tokenizers::normalizers::{NormalizerWrapper, Precompiled, Replace, Sequence};
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::{AddedToken, Tokenizer};

use super::stored::Stored;
use super::unigram::META;

/// The default model's tokenizer.
pub(super) const FILE: &[u8] = include_bytes!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/models/default/tokenizer.bin.gz"
));

pub(super) static STORED: LazyLock<Stored> =
    LazyLock::new(|| Stored::from_bytes(&unpacked(FILE)).unwrap());

/// The same tokenizer as the tokenizers crate has it, from the same numbers.
pub(super) fn peer(stored: &Stored) -> Tokenizer {
    let mut start = 0;
    let piece = |(&len, &score): (&u8, &f64)| {
        let text = &stored.text[start..start + usize::from(len)];
        start += text.len();
        (text.to_owned(), score)
    };
    let pieces: Vec<_> = stored
        .lengths
        .iter()
        .zip(&stored.scores)
        .map(piece)
        .collect();
    let specials = stored.specials.iter().map(|special| {
        AddedToken::from(&*pieces[special.id as usize].0, true).lstrip(special.lstrip)
    });
    let specials: Vec<_> = specials.collect();
    let unknown = Some(stored.unknown as usize);
    let squeeze = json!({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "});
    let squeeze: Replace = serde_json::from_value(squeeze).unwrap();
    let charsmap = Precompiled::from(&stored.charsmap).unwrap();
    let mut theirs = Tokenizer::new(unigram::Unigram::from(pieces, unknown, false).unwrap());
    theirs
        .with_normalizer(Some(NormalizerWrapper::from(Sequence::new(vec![
            charsmap.into(),
            squeeze.into(),
        ]))))
        .unwrap();
    theirs.with_pre_tokenizer(Some(Metaspace::new(META, PrependScheme::Always, true)));
    theirs.add_special_tokens(specials).unwrap();
    theirs
}

pub(super) fn their_ids(theirs: &Tokenizer, text: &str) -> Vec<u32> {
    let encoding = theirs.encode_fast(text, false).unwrap();
    encoding.get_ids().to_vec()
}

/// A small `tokenizer.json`; its charsmap replaces `a` by `b c`.
pub(super) fn small() -> Value {
    let mut units = vec![0u32; 512];
    units[0] = 1 << 10;
    // Root at 1, child 'a' at 1 ^ 0x61 with its leaf at 0x100 ^ 0x60.
    units[0x60] = 0x61 | 0x100 | 0x100 << 10;
    units[0x160] = 1 << 31;
    let mut charsmap = (4 * units.len() as u32).to_le_bytes().to_vec();
    charsmap.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
    charsmap.extend(b"b c\0");
    json!({
        "added_tokens": [{"id": 1, "content": "<m>", "single_word": false, "lstrip": true, "rstrip": false,
            "normalized": false, "special": true}],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Precompiled", "precompiled_charsmap": base64(&charsmap)},
            {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}]},
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true},
        "post_processor": null,
        "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": false,
            "vocab": [["<unk>", 0.0], ["<m>", 0.0], ["▁", -2.0], ["b", -3.0], ["▁b", -4.5], ["c", -3.5], ["xy", -99.0]]},
    })
}

/// The same with the tokens that frame a window.
pub(crate) fn framed() -> Value {
    let mut json = small();
    let vocab = json["model"]["vocab"].as_array_mut().unwrap();
    vocab.extend([json!(["<s>", 0.0]), json!(["</s>", 0.0])]);
    json
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = |chunk: &[u8]| {
        let byte = |i| u32::from(chunk.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        [18, 12, 6, 0].map(|shift| char::from(DIGITS[(bits >> shift & 63) as usize]))
    };
    let mut text: String = bytes.chunks(3).flat_map(digits).collect();
    let padding = (3 - bytes.len() % 3) % 3;
    text.truncate(text.len() - padding);
    text + &"=".repeat(padding)
}

pub(super) fn unpacked(file: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    GzDecoder::new(file).read_to_end(&mut bytes).unwrap();
    bytes
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}
