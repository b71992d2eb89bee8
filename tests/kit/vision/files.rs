//! Are image files read as torchvision reads them, written so that they are read again, and refused if they are damaged?

use crate::kit::helpers::Directory;
use ndarray::{Array3, s};
use rand::RngExt;
use safetensors::SafeTensors;
use std::fs;
use std::path::{Path, PathBuf};
use wengert::init::seeded;
use wengert::vision::image::{ImageError, ImageReadMode, decode_image, read_image, read_image_with, to_gray, write_image};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("kit/vision/images")
}

/// The largest difference of a byte.
fn distance(a: &Array3<u8>, b: &Array3<u8>) -> u8 {
    assert_eq!(a.dim(), b.dim());
    a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0)
}

#[test]
fn as_torchvision_reads_them() {
    let bytes = fs::read(folder().join("expected.safetensors")).unwrap();
    let expected = SafeTensors::deserialize(&bytes).unwrap();
    let mut seen = 0;
    for (name, tensor) in expected.tensors() {
        let (file, mode) = name.rsplit_once('.').unwrap();
        let mode = match mode {
            "rgb" => ImageReadMode::Rgb,
            "gray" => ImageReadMode::Gray,
            _ => ImageReadMode::Unchanged,
        };
        let [c, h, w] = *tensor.shape() else { panic!("{name}") };
        let expected = Array3::from_shape_vec((c, h, w), tensor.data().to_vec()).unwrap();
        let got = read_image_with(folder().join(file), mode).unwrap();
        // JPEG leaves rounding to decoders; libpng's weights of gray differ.
        let allowed = match file {
            "color.png" if mode == ImageReadMode::Gray => 1,
            _ if file.ends_with(".jpg") => 2,
            _ => 0,
        };
        let d = distance(&got, &expected);
        assert!(d <= allowed, "{name}: differs by {d}");
        seen += 1;
    }
    assert!(seen >= 18, "{seen}");
}

/// A channel of alpha is opaque if the file has none, and dropped where it is not wanted.
#[test]
fn channels_of_the_modes() {
    use ImageReadMode::*;
    for (file, own) in
        [("gray.png", 1), ("gray_alpha.png", 2), ("color.png", 3), ("color_alpha.png", 4), ("palette.png", 3), ("gray.jpg", 1)]
    {
        let read = |mode| read_image_with(folder().join(file), mode).unwrap();
        for (mode, channels) in [(Unchanged, own), (Gray, 1), (GrayAlpha, 2), (Rgb, 3), (RgbAlpha, 4)] {
            let image = read(mode);
            assert_eq!(image.dim(), (channels, 16, 20), "{file} {mode:?}");
            if matches!(mode, GrayAlpha | RgbAlpha) && own % 2 == 1 {
                assert!(image.slice(s![-1, .., ..]).iter().all(|&a| a == 255), "{file} {mode:?}");
            }
        }
        assert_eq!(read(GrayAlpha).slice(s![..1, .., ..]), read(Gray));
        assert_eq!(read(RgbAlpha).slice(s![..3, .., ..]), read(Rgb));
        assert_eq!(to_gray(&read(Unchanged)), read(Gray));
    }
}

#[test]
fn written_and_read_again() {
    let dir = Directory::new("images");
    let mut rng = seeded(3);
    for (ending, channels) in [("png", 1), ("PNG", 3), ("png", 4), ("pgm", 1), ("ppm", 3), ("pnm", 1), ("pnm", 3)] {
        for (h, w) in [(1, 1), (7, 3), (20, 33)] {
            let image = Array3::from_shape_simple_fn((channels, h, w), || rng.random::<u8>());
            let path = dir.file(&format!("a.{ending}"));
            write_image(&path, &image).unwrap();
            assert_eq!(read_image(&path).unwrap(), image, "{ending} {channels} {h} {w}");
            // An array in another order in memory is the same image.
            let turned = image.clone().reversed_axes().as_standard_layout().into_owned().reversed_axes();
            write_image(&path, &turned).unwrap();
            assert_eq!(read_image(&path).unwrap(), image);
        }
    }
    for (ending, channels) in [("jpg", 1), ("jpeg", 3)] {
        let image = Array3::from_shape_fn((channels, 30, 41), |(c, y, x)| (60 + 20 * c + 2 * y + x) as u8);
        let path = dir.file(&format!("a.{ending}"));
        write_image(&path, &image).unwrap();
        let d = distance(&read_image(&path).unwrap(), &image);
        assert!(d <= 3, "{ending}: {d}");
    }
}

