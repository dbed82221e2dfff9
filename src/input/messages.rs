//! The bytes of an Arrow stream, looked at message by message: a compressed buffer says how long it is when unpacked, and
//! Arrow makes room for whatever it says. More than a machine has would end the program.

use std::io::{self, Cursor, Read};

use arrow::ipc::{Message, RecordBatch, root_as_message};

use super::compressed::Bytes;

/// A buffer that says it unpacks to more bytes, and to more than so many for each of its own, does not.
const MOST_BYTES: u64 = 1 << 30;
const MOST_TIMES: u64 = 1000;

/// What stands before the length of a message, but in files of old.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// Hands bytes on after a look at the messages that they are. What is wrong with anything but lengths is for who reads them.
pub struct Messages {
    reader: Bytes,
    /// Looked at, and not read yet.
    ready: Cursor<Vec<u8>>,
    /// Bytes that need no look: those of a body without compressed buffers, or all that follow the last message.
    free: u64,
}

impl Messages {
    pub fn new(reader: Bytes) -> Self {
        Self {
            reader,
            ready: Cursor::default(),
            free: 0,
        }
    }

    /// Looks at the next message.
    fn advance(&mut self) -> io::Result<()> {
        let bytes = self.ready.get_mut();
        bytes.clear();
        let mut take = |bytes: &mut Vec<u8>, n: u64| -> io::Result<bool> {
            Ok((&mut self.reader).take(n).read_to_end(bytes)? as u64 == n)
        };
        let mut is_whole = take(bytes, 4)?;
        if is_whole && *bytes == CONTINUATION {
            is_whole = take(bytes, 4)?;
        }
        let start = bytes.len();
        let length = bytes.last_chunk().map_or(0, |b| i32::from_le_bytes(*b));
        let length = u64::try_from(length).unwrap_or(0);
        if length == 0 || !is_whole {
            self.free = u64::MAX;
        } else if take(bytes, length)?
            && let Ok(message) = root_as_message(&bytes[start..])
        {
            let body = u64::try_from(message.bodyLength()).unwrap_or(0);
            match batch(&message).filter(|batch| batch.compression().is_some()) {
                None => self.free = body,
                Some(batch) => {
                    let mut buffers = Vec::new();
                    take(&mut buffers, body)?;
                    check(&batch, &buffers)?;
                    bytes.append(&mut buffers);
                }
            }
        }
        self.ready.set_position(0);
        Ok(())
    }
}

impl Read for Messages {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let ready = self.ready.read(buffer)?;
            if ready > 0 || buffer.is_empty() {
                return Ok(ready);
            }
            if self.free > 0 {
                let free = (&mut self.reader).take(self.free).read(buffer)?;
                self.free -= free as u64;
                return Ok(free);
            }
            self.advance()?;
            if self.ready.get_ref().is_empty() {
                return Ok(0);
            }
        }
    }
}

fn batch<'a>(message: &Message<'a>) -> Option<RecordBatch<'a>> {
    let dictionary = || message.header_as_dictionary_batch()?.data();
    message.header_as_record_batch().or_else(dictionary)
}

/// Fails where a buffer of the body says that it unpacks to more than it can.
fn check(batch: &RecordBatch<'_>, body: &[u8]) -> io::Result<()> {
    for buffer in batch.buffers().into_iter().flatten() {
        let start = usize::try_from(buffer.offset()).ok();
        let length = start.and_then(|start| body.get(start..)?.first_chunk());
        // -1 says that it is not compressed.
        let length = length.map_or(-1, |bytes| i64::from_le_bytes(*bytes));
        let most = MOST_BYTES.max(MOST_TIMES.saturating_mul(buffer.length().unsigned_abs()));
        if u64::try_from(length).is_ok_and(|length| length > most) {
            let (packed, reason) = (buffer.length(), "said to unpack to");
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("a buffer of {packed} bytes is {reason} {length}"),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, DictionaryArray, StringArray};
    use arrow::datatypes::Int32Type;
    use arrow::ipc::CompressionType;
    use arrow::ipc::reader::StreamReader;
    use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};

    use super::*;

    fn stream(compression: Option<CompressionType>) -> Vec<u8> {
        let text = "Norway thanked Kenya. ".repeat(50);
        let texts: ArrayRef = Arc::new(StringArray::from(vec![text.as_str(); 40]));
        let keys: DictionaryArray<Int32Type> = vec![text.as_str(); 40].into_iter().collect();
        let keys: ArrayRef = Arc::new(keys);
        let batch =
            arrow::array::RecordBatch::try_from_iter([("text", texts), ("key", keys)]).unwrap();
        let options = IpcWriteOptions::default().try_with_compression(compression);
        let (schema, options) = (batch.schema(), options.unwrap());
        let mut writer = StreamWriter::try_new_with_options(Vec::new(), &schema, options).unwrap();
        writer.write(&batch).unwrap();
        writer.write(&batch).unwrap();
        writer.into_inner().unwrap()
    }

    #[test]
    fn all_bytes_are_handed_on_as_they_are() {
        for compression in [
            None,
            Some(CompressionType::ZSTD),
            Some(CompressionType::LZ4_FRAME),
        ] {
            let whole = [&stream(compression)[..], b"and what follows"].concat();
            for cut in 0..whole.len() {
                let cut = &whole[..whole.len() - cut];
                let mut read = Vec::new();
                let bytes: Bytes = Box::new(Cursor::new(cut.to_vec()));
                Messages::new(bytes).read_to_end(&mut read).unwrap();
                assert!(read == cut, "{compression:?}, {} bytes", cut.len());
            }
        }
    }

    #[test]
    fn a_buffer_that_says_it_is_larger_than_it_can_be_is_an_error() {
        let whole = stream(Some(CompressionType::ZSTD));
        let length = 1100i64 * 40;
        let at: Vec<_> = (0..whole.len() - 8)
            .filter(|&at| whole[at..at + 8] == length.to_le_bytes())
            .collect();
        assert!(!at.is_empty());
        for at in at {
            let mut broken = whole.clone();
            broken[at + 5] = 0x40;
            let bytes: Bytes = Box::new(Cursor::new(broken));
            let reader = StreamReader::try_new(Messages::new(bytes), None).unwrap();
            let error = reader.filter_map(Result::err).next().unwrap().to_string();
            assert!(error.contains("is said to unpack to"), "{error}");
        }
    }
}
