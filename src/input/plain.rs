//! Text files: one article each.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::compressed::Bytes;
use super::{Article, Options, Record, Rejected, Rows, invalid_utf8, row_error};
use crate::fields::Fields;

/// The one article of a file. It is opened when its turn comes, so that a million files are passed over in no time.
pub struct Plain {
    path: Arc<Path>,
    most: usize,
    open: Option<Open>,
}

type Open = Box<dyn FnOnce() -> io::Result<Bytes> + Send>;

impl Plain {
    pub fn new(path: &Path, open: Open, options: &Options) -> Self {
        Self {
            path: path.into(),
            most: options.max_text,
            open: Some(open),
        }
    }

    fn text(&self, open: Open) -> Result<String, String> {
        let mut bytes = Vec::new();
        open()
            .and_then(|file| {
                file.take((self.most as u64).saturating_add(1))
                    .read_to_end(&mut bytes)
            })
            .map_err(|e| e.to_string())?;
        if bytes.len() > self.most {
            let most = self.most;
            return Err(format!(
                "more than the {most} bytes that an article may have (--max-text)"
            ));
        }
        let text = String::from_utf8(bytes).map_err(|e| invalid_utf8(&e.utf8_error()))?;
        if text.trim().is_empty() {
            return Err("the text is empty".to_owned());
        }
        Ok(text)
    }
}

impl Rows for Plain {
    fn next_row(&mut self) -> Option<Record> {
        let open = self.open.take()?;
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        let id = name.to_string_lossy().into_owned();
        let fields = Fields::Named(Map::from_iter([("id".to_owned(), Value::from(&*id))]));
        Some(match self.text(open) {
            Ok(text) => Ok(Article {
                text,
                headline: 0,
                lang: None,
                id,
                has_id: false,
                fields,
                path: Arc::clone(&self.path),
                row: 1,
            }),
            Err(reason) => Err(Box::new(Rejected {
                error: row_error(&self.path, 1, reason),
                fields,
            })),
        })
    }

    fn skip_rows(&mut self, n: usize) -> usize {
        usize::from(n > 0 && self.open.take().is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &'static [u8]) -> Record {
        let options = Options {
            max_text: 10,
            ..Options::default()
        };
        let open: Open = Box::new(move || Ok(Box::new(bytes) as Bytes));
        Plain::new(Path::new("d/a.txt"), open, &options)
            .next_row()
            .unwrap()
    }

    #[test]
    fn a_text_is_untouched_and_named_by_its_file() {
        let article = read(b" a\r\nb\n").unwrap();
        assert_eq!(
            (article.text.as_str(), article.id.as_str()),
            (" a\r\nb\n", "a.txt")
        );
        assert_eq!(article.fields.get("id"), Some(Value::from("a.txt")));
    }

    #[test]
    fn what_is_no_article_says_why_and_keeps_its_name() {
        for (bytes, reason) in [
            (&b"0123456789a"[..], "more than the 10 bytes"),
            (b" \n", "empty"),
            (b"ab\xff", "not UTF-8 from byte 2 on"),
        ] {
            let rejected = read(bytes).unwrap_err();
            assert!(
                rejected.error.to_string().contains(reason),
                "{}",
                rejected.error
            );
            assert!(rejected.error.to_string().starts_with("d/a.txt, row 1"));
            assert_eq!(rejected.fields.get("id"), Some(Value::from("a.txt")));
        }
        assert!(read(b"0123456789").is_ok());
    }
}
