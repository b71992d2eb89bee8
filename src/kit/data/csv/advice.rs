//! Hints for tables that cannot be read: another separator, a decimal comma, a forgotten header.

use super::{Csv, Row, parsed, text};
use crate::data::DataError;
use crate::data::error::byte;

impl Csv {
    /// The error with a hint, and with the field's text as it stands in the table.
    pub(super) fn advised(&self, mut error: DataError, row: &Row, header: Option<&[String]>, untitled: bool) -> DataError {
        let advice = self.advice(&error, row, header, untitled);
        match &mut error {
            DataError::Number { column, text: found, hint, .. } | DataError::NotFinite { column, text: found, hint, .. } => {
                *found = text(row.fields().nth(*column - 1).unwrap_or_default());
                *hint = advice;
            }
            DataError::Columns { hint, .. } | DataError::NoColumn { hint, .. } => *hint = advice,
            _ => {}
        }
        error
    }
    /// A guess at the right options. A row is `untitled` if it is the first one of a table without a header.
    fn advice(&self, error: &DataError, row: &Row, header: Option<&[String]>, untitled: bool) -> String {
        let field = match error {
            DataError::Number { column, .. } | DataError::NotFinite { column, .. } => {
                Some((*column, text(row.fields().nth(*column - 1).unwrap_or_default())))
            }
            DataError::Columns { .. } | DataError::NoColumn { .. } => None,
            _ => return String::new(),
        };
        let is_number = |text: &str| parsed::<f64>(text.as_bytes()).is_some();
        let decimal_comma = |text: &str| text.contains(',') && is_number(&text.replacen(',', ".", 1));
        // Text that was not split: a header or a row of one column, or a field with several numbers.
        let whole_header = header.and_then(|header| if let [one] = header { Some(one.clone()) } else { None });
        let whole_row = (row.ends.len() == 1).then(|| text(&row.text));
        for separator in [';', '\t', ','] {
            if u8::try_from(separator) == Ok(self.separator) {
                continue;
            }
            let numbers = |text: &String| text.split(separator).all(|part| is_number(part) || decimal_comma(part));
            let parts = |text: &&String| text.contains(separator) && !(separator == ',' && decimal_comma(text));
            let of_field = || field.as_ref().map(|(_, text)| text).filter(|text| separator != ',' && parts(text) && numbers(text));
            if whole_header.as_ref().filter(parts).or(whole_row.as_ref().filter(parts)).or_else(of_field).is_some() {
                let line = row.fields().map(text).collect::<Vec<_>>().join(&char::from(self.separator).to_string());
                let commas = separator != ',' && line.split(separator).any(decimal_comma);
                let decimal = if commas && self.decimal == b'.' { ", and `.decimal(b',')` for the commas in numbers" } else { "" };
                return format!("{separator:?} seems to separate the columns: `.separator({})`{decimal}", byte(separator));
            }
        }
        match field {
            None if self.header || matches!(error, DataError::Columns { .. }) => String::new(),
            None => "if the first line names the columns, `.header(true)`".into(),
            Some((_, text)) if self.decimal == b'.' && decimal_comma(&text) => {
                let point = text.trim().replacen(',', ".", 1);
                let option = if self.separator == b',' { "" } else { "; or read decimal commas by `.decimal(b',')`" };
                format!("numbers are written with a point: {point}{option}")
            }
            Some((_, text)) if self.decimal == b',' && text.contains('.') => {
                "with `.decimal(b',')` numbers have a comma before their decimals, and no points".into()
            }
            Some((1, text)) if untitled && !is_number(&text) => "if the first line names the columns, `.header(true)`".into(),
            Some(_) => String::new(),
        }
    }
}
