//! Gives the committer the frames it has not seen, straight from the page cache.

use events::Frame;

use crate::SpoolError;
use crate::frame::{self, PREFIX_BYTES};
use crate::header::HEADER_BYTES;
use crate::scan::{Item, Scanner};
use crate::segment::Segment;
use crate::spool::{Shared, lock};

/// Where a frame is, so that reading on does not scan its segment again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor {
    ordinal: u64,
    seq: u64,
    offset: u64,
}

/// What is read of the frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of them.
    All,
    /// Those that are rows; the others are not even decoded.
    Rows,
}

/// Frames that are rows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rows {
    /// With their numbers, in order.
    pub frames: Vec<(u64, Frame)>,
    /// The number after the last frame read, of whatever kind; `None` when there was none.
    pub next_seq: Option<u64>,
}

impl Shared {
    /// See [`crate::Spool::read`] and [`crate::Spool::read_rows`].
    pub(crate) fn read(&self, from: u64, max: usize, wanted: Wanted) -> Result<Rows, SpoolError> {
        let segments: Vec<Segment> = {
            let log = self.log();
            let first = log.segments.front().map_or(0, |segment| segment.first_seq);
            if from < first {
                return Err(SpoolError::Gone { from, first });
            }
            log.segments.iter().filter(|segment| segment.end_seq > from).cloned().collect()
        };
        let until = from.saturating_add(max as u64);
        let mut rows = Rows::default();
        for segment in segments.iter().filter(|segment| segment.first_seq < until) {
            self.read_segment(segment, (from, until), wanted, &mut rows)?;
        }
        Ok(rows)
    }

    fn read_segment(
        &self,
        segment: &Segment,
        (from, until): (u64, u64),
        wanted: Wanted,
        rows: &mut Rows,
    ) -> Result<(), SpoolError> {
        let known = *lock(&self.cursor);
        let known = known.filter(|at| at.ordinal == segment.ordinal && at.seq <= from);
        let (mut seq, offset) =
            known.map_or((segment.first_seq, HEADER_BYTES), |at| (at.seq, at.offset));
        let mut scanner = Scanner::new(&segment.file, segment.path(self.dir()), segment.end_offset)
            .starting_at(offset);
        while seq < segment.end_seq.min(until) {
            let item = scanner.next()?;
            let Item::Frame(bytes) = item else {
                let detail = match item {
                    Item::Torn(detail) => detail,
                    _ => "a frame written earlier is gone",
                };
                return Err(scanner.corrupt(detail));
            };
            let content = &bytes[PREFIX_BYTES..];
            if seq >= from {
                if wanted == Wanted::All || !frame::is_opened(content) {
                    let frame = frame::decode(content).map_err(|error| error.to_string());
                    rows.frames.push((seq, frame.map_err(|error| scanner.corrupt(&error))?));
                }
                rows.next_seq = Some(seq + 1);
            }
            seq += 1;
        }
        let (ordinal, offset) = (segment.ordinal, scanner.offset());
        *lock(&self.cursor) = Some(Cursor { ordinal, seq, offset });
        Ok(())
    }
}
