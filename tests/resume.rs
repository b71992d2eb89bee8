//! Does a run that is killed again and again end with the same bits as one that was never stopped?

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;
use wengert::data::{Augment, Examples, Loader, digits};
use wengert::init::seeded;
use wengert::io::Checkpoint;
use wengert::nn::{BatchNorm2d, Conv2d, Dropout, Flatten, Linear, Module, Relu, Sequential};
use wengert::optim::{Adam, CosineAnnealingLr, Optimizer, Scheduler};
use wengert::{Param, Tape};

const EPOCHS: u64 = 20;
/// How many kills must fall into batches, and as many into saves.
const KILLS: usize = 20;
/// Tells the test, started again as a process of its own, to train here and to say what it does.
const DIRECTORY: &str = "WENGERT_RESUME_DIRECTORY";

/// A network with every kind of state: parameters, running statistics, dropout; Adam; a schedule by batches; shuffled, shifted images.
struct Run {
    model: Sequential,
    named: Vec<(String, Param)>,
    optimizer: Adam,
    scheduler: Scheduler,
    loader: Loader<Examples>,
    next: (u64, usize),
}

impl Run {
    fn new() -> Run {
        let rng = &mut seeded(3);
        let model = Sequential::new()
            .push(Conv2d::new(1, 4, [3, 3], rng))
            .push(BatchNorm2d::new(4))
            .push(Relu)
            .push(Flatten)
            .push(Dropout::new(0.3, rng))
            .push(Linear::new(4 * 6 * 6, 512, rng)) // large, so that a save takes a while
            .push(Relu)
            .push(Linear::new(512, 10, rng));
        let named = model.named_parameters();
        let mut optimizer = Adam::new(2e-3);
        let scheduler = Scheduler::new(&mut optimizer, CosineAnnealingLr::new(60));
        let loader = Loader::new(Examples::from(digits()).first(200), 16).shuffle(5).augment(Augment::new(6).shift(1));
        Run { model, named, optimizer, scheduler, loader, next: (0, 0) }
    }
    fn resume(&mut self, path: &Path) {
        let checkpoint = Checkpoint::load(path).unwrap();
        self.model.load_state(&checkpoint.part("model").unwrap()).unwrap();
        self.model.load_generators(&checkpoint.part("generators").unwrap()).unwrap();
        self.scheduler.load_state(&checkpoint.part("scheduler").unwrap()).unwrap();
        self.optimizer.load_state(&self.named, &checkpoint.part("optimizer").unwrap()).unwrap();
        self.next = (checkpoint.epoch(), checkpoint.batch());
    }
    fn checkpoint(&self) -> Checkpoint {
        Checkpoint::at(self.next.0, self.next.1)
            .with("model", self.model.state())
            .with("generators", self.model.generators())
            .with("scheduler", self.scheduler.state())
            .with("optimizer", self.optimizer.state(&self.named))
    }
    /// Trains for so many batches at most; where there is a path, saves after each of them and tells what it begins.
    fn train(&mut self, mut batches: usize, path: Option<&Path>) {
        let params = self.model.parameters();
        let mut tape = Tape::new();
        while self.next.0 < EPOCHS {
            for batch in self.loader.epoch_from(self.next.0, self.next.1) {
                if batches == 0 {
                    return;
                }
                batches -= 1;
                let tell = |what: &str| path.inspect(|_| eprintln!("{what}"));
                tell("batch");
                let loss = self.model.forward(tape.constant(&batch.x)).cross_entropy(&batch.y);
                let grads = tape.backward(loss);
                tape.reset();
                Optimizer::step(&mut self.optimizer, &params, &grads);
                tape.recycle(grads);
                self.scheduler.step(&mut self.optimizer);
                self.next.1 += 1;
                if let Some(path) = path {
                    let checkpoint = self.checkpoint();
                    tell("save");
                    checkpoint.save(path).unwrap();
                    tell("saved");
                }
            }
            self.next = (self.next.0 + 1, 0);
        }
    }
}

