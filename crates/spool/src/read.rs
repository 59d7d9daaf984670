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

impl Shared {
    /// See [`crate::Spool::read`].
    pub(crate) fn read(&self, from: u64, max: usize) -> Result<Vec<(u64, Frame)>, SpoolError> {
        let segments: Vec<Segment> = {
            let log = self.log();
            let first = log.segments.front().map_or(0, |segment| segment.first_seq);
            if from < first {
                return Err(SpoolError::Gone { from, first });
            }
            log.segments.iter().filter(|segment| segment.end_seq > from).cloned().collect()
        };
        let mut frames = Vec::new();
        for segment in &segments {
            if frames.len() >= max {
                break;
            }
            self.read_segment(segment, from, max, &mut frames)?;
        }
        Ok(frames)
    }

    fn read_segment(
        &self,
        segment: &Segment,
        from: u64,
        max: usize,
        frames: &mut Vec<(u64, Frame)>,
    ) -> Result<(), SpoolError> {
        let known = *lock(&self.cursor);
        let known = known.filter(|at| at.ordinal == segment.ordinal && at.seq <= from);
        let (mut seq, offset) =
            known.map_or((segment.first_seq, HEADER_BYTES), |at| (at.seq, at.offset));
        let mut scanner = Scanner::new(&segment.file, segment.path(self.dir()), segment.end_offset)
            .starting_at(offset);
        while seq < segment.end_seq && frames.len() < max {
            let item = scanner.next()?;
            let Item::Frame(bytes) = item else {
                let detail = match item {
                    Item::Torn(detail) => detail,
                    _ => "a frame written earlier is gone",
                };
                return Err(scanner.corrupt(detail));
            };
            if seq >= from {
                let frame = frame::decode(&bytes[PREFIX_BYTES..]).map_err(|e| e.to_string());
                frames.push((seq, frame.map_err(|error| scanner.corrupt(&error))?));
            }
            seq += 1;
        }
        let (ordinal, offset) = (segment.ordinal, scanner.offset());
        *lock(&self.cursor) = Some(Cursor { ordinal, seq, offset });
        Ok(())
    }
}
