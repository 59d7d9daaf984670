//! `tollgate price cost`: one JSON object a line in, the same with what it cost out.
//!
//! Memory is bounded by one line, however many there are.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

use finops::cost_line;
use pricing::PriceBook;
use units::{Clock, SystemClock};

use super::book;
use crate::cli::PriceCostArgs;
use crate::failure::CommandError;

/// Longest line read, bytes.
const LINE_BYTES_MAX: usize = 32 << 20;
/// Bytes read and written at once.
const BUFFER_BYTES: usize = 256 << 10;

/// Runs the command.
pub(super) fn run(arguments: &PriceCostArgs, path: &Path) -> Result<(), CommandError> {
    let input: Box<dyn Read> = match &arguments.file {
        Some(file) if file.as_os_str() != "-" => Box::new(
            File::open(file)
                .map_err(CommandError::system(format!("cannot read {}", file.display())))?,
        ),
        _ => Box::new(io::stdin()),
    };
    let book = book::book(path, arguments.book.as_deref())?;
    let output = BufWriter::with_capacity(BUFFER_BYTES, io::stdout().lock());
    Costing { book: &book, clock: &SystemClock }
        .run(BufReader::with_capacity(BUFFER_BYTES, input), output)
}

/// What lines are costed with.
struct Costing<'a> {
    book: &'a PriceBook,
    clock: &'a dyn Clock,
}

/// A line as it was read.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Whole,
    TooLong,
    End,
}

impl Costing<'_> {
    fn run(
        &self,
        mut input: BufReader<impl Read>,
        mut output: impl Write,
    ) -> Result<(), CommandError> {
        let mut line = Vec::new();
        loop {
            // Whoever waits for an answer before asking on must get it.
            if input.buffer().is_empty() && !written(output.flush())? {
                return Ok(());
            }
            let read = next_line(&mut input, &mut line)
                .map_err(CommandError::system("the input cannot be read"))?;
            let costed = match read {
                Found::End => {
                    written(output.flush())?;
                    return Ok(());
                }
                Found::Whole if line.trim_ascii().is_empty() => continue,
                Found::Whole => self.cost(&line),
                Found::TooLong => refused("the line is longer than 32 MiB"),
            };
            if !written(output.write_all(costed.as_bytes()).and_then(|()| output.write_all(b"\n")))?
            {
                return Ok(());
            }
        }
    }

    fn cost(&self, line: &[u8]) -> String {
        let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
        match std::str::from_utf8(line) {
            Ok(line) => cost_line(self.book, line, self.clock.now()),
            Err(_) => refused("the line is not UTF-8"),
        }
    }
}

fn refused(error: &str) -> String {
    format!("{{\"error\":\"{error}\"}}")
}

/// Reads up to the next line's end, which is left out. Of a line that is too long nothing is kept.
fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Found> {
    line.clear();
    let (mut is_any, mut is_too_long) = (false, false);
    loop {
        let buffer = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            buffer => buffer?,
        };
        if buffer.is_empty() && !is_any {
            return Ok(Found::End);
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let part = &buffer[..end.unwrap_or(buffer.len())];
        is_too_long |= line.len() + part.len() > LINE_BYTES_MAX;
        if is_too_long {
            line.clear();
        } else {
            line.extend_from_slice(part);
        }
        let (taken, is_last) =
            (part.len() + usize::from(end.is_some()), end.is_some() || part.is_empty());
        input.consume(taken);
        is_any = true;
        if is_last {
            return Ok(if is_too_long { Found::TooLong } else { Found::Whole });
        }
    }
}

/// Whether the reader at the other end is still there; one that left early is not an error.
fn written(result: io::Result<()>) -> Result<bool, CommandError> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(CommandError::system("cannot write to standard output")(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8], capacity: usize) -> Vec<(Found, Vec<u8>)> {
        let mut input = BufReader::with_capacity(capacity, text);
        let (mut line, mut all) = (Vec::new(), Vec::new());
        loop {
            match next_line(&mut input, &mut line).unwrap() {
                Found::End => return all,
                read => all.push((read, line.clone())),
            }
        }
    }

    #[test]
    fn lines_are_the_same_however_they_arrive() {
        for capacity in [1, 2, 3, 7, 100] {
            let read: Vec<Vec<u8>> =
                lines(b"ab\n\ncdef\r\nlast", capacity).into_iter().map(|(_, line)| line).collect();
            assert_eq!(read, [&b"ab"[..], b"", b"cdef\r", b"last"], "{capacity}");
            assert_eq!(lines(b"", capacity), []);
            assert_eq!(lines(b"\n", capacity).len(), 1);
        }
    }

    #[test]
    fn a_line_too_long_is_passed_over_and_the_next_is_read() {
        let mut text = vec![b'x'; LINE_BYTES_MAX + 1];
        text.extend_from_slice(b"\nnext\n");
        let read = lines(&text, BUFFER_BYTES);
        assert_eq!(read, [(Found::TooLong, Vec::new()), (Found::Whole, b"next".to_vec())]);
        text.truncate(LINE_BYTES_MAX);
        assert_eq!(lines(&text, BUFFER_BYTES)[0].0, Found::Whole);
    }
}