#[test]
fn pnm_headers() {
    let values = |file: &[u8]| decode_image(file, ImageReadMode::Unchanged).map(|i| (i.dim(), i.iter().copied().collect::<Vec<_>>()));
    assert_eq!(values(b"P5\n# a comment\n2 # another\n1\n100\n\x00\x64").unwrap(), ((1, 1, 2), vec![0, 255]));
    assert_eq!(values(b"P5 1 2 65535 \x00\x00\xff\xff").unwrap(), ((1, 2, 1), vec![0, 255]));
    assert_eq!(values(b"P6 1 1 255\n\x01\x02\x03 and more").unwrap(), ((3, 1, 1), vec![1, 2, 3]));
    for (file, why) in [
        (&b"P5"[..], "the header has no width"),
        (b"P5 1 # no end", "the header has no height"),
        (b"P5 1 99999999999999999999 1 ", "the header has no height"),
        (b"P5 1 1 0 \x00", "the largest value is 0"),
        (b"P5 1 1 65536 \x00", "the largest value is 65536"),
        (b"P5 2 1 255 \x00", "1 bytes of pixels where 2 are needed"),
        (b"P5 1 1 255", "0 bytes of pixels"),
        (b"P6 99999 99999 255 \x00", "99999 x 99999 pixels: at most 20 are read from 20 bytes"),
        (b"P5 0 3 255\n", "0 x 3 pixels, which are none"),
        (b"P6 18446744073709551615 2 255 \x00", "pixels: at most"),
    ] {
        let text = values(file).unwrap_err().to_string();
        assert!(text.contains(why), "{text}");
    }
}

/// Each prefix of each file, and each file with a few bytes changed, is read or refused, and nothing panics. A prefix that lacks more than
/// the end of the file is refused.
#[test]
fn damaged_files() {
    let mut rng = seeded(5);
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let file = fs::read(&path).unwrap();
        if !matches!(path.extension().unwrap().to_str(), Some("png" | "jpg")) {
            continue;
        }
        for n in 0..file.len() {
            let read = decode_image(&file[..n], ImageReadMode::Rgb);
            assert!(n + 20 > file.len() || read.is_err(), "{}: {n} of {} bytes", path.display(), file.len());
        }
        for _ in 0..300 {
            let mut damaged = file.clone();
            for _ in 0..rng.random_range(1..4) {
                let at = rng.random_range(0..file.len());
                damaged[at] = rng.random();
            }
            let _ = decode_image(&damaged, ImageReadMode::RgbAlpha);
        }
    }
}

/// A header of a few bytes takes no gigabytes.
#[test]
fn sizes_of_headers() {
    let mut png = fs::read(folder().join("gray.png")).unwrap();
    png[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
    let crc = {
        // of the changed header
        let mut crc = flate2::Crc::new();
        crc.update(&png[12..29]);
        crc.sum().to_be_bytes()
    };
    png[29..33].copy_from_slice(&crc);
    let text = decode_image(&png, ImageReadMode::Gray).unwrap_err().to_string();
    assert!(text.contains("65536 x 65536 pixels: at most 2352960 are read from 285 bytes"), "{text}");
    let mut jpg = fs::read(folder().join("gray.jpg")).unwrap();
    let frame = jpg.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
    jpg[frame + 5..frame + 9].fill(0xff);
    let text = decode_image(&jpg, ImageReadMode::Gray).unwrap_err().to_string();
    assert!(text.contains("65535 x 65535 pixels"), "{text}");
    // A block of 64 pixels takes a bit of a JPEG file at least, in a progressive one too, whose coefficients take more memory than its pixels.
    let mut progressive = fs::read(folder().join("color.jpg")).unwrap();
    let frame = progressive.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
    progressive[frame + 1] = 0xc2;
    progressive[frame + 5..frame + 9].copy_from_slice(&[0x40, 0, 0x40, 0]);
    progressive.resize(33_000, 0);
    let text = decode_image(&progressive, ImageReadMode::Rgb).unwrap_err().to_string();
    assert!(text.contains("16384 x 16384 pixels: at most 16896000 are read from 33000 bytes"), "{text}");
}

#[test]
fn refusals() {
    let dir = Directory::new("images-refused");
    let write = |name: &str, shape| write_image(dir.file(name), &Array3::zeros(shape)).unwrap_err();
    assert!(matches!(write("a.gif", (1, 2, 2)), ImageError::Ending { .. }));
    assert!(matches!(write("png", (1, 2, 2)), ImageError::Ending { .. }));
    for (name, shape, why) in [
        ("a.png", (2, 2, 2), "1 (gray), 3 (color) or 4"),
        ("a.png", (1, 0, 2), "no pixels"),
        ("a.jpg", (4, 2, 2), "1 (gray) or 3 (color) channels"),
        ("a.jpg", (1, 1, 65536), "65,535 pixels on a side"),
        ("a.pgm", (3, 2, 2), "of 1 channel"),
        ("a.ppm", (1, 2, 2), "of 3 channels"),
        ("a.pnm", (4, 2, 2), "1 (gray) or 3 (color)"),
    ] {
        let error = write(name, shape);
        assert!(matches!(error, ImageError::Unfit { .. }) && error.to_string().contains(why), "{error}");
    }
    assert!(dir.names().is_empty());
    let missing = read_image(dir.file("none.png")).unwrap_err().to_string();
    assert!(missing.starts_with("cannot read ") && missing.contains("none.png"), "{missing}");
    fs::write(dir.file("a.gif"), b"GIF89a").unwrap();
    let unknown = read_image(dir.file("a.gif")).unwrap_err().to_string();
    assert!(unknown.contains("a.gif: it begins as none of PNG, JPEG") && unknown.contains("\n  hint: "), "{unknown}");
}
