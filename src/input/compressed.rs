//! Bytes of a file as they are once decompressed, and a look at the first of them.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::MultiGzDecoder;

use super::format::Compression;

/// A stream of bytes.
pub type Bytes = Box<dyn BufRead + Send>;

/// What `reader` holds once decompressed. All members of a gzip file and all frames of a zstd file are read; one that is
/// cut short ends with an error.
pub fn decompressed(reader: Bytes, compression: Option<Compression>) -> io::Result<Bytes> {
    Ok(match compression {
        None => reader,
        Some(Compression::Gzip) => Box::new(BufReader::new(MultiGzDecoder::new(reader))),
        Some(Compression::Zstd) => Box::new(BufReader::new(
            zstd::stream::read::Decoder::with_buffer(reader)?,
        )),
    })
}

/// The first bytes, at most `most`, and a reader that still gives them.
pub fn peek(mut reader: Bytes, most: usize) -> io::Result<(Vec<u8>, Bytes)> {
    let mut start = Vec::new();
    (&mut reader).take(most as u64).read_to_end(&mut start)?;
    let whole = Cursor::new(start.clone()).chain(reader);
    Ok((start, Box::new(whole)))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::io::Write;

    pub fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap()
    }

    pub fn zst(bytes: &[u8]) -> Vec<u8> {
        zstd::stream::encode_all(bytes, 1).unwrap()
    }

    fn all(bytes: Vec<u8>, compression: Compression) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        decompressed(Box::new(Cursor::new(bytes)), Some(compression))?.read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn members_and_frames_follow_one_another() {
        let gz = [gzip(b"ab"), gzip(b"cd")].concat();
        assert_eq!(all(gz, Compression::Gzip).unwrap(), b"abcd");
        let zst = [zst(b"ab"), zst(b"cd")].concat();
        assert_eq!(all(zst, Compression::Zstd).unwrap(), b"abcd");
    }

    #[test]
    fn a_stream_cut_short_is_an_error_and_not_an_end() {
        let text: Vec<u8> = (0..10_000u32).flat_map(u32::to_le_bytes).collect();
        let (gz, zst) = (gzip(&text), zst(&text));
        assert!(all(gz[..gz.len() / 2].to_vec(), Compression::Gzip).is_err());
        assert!(all(zst[..zst.len() / 2].to_vec(), Compression::Zstd).is_err());
    }

    #[test]
    fn a_look_at_the_start_takes_nothing_away() {
        let (start, mut reader) = peek(Box::new(&b"abcdef"[..]), 4).unwrap();
        let mut whole = Vec::new();
        reader.read_to_end(&mut whole).unwrap();
        assert_eq!(
            (start.as_slice(), whole.as_slice()),
            (&b"abcd"[..], &b"abcdef"[..])
        );
    }
}
