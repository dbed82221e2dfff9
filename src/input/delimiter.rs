//! What separates the fields of a CSV file: few of them are separated by commas alone.

use csv_core::{ReadRecordResult, ReaderBuilder};

/// The delimiter by which the first records have the same number of fields, the greatest number if several do.
pub fn delimiter_of(start: &[u8]) -> u8 {
    let mut best = (b',', 0.0, 1);
    for delimiter in *b",\t;|" {
        let widths = widths(start, delimiter);
        let Some(&first) = widths.first() else {
            continue;
        };
        let same = widths.iter().filter(|&&width| width == first).count();
        let share = same as f64 / widths.len() as f64;
        if first > 1 && (share, first) > (best.1, best.2) {
            best = (delimiter, share, first);
        }
    }
    best.0
}

/// The numbers of fields of the records that `start` holds whole; where it holds none, of its beginning.
fn widths(start: &[u8], delimiter: u8) -> Vec<usize> {
    let mut parser = ReaderBuilder::new().delimiter(delimiter).build();
    let (mut values, mut ends) = ([0; 1 << 12], [0; 1 << 6]);
    let (mut widths, mut width, mut at) = (Vec::new(), 0, 0);
    loop {
        let (result, read, _, ended) = parser.read_record(&start[at..], &mut values, &mut ends);
        at += read;
        width += ended;
        match result {
            ReadRecordResult::Record => widths.push(std::mem::take(&mut width)),
            ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {}
            ReadRecordResult::InputEmpty | ReadRecordResult::End => break,
        }
    }
    if widths.is_empty() {
        widths.push(width + 1);
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_what_the_first_records_agree_on() {
        assert_eq!(delimiter_of(b"id,text\n1,\"a;b;c\td\"\n"), b',');
        assert_eq!(delimiter_of(b"id;text\n1;a, b\n2;c, d, e\n"), b';');
        assert_eq!(
            delimiter_of(b"410\t2013\tParis, Ile-de-France, France\n411\t2013\tKyiv\n"),
            b'\t'
        );
        assert_eq!(delimiter_of(b"410\t2013\tParis, France"), b'\t');
        assert_eq!(delimiter_of(b"text\nof one, column\n"), b',');
        assert_eq!(delimiter_of(b""), b',');
    }
}
