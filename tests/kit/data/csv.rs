//! Tables of numbers: what spreadsheets write, and what is refused, with line, column and advice.

use crate::kit::helpers::gzipped;
use ndarray::array;
use rand::RngExt;
use wengert::data::{Column, Csv, DataError, Examples};
use wengert::init::seeded;

fn refused(csv: Csv, text: &str) -> String {
    csv.read::<f64>(text.as_bytes()).expect_err("must be refused").to_string()
}

const TABLE: &str = "1,2.5,0\n-3e2,0.125,4\n";

#[test]
fn label_last_first_and_by_name() {
    let last = Csv::new().read::<f64>(TABLE.as_bytes()).unwrap();
    assert_eq!(last, Examples { x: array![[1.0, 2.5], [-300.0, 0.125]].into_dyn(), y: vec![0, 4] });
    let first = Csv::new().label(Column::First).read::<f32>("7,1\n8,2".as_bytes()).unwrap();
    assert_eq!((first.x, first.y), (array![[1f32], [2.0]].into_dyn(), vec![7, 8]));
    let text = "\n a ; kind; b\r\n1;2; 3 \r\n\r\n";
    let named = Csv::new().header(true).label("kind").separator(b';').read::<f32>(text.as_bytes()).unwrap();
    assert_eq!((named.x, named.y), (array![[1f32, 3.0]].into_dyn(), vec![2]));
    assert_eq!(Csv::new().label(1).read::<f32>("1,2,3".as_bytes()).unwrap().y, [2]);
}
#[test]
fn real_targets() {
    let read = Csv::new().read_targets::<f64>("1,2,0.5\n3,4,-1.5\n".as_bytes()).unwrap();
    assert_eq!((read.x, read.y), (array![[1.0, 2.0], [3.0, 4.0]].into_dyn(), array![[0.5], [-1.5]].into_dyn()));
}
#[test]
fn gzipped_tables() {
    let zipped = gzipped(TABLE.as_bytes());
    assert_eq!(Csv::new().read::<f64>(&*zipped).unwrap(), Csv::new().read(TABLE.as_bytes()).unwrap());
    for n in 2..zipped.len() {
        assert!(matches!(Csv::new().read::<f64>(&zipped[..n]), Err(DataError::Io(_))), "{n}");
    }
}
#[test]
fn errors_name_line_and_column() {
    assert_eq!(refused(Csv::new(), "1,2,0\n\n1,x,0\n"), r#"line 3, column 2: "x" is not a finite number"#);
    assert_eq!(refused(Csv::new(), "1,2,0\n1,2,1.5\n"), r#"line 2, column 3: "1.5" is not a whole number from 0 to 4294967295"#);
    assert_eq!(refused(Csv::new(), "1,2,0\n1,2,0,4\n"), "line 2: 4 columns where 3 are needed");
    assert_eq!(refused(Csv::new().label(3), "1,2,0\n"), "line 1: 3 columns where 4 are needed");
    assert_eq!(refused(Csv::new().header(true), "a,b\n1,2,0\n"), "line 2: 3 columns where 2 are needed");
    assert_eq!(refused(Csv::new().header(true).label("c"), "a,b\n1,2\n"), r#"no column is called "c"; the header has ["a", "b"]"#);
    for bad in ["", "NaN", "inf", "1e999", "0x10", "1 2"] {
        assert!(
            matches!(Csv::new().read::<f64>(format!("{bad},0").as_bytes()), Err(DataError::NotFinite { line: 1, column: 1, .. })),
            "{bad}"
        );
    }
    // Finite, but not in this type.
    assert!(Csv::new().read::<f64>("1e39,0".as_bytes()).is_ok());
    assert!(matches!(Csv::new().read::<f32>("1e39,0".as_bytes()), Err(DataError::NotFinite { line: 1, column: 1, .. })));
    assert!(matches!(Csv::new().read_targets::<f32>("0,-1e39".as_bytes()), Err(DataError::NotFinite { line: 1, column: 2, .. })));
}
#[test]
fn limits_of_the_caller() {
    let zipped = gzipped(&b"1,2\n".repeat(1000));
    assert_eq!(Csv::new().max_bytes(4000).max_rows(1000).read::<f32>(&*zipped).unwrap().len(), 1000);
    assert!(matches!(Csv::new().max_bytes(3999).read::<f32>(&*zipped), Err(DataError::TooLong { limit: 3999 })));
    assert!(matches!(Csv::new().max_rows(999).read::<f32>(&*zipped), Err(DataError::TooManyRows { limit: 999 })));
}
#[test]
fn a_header_is_no_row() {
    let csv = Csv::new().header(true).max_rows(2);
    assert_eq!(csv.read::<f32>("a,b\n1,0\n2,0\n".as_bytes()).unwrap().len(), 2);
    assert_eq!(refused(csv.clone(), "a,b\n1,0\n2,0\n3,0\n"), "more than 2 rows");
    assert_eq!(refused(csv.header(false), "1,0\n2,0\n3,0\n"), "more than 2 rows");
    assert_eq!(Csv::new().header(true).max_rows(usize::MAX).read::<f32>("a,b\n1,0\n".as_bytes()).unwrap().len(), 1);
}
#[test]
fn a_row_of_separators_is_not_blank() {
    let csv = Csv::new().separator(b'\t');
    assert_eq!(refused(csv.clone(), "1\t2\t0\n\t\t\n"), "line 2, column 1: \"\" is not a finite number");
    assert_eq!(csv.read::<f32>("1\t2\t0\n \n\n".as_bytes()).unwrap().len(), 1);
    assert_eq!(Csv::new().read::<f32>("1,2,0\n\t\t\n".as_bytes()).unwrap().len(), 1);
}
#[test]
fn numbers_of_f32_are_rounded_once() {
    // Just below the middle between two f32 numbers. Rounding to f64 gives that middle, and rounding again would give the even one,
    // above.
    let text = "1.000000178813934326171874999,0";
    assert_eq!(Csv::new().read::<f32>(text.as_bytes()).unwrap().x[[0, 0]], 1.0 + f32::EPSILON);
}
#[test]
fn decimal_commas_are_named() {
    let hint = "line 1, column 1: \"1,5\" is not a finite number\n  hint: numbers are written with a point: 1.5";
    assert_eq!(refused(Csv::new().separator(b';'), "1,5;0\n"), format!("{hint}; or read decimal commas by `.decimal(b',')`"));
    assert_eq!(refused(Csv::new(), "\"1,5\",0\n"), hint);
    let label = "line 1, column 2: \"7,0\" is not a whole number from 0 to 4294967295\n  hint: numbers are written with a point: 7.0";
    assert_eq!(refused(Csv::new(), "1,\"7,0\"\n"), label);
    for other in ["1,234,5", "a,b", ","] {
        assert!(!refused(Csv::new().separator(b';'), &format!("0;0\n{other};0\n")).contains("hint"), "{other}");
    }
}
#[test]
fn numbers_with_a_decimal_comma() {
    let csv = Csv::new().decimal(b',').separator(b';');
    let read = csv.read::<f64>("1,5;-2;7,0\n-0,25;3e-1;0\n".as_bytes()).unwrap();
    assert_eq!(read, Examples { x: array![[1.5, -2.0], [-0.25, 0.3]].into_dyn(), y: vec![7, 0] });
    let targets = csv.read_targets::<f32>("\"1,5\";0,125\n".as_bytes()).unwrap();
    assert_eq!((targets.x, targets.y), (array![[1.5f32]].into_dyn(), array![[0.125f32]].into_dyn()));
    let hint = "\n  hint: with `.decimal(b',')` numbers have a comma before their decimals, and no points";
    assert_eq!(refused(csv.clone(), "1.5;0\n"), format!("line 1, column 1: \"1.5\" is not a finite number{hint}"));
    assert_eq!(refused(csv.clone(), "1.234,5;0\n"), format!("line 1, column 1: \"1.234,5\" is not a finite number{hint}"));
    assert_eq!(refused(csv.clone(), "1;7.0\n"), format!("line 1, column 2: \"7.0\" is not a whole number from 0 to 4294967295{hint}"));
    assert_eq!(refused(csv.clone(), "1;0,5\n"), "line 1, column 2: \"0,5\" is not a whole number from 0 to 4294967295");
    assert_eq!(csv.decimal(b'.').read::<f64>("1.5;0\n".as_bytes()).unwrap().x[[0, 0]], 1.5);
}
#[test]
fn a_decimal_comma_that_separates_is_refused() {
    let panic = |f: fn()| *std::panic::catch_unwind(f).expect_err("must be refused").downcast::<String>().unwrap();
    for read in [
        || drop(Csv::new().decimal(b',').read::<f32>(&b"1,2"[..])),
        || drop(Csv::new().separator(b';').decimal(b',').separator(b',').read_targets::<f32>(&b"1,2"[..])),
        || drop(Csv::new().decimal(b',').load::<f32>("a")),
        || drop(Csv::new().decimal(b',').load_targets::<f32>("a")),
    ] {
        let text = panic(read);
        assert!(
            text.starts_with("Csv: ',' is both the separator of columns and the decimal character\n  at tests/kit/data/csv.rs:"),
            "{text}"
        );
        assert!(text.ends_with("\n  hint: tables with decimal commas usually have `.separator(b';')`"), "{text}");
    }
    let text = panic(|| drop(Csv::new().decimal(b';')));
    assert!(text.starts_with("Csv::decimal: ';' does not stand before decimals\n  at tests/kit/data/csv.rs:"), "{text}");
}
#[test]
fn another_separator_is_guessed() {
    let hint = |csv: Csv, text: &str| {
        let error = refused(csv, text);
        error.split_once("\n  hint: ").map(|(_, hint)| hint.to_string()).unwrap_or(error)
    };
    let header = || Csv::new().header(true);
    let (semicolons, tabs) =
        ("';' seems to separate the columns: `.separator(b';')`", "'\\t' seems to separate the columns: `.separator(b'\\t')`");
    for (text, expected) in [("1;2;0\n", semicolons), ("1\t2\t0\n", tabs)] {
        assert_eq!(hint(Csv::new(), text), expected);
        assert_eq!(hint(Csv::new().label(Column::At(1)), text), expected);
        let titled = format!("{}\n{text}", ["a", "b", "c"].join(if text.contains(';') { ";" } else { "\t" }));
        assert_eq!(hint(header(), &titled), expected);
        assert_eq!(hint(header().label("c"), &titled), expected);
        assert_eq!(hint(Csv::new(), &titled), expected);
    }
    let commas = format!("{semicolons}, and `.decimal(b',')` for the commas in numbers");
    assert_eq!(hint(Csv::new(), "1,5;2,5;0\n"), commas);
    assert_eq!(hint(header(), "a;b\n1,5;0\n"), commas);
    assert_eq!(hint(Csv::new().separator(b';'), "1,2,0\n"), "',' seems to separate the columns: `.separator(b',')`");
    // `x;y` holds no numbers, so `;` is not suggested as the separator.
    assert_eq!(refused(Csv::new(), "0,1\nx;y,1\n"), r#"line 2, column 1: "x;y" is not a finite number"#);
}
#[test]
fn a_forgotten_header_is_named() {
    let hint = "\n  hint: if the first line names the columns, `.header(true)`";
    assert_eq!(refused(Csv::new(), "a,b\n1,2\n"), format!("line 1, column 1: \"a\" is not a finite number{hint}"));
    assert_eq!(refused(Csv::new().label("Art"), "a,Art\n1,2\n"), format!("no column is called \"Art\"; the header has []{hint}"));
    assert!(refused(Csv::new().label(Column::First), "a,b\n1,2\n").ends_with(hint));
    assert!(refused(Csv::new(), "sep=,\n\na,b\n1,2\n").ends_with(hint));
    for none in ["1,2\na,b\n", "NaN,0\n", "1,setosa\n"] {
        assert!(!refused(Csv::new(), none).contains("hint"), "{none}");
    }
    assert!(!refused(Csv::new().header(true), "a,b\nx,0\n").contains("hint"));
}
#[test]
fn text_of_two_bytes_a_character_is_named() {
    for mark in [[0xff, 0xfe], [0xfe, 0xff]] {
        let text: Vec<u8> = mark.iter().chain(&mark.map(|m| if m == 0xff { b'1' } else { 0 })).copied().collect();
        let error = Csv::new().read::<f32>(&text[..]).unwrap_err();
        assert!(matches!(error, DataError::Utf16 { found } if found == mark), "{error}");
    }
    assert_eq!(
        Csv::new().read::<f32>(&b"\xff\xfe1\0"[..]).unwrap_err().to_string(),
        "the text is UTF-16 (it begins with the bytes [ff, fe])\n  hint: save it as \"CSV UTF-8\", or run `iconv -f UTF-16 -t UTF-8`"
    );
}
#[test]
fn a_line_that_names_the_separator() {
    let csv = Csv::new().header(true).separator(b';').max_rows(1);
    for text in ["sep=;\r\na;b\r\n1;2\r\n", "\u{feff}sep=;\na;b\n1;2"] {
        assert_eq!(csv.read::<f32>(text.as_bytes()).unwrap().y, [2]);
    }
    assert_eq!(Csv::new().read::<f32>("sep=,\n1,2\n".as_bytes()).unwrap().y, [2]);
    assert_eq!(refused(Csv::new(), "sep=;\n1;2\n"), "line 1 says that ';' separates the columns, not ','\n  hint: `.separator(b';')`");
    assert!(refused(Csv::new(), "1,2\nsep=,\n").starts_with("line 2"));
}
#[test]
fn blank_lines_end() {
    let zipped = gzipped(&[b'\n'; 1 << 20].repeat(256)); // 256 MiB in 260 KB
    assert!(matches!(Csv::new().max_rows(1 << 16).read::<f32>(&*zipped), Err(DataError::BlankLines { limit: 0x1_0000 })));
}
#[test]
fn tables_as_spreadsheets_write_them() {
    let expected = Examples { x: array![[1.0, -2.5], [3.0, 4.0]].into_dyn(), y: vec![7, 0] };
    let header = Csv::new().header(true).label("kind, \"coarse\"");
    for text in [
        "\u{feff}a,b,\"kind, \"\"coarse\"\"\"\r\n1,-2.5,7\r\n3,4,0\r\n",
        "\u{feff}\"a\",\"b\r\nin two lines\",\"kind, \"\"coarse\"\"\"\n\"1\",\"-2.5\",\"7.0\"\n\"3\",\"4\",\"0\"\n\n",
        "a, \"b\" ,\"kind, \"\"coarse\"\"\"\n1.0,-2.50, \"7\" \n3e0,4,-0.0",
    ] {
        assert_eq!(header.read::<f64>(text.as_bytes()).unwrap(), expected, "{text:?}");
    }
    for (separator, text) in [(b';', "1;-2.5;7\n3;4;0"), (b'\t', "1\t-2.5\t7\r\n3\t4\t0\r\n"), (b'|', "\u{feff}1|\"-2.5\"|7\n3|4|0\n \n")] {
        assert_eq!(Csv::new().separator(separator).read::<f64>(text.as_bytes()).unwrap(), expected, "{text:?}");
    }
    // A quoted number may contain a line end around it, but none inside.
    assert_eq!(Csv::new().read::<f64>("\"1\r\n\",0\n".as_bytes()).unwrap().x, array![[1.0]].into_dyn());
    // The mark is skipped at the beginning only.
    assert!(refused(Csv::new(), "1,0\n\u{feff}1,0\n").starts_with("line 2, column 1: "));
    assert_eq!(refused(Csv::new(), "\u{feff}"), "the data holds no row");
}

/// Random tables, written in random ways, are read back. Damaged ones are refused without a panic.
#[test]
fn what_is_written_is_read() {
    let mut rng = seeded(7);
    for round in 0..300 {
        let (rows, columns) = (rng.random_range(1..6usize), rng.random_range(1..5usize));
        let separator = [b',', b';', b'\t', b'|'][round % 4];
        let end = ["\n", "\r\n"][round / 4 % 2];
        let names: Vec<String> =
            (0..columns).map(|i| format!("{i}{}", [",", "\"", "\r\nb", ";", "x", "\""][rng.random_range(0..6usize)])).collect();
        let mut text = [&[][..], b"\xef\xbb\xbf"][round / 8 % 2].to_vec();
        let mut write = |text: &mut Vec<u8>, fields: &[String], must: bool| {
            for (i, field) in fields.iter().enumerate() {
                text.extend((i > 0).then_some(separator));
                match must || rng.random::<bool>() {
                    true => text.extend(format!("\"{}\"", field.replace('"', "\"\"")).bytes()),
                    false => text.extend(field.bytes()),
                }
            }
            text.extend(end.bytes());
            if rng.random_range(0..5u32) == 0 {
                text.extend(end.bytes());
            }
        };
        write(&mut text, &names, true);
        let numbers: Vec<f64> = (0..rows * columns).map(|i| (i as f64 - 3.0) * 0.37).collect();
        let labels: Vec<usize> = (0..rows).map(|i| i * 7 % 5).collect();
        let place = round % columns;
        for (row, label) in numbers.chunks(columns).zip(&labels) {
            let mut fields: Vec<String> = row.iter().map(f64::to_string).collect();
            fields[place] = if round % 3 == 0 { format!("{label}.0") } else { label.to_string() };
            write(&mut text, &fields, false);
        }
        let csv = Csv::new().header(true).separator(separator).label(&*names[place]);
        let read = csv.read::<f64>(&*text).unwrap_or_else(|e| panic!("{e}: {:?}", String::from_utf8_lossy(&text)));
        assert_eq!(read.y, labels);
        let left: Vec<f64> = numbers.iter().enumerate().filter(|(i, _)| i % columns != place).map(|(_, x)| *x).collect();
        assert_eq!((read.x.shape(), read.x.iter().copied().collect::<Vec<_>>()), (&[rows, columns - 1][..], left));
        for at in 0..text.len() {
            for byte in *b"\",\n\r; \xff0x" {
                let mut damaged = text.clone();
                damaged[at] = byte;
                let _ = csv.read::<f64>(&*damaged);
            }
            let _ = csv.read::<f64>(&text[..at]);
        }
    }
}
#[test]
fn quotes_that_make_no_sense() {
    assert_eq!(refused(Csv::new(), "1,2\n3,\"4\n5,6\n"), "line 2, column 2: the quote that begins here is never closed");
    assert_eq!(refused(Csv::new(), "1,\"2"), "line 1, column 2: the quote that begins here is never closed");
    assert_eq!(refused(Csv::new(), "\"1\"2,3"), "line 1, column 1: text follows the closing quote");
    assert!(refused(Csv::new(), "\"a\"\"b\",3").starts_with("line 1, column 1: \"a\\\"b\" is not a finite number"));
    assert!(refused(Csv::new(), "5\",3").starts_with("line 1, column 1: \"5\\\"\" is not a finite number"));
    assert!(refused(Csv::new(), "\"1\n2\",3\n4,x\n").starts_with("line 1, column 1: \"1\\n2\" is not a finite number"));
    assert_eq!(refused(Csv::new(), "\"1\n\",3\n4,x\n"), "line 3, column 2: \"x\" is not a whole number from 0 to 4294967295");
}
#[test]
fn labels_with_a_point() {
    let label = |text: &str| Csv::new().read::<f64>(format!("1,{text}").as_bytes()).map(|e| e.y[0]).map_err(|e| e.to_string());
    assert_eq!(["1.0", "2.", "3e0", "1e2", "4294967295.0", "-0.0", "+5"].map(|t| label(t).unwrap()), [1, 2, 3, 100, 4_294_967_295, 0, 5]);
    for bad in ["1.5", "-1.0", "4294967296.0", "NaN", "inf", "1e99", ""] {
        assert!(label(bad).is_err(), "{bad}");
    }
}
#[test]
#[should_panic(expected = "Csv::separator: columns cannot be separated by '\"'")]
fn quotes_separate_nothing() {
    let _ = Csv::new().separator(b'"');
}
#[test]
fn a_missing_file_is_named() {
    let error = Csv::new().load::<f32>("no/such/table.csv").unwrap_err().to_string();
    assert!(error.starts_with("no/such/table.csv: cannot read the data: "), "{error}");
    assert_eq!(Csv::new().load_targets::<f32>("no/such/table.csv").unwrap_err().to_string(), error);
}
#[test]
fn a_table_of_labels_alone() {
    let read = Csv::new().read::<f32>("3\n1\n".as_bytes()).unwrap();
    assert_eq!((read.x.shape(), read.y), (&[2, 0][..], vec![3, 1]));
}