/// Starts the run as a process and kills it a while after it has begun its `nth` batch or save; says whether it was still at that.
fn killed(directory: &Path, what: &str, nth: usize, wait: Duration) -> bool {
    let mut run = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_run_that_is_killed_ends_with_the_same_bits", "--nocapture"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(run.stderr.take().unwrap()).lines().map(Result::unwrap);
    let begun = told.by_ref().filter(|line| line == what).nth(nth - 1).is_some();
    sleep(wait);
    run.kill().unwrap(); // SIGKILL: nothing of the process runs any more
    let last = told.last();
    let status = run.wait().unwrap();
    begun && !status.success() && last.is_none_or(|line| line == what)
}

#[test]
fn a_run_that_is_killed_ends_with_the_same_bits() {
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        let path = PathBuf::from(directory).join("run.safetensors");
        let mut run = Run::new();
        if path.exists() {
            run.resume(&path);
        }
        return run.train(usize::MAX, Some(&path));
    }
    let mut never_stopped = Run::new();
    never_stopped.train(usize::MAX, None);

    let directory = std::env::temp_dir().join(format!("wengert-resume-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let path = directory.join("run.safetensors");
    let mut hits = [0; 2];
    for attempt in 0.. {
        let at = attempt % 2;
        let what = ["batch", "save"][at];
        // Varied moments: at once, and up to two milliseconds later.
        let wait = Duration::from_micros([0, 150, 400, 50, 900, 2000, 250][attempt % 7]);
        hits[at] += usize::from(killed(&directory, what, 1 + attempt / 2 % 2, wait));
        if path.exists() {
            Checkpoint::load(&path).expect("whole after every kill");
        }
        if hits.iter().all(|n| *n >= KILLS) {
            break;
        }
        assert!(attempt < 10 * KILLS, "of {attempt} kills {hits:?} fell into batches and saves");
    }
    let mut resumed = Run::new();
    resumed.resume(&path);
    let (epoch, batch) = resumed.next;
    assert!(epoch < EPOCHS && (epoch, batch) > (0, 0), "the run was killed before its end, but at {epoch}, {batch}");
    resumed.train(usize::MAX, None);
    assert_eq!(resumed.next, never_stopped.next);
    let bits = |run: &Run| {
        let all = run.model.named_parameters().into_iter().chain(run.model.named_buffers());
        all.map(|(name, p)| (name, p.with(|p| p.iter().map(|x| x.to_bits()).collect::<Vec<_>>()))).collect::<Vec<_>>()
    };
    assert!(bits(&resumed) == bits(&never_stopped), "other bits than those of the run that was never stopped");
    assert!(resumed.checkpoint() == never_stopped.checkpoint(), "other memory of optimizer, scheduler or generators");
    fs::remove_dir_all(directory).unwrap();
}

/// The test above can fail: each part that is left out changes the bits.
#[test]
fn every_part_of_a_checkpoint_counts() {
    let mut never_stopped = Run::new();
    never_stopped.train(30, None);
    let mut stopped = Run::new();
    stopped.train(10, None);
    let checkpoint = stopped.checkpoint();
    let resumed = |without: &str| {
        let mut run = Run::new();
        let part = |name: &str| (name != without).then(|| checkpoint.part(name).unwrap());
        part("model").inspect(|s| run.model.load_state(s).unwrap());
        part("generators").inspect(|s| run.model.load_generators(s).unwrap());
        part("scheduler").inspect(|s| run.scheduler.load_state(s).unwrap());
        part("optimizer").inspect(|s| run.optimizer.load_state(&run.named, s).unwrap());
        run.next = (checkpoint.epoch(), if without == "position" { 0 } else { checkpoint.batch() });
        run.train(20, None);
        run.model.state()
    };
    assert!(resumed("") == never_stopped.model.state());
    for part in ["model", "generators", "scheduler", "optimizer", "position"] {
        assert!(resumed(part) != never_stopped.model.state(), "{part}");
    }
}
