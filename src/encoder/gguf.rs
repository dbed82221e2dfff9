//! The header of a GGUF file, version 2 or 3: metadata and where the tensors lie.
//!
//! candle's reader copies every tensor, keeps all arrays (a vocabulary is a quarter of a million strings) and panics on
//! an alignment of 0; this one only looks.

use super::stored::Dtype;
use std::collections::HashMap;
use std::ops::Range;

/// Numbers and strings of the metadata; arrays are skipped.
#[derive(Debug, Default)]
pub(crate) struct Metadata(HashMap<String, Value>);

#[derive(Debug)]
enum Value {
    Number(f64),
    Text(String),
}

impl Metadata {
    pub(crate) fn number(&self, key: &str) -> Option<f64> {
        match self.0.get(key)? {
            Value::Number(number) => Some(*number),
            Value::Text(_) => None,
        }
    }

    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        match self.0.get(key)? {
            Value::Text(text) => Some(text),
            Value::Number(_) => None,
        }
    }
}

/// One tensor of the file.
pub(super) struct TensorInfo {
    pub(super) name: String,
    /// Row-major, as everywhere but in GGUF.
    pub(super) shape: Vec<usize>,
    /// `Err` is the number of a type that is not read here.
    pub(super) dtype: Result<Dtype, u32>,
    /// Its bytes in the file; empty for a type that is not read here.
    pub(super) range: Range<usize>,
}

/// Whether `file` begins as a GGUF file does.
pub(super) fn is_gguf(file: &[u8]) -> bool {
    file.starts_with(b"GGUF")
}

/// Reads the header of `file`; the error says what is wrong.
pub(super) fn read(file: &[u8]) -> Result<(Metadata, Vec<TensorInfo>), String> {
    let mut reader = Reader { file, at: 0 };
    reader.take(4)?;
    let version = reader.u32()?;
    if !(2..=3).contains(&version) {
        return Err(format!("GGUF version {version}, expected 2 or 3"));
    }
    let tensors = reader.u64()?;
    let entries = reader.u64()?;

    let mut metadata = HashMap::new();
    for _ in 0..entries {
        let key = reader.string()?;
        let kind = reader.u32()?;
        if let Some(value) = reader.value(kind, 0)? {
            metadata.insert(key, value);
        }
    }
    let metadata = Metadata(metadata);

    let mut infos = Vec::new();
    for _ in 0..tensors {
        let name = reader.string()?;
        let dimensions = reader.u32()?;
        if dimensions > 4 {
            return Err(format!("tensor {name} has {dimensions} dimensions"));
        }
        let mut shape = (0..dimensions)
            .map(|_| reader.u64())
            .collect::<Result<Vec<_>, _>>()?;
        shape.reverse();
        let dtype = reader.u32()?;
        let offset = reader.u64()?;
        infos.push((name, shape, dtype, offset));
    }

    let alignment = metadata.number("general.alignment").unwrap_or(32.0) as usize;
    if alignment == 0 {
        return Err("general.alignment is 0".into());
    }
    let data = reader.at.next_multiple_of(alignment);
    let infos = infos
        .into_iter()
        .map(|(name, shape, dtype, offset)| {
            let dtype = match dtype {
                0 => Ok(Dtype::F32),
                1 => Ok(Dtype::F16),
                2 => Ok(Dtype::Q4_0),
                8 => Ok(Dtype::Q8_0),
                30 => Ok(Dtype::Bf16),
                other => Err(other),
            };
            let range = match dtype {
                Ok(dtype) => place(dtype, &shape, data, offset, file.len())
                    .ok_or_else(|| format!("tensor {name} reaches beyond the end of the file: it is cut short or broken"))?,
                Err(_) => 0..0,
            };
            Ok(TensorInfo { name, shape, dtype, range })
        })
        .collect::<Result<_, String>>()?;
    Ok((metadata, infos))
}

fn place(
    dtype: Dtype,
    shape: &[usize],
    data: usize,
    offset: usize,
    end: usize,
) -> Option<Range<usize>> {
    let count = shape.iter().try_fold(1usize, |a, &b| a.checked_mul(b))?;
    let start = data.checked_add(offset)?;
    let stop = start.checked_add(dtype.bytes(count)?)?;
    (stop <= end).then_some(start..stop)
}

/// Little-endian values, one after another, each checked against the end of the file.
struct Reader<'a> {
    file: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let bytes = self
            .at
            .checked_add(count)
            .and_then(|end| self.file.get(self.at..end))
            .ok_or("the header ends early: the file is cut short or broken")?;
        self.at += count;
        Ok(bytes)
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    fn u32(&mut self) -> Result<u32, String> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<usize, String> {
        usize::try_from(u64::from_le_bytes(self.bytes()?))
            .map_err(|_| "a length in the header is too large: the file is broken".into())
    }

    fn string(&mut self) -> Result<String, String> {
        let length = self.u64()?;
        self.take(length)
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// A metadata value of type `kind`; `None` for an array, which is passed over.
    fn value(&mut self, kind: u32, depth: usize) -> Result<Option<Value>, String> {
        let number = match kind {
            0 => f64::from(self.bytes::<1>()?[0]),
            1 => f64::from(i8::from_le_bytes(self.bytes()?)),
            2 => f64::from(u16::from_le_bytes(self.bytes()?)),
            3 => f64::from(i16::from_le_bytes(self.bytes()?)),
            4 => f64::from(self.u32()?),
            5 => f64::from(i32::from_le_bytes(self.bytes()?)),
            6 => f64::from(f32::from_le_bytes(self.bytes()?)),
            7 => f64::from(self.bytes::<1>()?[0]),
            8 => return Ok(Some(Value::Text(self.string()?))),
            9 => return self.skip_array(depth).map(|()| None),
            10 => u64::from_le_bytes(self.bytes()?) as f64,
            11 => i64::from_le_bytes(self.bytes()?) as f64,
            12 => f64::from_le_bytes(self.bytes()?),
            _ => {
                return Err(format!(
                    "metadata of unknown type {kind}: the file is broken"
                ));
            }
        };
        Ok(Some(Value::Number(number)))
    }

    fn skip_array(&mut self, depth: usize) -> Result<(), String> {
        let kind = self.u32()?;
        let count = self.u64()?;
        let size = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            10..=12 => 8,
            8 => {
                for _ in 0..count {
                    let length = self.u64()?;
                    self.take(length)?;
                }
                return Ok(());
            }
            // Recursion ends by depth, so that no file overflows the stack.
            9 if depth < 4 => {
                for _ in 0..count {
                    self.skip_array(depth + 1)?;
                }
                return Ok(());
            }
            _ => {
                return Err(format!(
                    "an array of unknown type {kind}: the file is broken"
                ));
            }
        };
        let bytes = count
            .checked_mul(size)
            .ok_or("an array is too large: the file is broken")?;
        self.take(bytes).map(|_| ())
    }
}
