//! Writing results to standard output. A reader that closes its end early is not an error.

use std::io::{self, Write};

use serde_json::{Map, Value};

use crate::cli::Output;
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

/// Writes rows as they were asked for. Cells of a JSON object keep the header's names.
pub fn rows<const N: usize>(
    header: [&str; N],
    rows: &[[String; N]],
    output: Output,
) -> Result<(), CommandError> {
    match output {
        Output::Json => {
            let object = |row: &[String; N]| {
                let cells = header.iter().zip(row);
                let members = cells.map(|(name, cell)| ((*name).to_owned(), cell.clone().into()));
                Value::Object(members.collect::<Map<_, _>>())
            };
            let objects: Vec<Value> = rows.iter().map(object).collect();
            line(&serde_json::to_string_pretty(&objects).unwrap_or_default())
        }
        Output::Csv => {
            let mut out = header.join(",") + "\n";
            for row in rows {
                let quoted =
                    row.each_ref().map(|cell| format!("\"{}\"", cell.replace('"', "\"\"")));
                out += &(quoted.join(",") + "\n");
            }
            text(&out)
        }
        Output::Table => text(&table(header, rows)),
    }
}

fn table<const N: usize>(header: [&str; N], rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([header[column].len()]).max().unwrap_or_default()
    };
    let line = |cells: [&str; N]| {
        let padded: Vec<String> = cells
            .iter()
            .enumerate()
            .map(|(column, cell)| format!("{cell:<width$}", width = width(column)))
            .collect();
        padded.join("  ").trim_end().to_owned() + "\n"
    };
    let mut text = line(header);
    for row in rows {
        text += &line(row.each_ref().map(String::as_str));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_lines_end_without_blanks() {
        let rows = [["key_1".to_owned(), "ä".to_owned()], ["k".to_owned(), String::new()]];
        assert_eq!(table(["id", "name"], &rows), "id     name\nkey_1  ä\nk\n");
    }
}
