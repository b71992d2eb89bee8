//! Pictures: their text is well-formed and shows what was given, for any numbers.

mod confusion;
mod curves;
mod images;
mod regions;

use crate::kit::helpers::Directory;
use wengert::plot::{Curves, Picture};

/// Checks what viewers need of an SVG: elements are closed, and text is escaped.
fn well_formed(picture: &Picture) {
    let svg = picture.svg();
    assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"), "{svg}");
    let (mut open, mut rest) = (Vec::new(), svg);
    while let Some(at) = rest.find('<') {
        let end = at + rest[at..].find('>').expect("a tag ends");
        let tag = &rest[at + 1..end];
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None if tag.ends_with('/') => {}
            None => open.push(tag.split_whitespace().next().unwrap()),
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty() && !rest.contains('&'), "{open:?}");
    let allowed = |c: char| !c.is_control() && !matches!(c, '\u{FFFE}' | '\u{FFFF}') || "\t\n\r".contains(c);
    assert!(svg.chars().all(allowed), "{svg:?}");
    let mut numbers = svg.split('"').filter(|part| !part.starts_with("data:")); // of an image's base64 any letters are right
    assert!(numbers.all(|part| !part.contains("NaN") && !part.contains("inf")), "{svg}");
}

/// All texts in a picture.
fn texts(picture: &Picture) -> Vec<String> {
    let texts = picture.svg().split("<text").skip(1).map(|t| &t[t.find('>').unwrap() + 1..t.find("</text>").unwrap()]);
    texts.map(|t| t.trim().to_string()).collect()
}
#[test]
fn titles_may_hold_anything() {
    let drawn = Curves::new("a\u{0}\u{1b}[1m\u{7f}\u{fffe}\tb <&> é", "x", "y").draw();
    well_formed(&drawn);
    assert_eq!(texts(&drawn)[0], "a[1m\tb &lt;&amp;&gt; é");
}
#[test]
fn a_failed_save_leaves_the_old_file() {
    let folder = Directory::new("plot-save");
    let path = folder.file("deeper/a.svg");
    let [first, second] = ["first", "second"].map(|t| Curves::new(t, "x", "y").draw());
    first.save(&path).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), first.svg());
    second.save(&path).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), second.svg());
    // There is a folder where the file should go: nothing is written, and no temporary file is left.
    let taken = folder.file("taken.svg");
    std::fs::create_dir_all(taken.join("x")).unwrap();
    assert!(first.save(&taken).is_err());
    assert!(first.save(path.join("below a file.svg")).is_err());
    assert!(first.save("/").is_err());
    assert_eq!(folder.names(), ["deeper", "taken.svg"]);
}
