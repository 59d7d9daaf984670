//! Writing results to standard output. A reader that closes its end early is not an error.

use std::io::{self, Write};

use crate::failure::CommandError;

/// Writes text as it is.
pub fn text(text: &str) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CommandError::system("cannot write to standard output")(error))
        }
        _ => Ok(()),
    }
}

/// Writes one line.
pub fn line(line: &str) -> Result<(), CommandError> {
    text(&format!("{line}\n"))
}
