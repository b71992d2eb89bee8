//! Checkpoints: there and back, and files that are none.

use crate::kit::helpers::Directory;
use ndarray::array;
use wengert::io::safetensors::save_with;
use wengert::io::{Checkpoint, IoError, State};

const MARK: &str = "wengert.checkpoint";

fn example() -> Checkpoint {
    let model = State::from_iter([("fc.weight", array![[1.0f32, 2.0]].into_dyn()), ("fc.bias", array![0.5f32].into_dyn())]);
    Checkpoint::at(3, 17).with("model", model).with("optimizer", State::new()).with("mine", State::from_iter([("best", 0.25)]))
}

#[test]
fn there_and_back() {
    let dir = Directory::new("checkpoint");
    let path = dir.file("run");
    example().save(&path).unwrap();
    let read = Checkpoint::load(&path).unwrap();
    assert_eq!(read, example());
    assert_eq!((read.epoch(), read.batch(), read.parts().collect::<Vec<_>>()), (3, 17, vec!["mine", "model", "optimizer"]));
    assert_eq!((read.part("mine").unwrap().number("best"), read.part("optimizer")), (Ok(0.25), Ok(State::new())));
    assert_eq!(read.part("scheduler").unwrap_err().to_string(), "`scheduler` is missing");
    let empty = Checkpoint::at(0, 0);
    empty.save(&path).unwrap();
    assert_eq!(Checkpoint::load(&path).unwrap(), empty);
}
#[test]
fn the_same_checkpoint_gives_the_same_file() {
    let dir = Directory::new("checkpoint-bytes");
    let bytes = |name| {
        example().save(dir.file(name)).unwrap();
        std::fs::read(dir.file(name)).unwrap()
    };
    let first = bytes("0");
    for name in ["1", "2", "3", "4"] {
        assert_eq!(bytes(name), first);
    }
}
#[test]
fn cut_short_at_every_byte() {
    let dir = Directory::new("checkpoint-cut");
    let path = dir.file("run");
    example().save(&path).unwrap();
    let whole = std::fs::read(&path).unwrap();
    for n in 0..whole.len() {
        std::fs::write(&path, &whole[..n]).unwrap();
        assert!(matches!(Checkpoint::load(&path), Err(IoError::Format { .. })), "{n}");
    }
}
#[test]
fn other_files() {
    let dir = Directory::new("checkpoint-other");
    let path = dir.file("weights");
    wengert::io::save(&path, &State::new()).unwrap();
    let error = Checkpoint::load(&path).unwrap_err().to_string();
    assert!(error.ends_with("weights: it is not a training checkpoint (`io::load` reads plain arrays)"), "{error}");
    let refused = |state: &[(&str, u64)], parts: &str| {
        save_with(&path, &State::from_iter(state.iter().copied()), &[(MARK, parts)]).unwrap();
        Checkpoint::load(&path).unwrap_err().to_string()
    };
    let place = [("position.epoch", 1), ("position.batch", 1)];
    assert!(refused(&place[..1], "").ends_with("position: `batch` is missing"));
    assert!(refused(&[place[0], place[1], ("model.x", 1)], "other").ends_with("`model.x` does not belong to a part"));
    assert!(refused(&[place[0], place[1], ("x", 1)], "x").ends_with("`x` does not belong to a part"));
    assert!(matches!(Checkpoint::load(dir.file("none")), Err(IoError::Read { .. })));
}
#[test]
#[should_panic(expected = "Checkpoint::with: no part can be called \"a.b\"")]
fn names_without_dots() {
    let _ = Checkpoint::at(0, 0).with("a.b", State::new());
}
#[test]
#[should_panic(expected = "Checkpoint::with: there is a part \"model\" already")]
fn names_once() {
    let _ = example().with("model", State::new());
}
