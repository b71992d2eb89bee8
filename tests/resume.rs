//! Does a run that is killed again and again end with the same bits as one that was never stopped?

use std::fs;
use std::io::{BufRead, BufReader, stdin};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;
use wengert::data::{Augment, Examples, Loader, digits};
use wengert::init::seeded;
use wengert::io::Checkpoint;
use wengert::nn::{BatchNorm2d, Conv2d, Dropout, Flatten, Forward, Linear, Module, Relu, Sequential};
use wengert::optim::{Adam, CosineAnnealingLr, Optimizer, Scheduler};
use wengert::{Param, Tape};

/// The batches of an epoch.
const BATCHES: usize = 13;
/// How many kills must fall into batches, and as many into saves.
const KILLS: usize = 20;
/// How many processes may be started for that: on a busy machine some saves are over before the kill.
const ATTEMPTS: usize = 50 * KILLS;
/// Tells the test, started again as a process of its own, to train here and to say what it does.
const DIRECTORY: &str = "WENGERT_RESUME_DIRECTORY";
/// The batch, counted from 1, after whose step that process waits to be killed; 0: none.
const WAIT_AT: &str = "WENGERT_RESUME_WAIT_AT";

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
    /// Trains for so many batches. After each step it calls `stepped` with itself and the number of the batch, from 1.
    fn train(&mut self, batches: usize, mut stepped: impl FnMut(&Run, usize)) {
        let params = self.model.parameters();
        let mut tape = Tape::new();
        let mut done = 0;
        loop {
            for batch in self.loader.epoch_from(self.next.0, self.next.1) {
                if done == batches {
                    return;
                }
                done += 1;
                let loss = self.model.forward(tape.constant(&batch.x)).cross_entropy(&batch.y);
                let grads = tape.backward(loss);
                tape.reset();
                Optimizer::step(&mut self.optimizer, &params, &grads);
                tape.recycle(grads);
                self.scheduler.step(&mut self.optimizer);
                self.next.1 += 1;
                stepped(self, done);
            }
            self.next = (self.next.0 + 1, 0);
        }
    }
}

/// What the process does that is killed: trains on and on, saves after each batch, and tells what it is at.
fn train_until_killed(path: &Path) {
    let wait_at: usize = std::env::var(WAIT_AT).unwrap().parse().unwrap();
    let mut run = Run::new();
    if path.exists() {
        run.resume(path);
    }
    run.train(usize::MAX, |run, batch| {
        eprintln!("batch"); // a step further than the file
        if batch == wait_at {
            stdin().read_line(&mut String::new()).unwrap();
        }
        let checkpoint = run.checkpoint();
        eprintln!("save");
        checkpoint.save(path).unwrap();
        eprintln!("saved");
    });
}

/// Starts the run as a process and kills it a while after it has begun its `nth` save, or while it waits after the step of its `nth` batch;
/// says whether it was still at that.
fn killed(directory: &Path, what: &str, nth: usize, wait: Duration) -> bool {
    let mut run = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "resume::a_run_that_is_killed_ends_with_the_same_bits", "--nocapture"])
        .env(DIRECTORY, directory)
        .env(WAIT_AT, if what == "batch" { nth } else { 0 }.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _open = run.stdin.take(); // `wait` below closes what is left in `run`, which would end the waiting
    let mut lines = BufReader::new(run.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut told = Vec::new();
    while told.iter().filter(|line| *line == what).count() < nth {
        match lines.next() {
            Some(line) => told.push(line),
            None => break,
        }
    }
    sleep(wait);
    run.kill().unwrap(); // SIGKILL: nothing of the process runs any more
    told.extend(lines);
    let status = run.wait().unwrap();
    assert!(status.code().is_none(), "the run ended by itself, {status}, and told\n{}", told.join("\n"));
    told.last().is_some_and(|line| line == what)
}

#[test]
fn a_run_that_is_killed_ends_with_the_same_bits() {
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        return train_until_killed(&PathBuf::from(directory).join("run.safetensors"));
    }
    let directory = std::env::temp_dir().join(format!("wengert-resume-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let path = directory.join("run.safetensors");
    let mut hits = [0; 2];
    for attempt in 0.. {
        // Each in turn, until one of them has its number.
        let at = if hits[1] >= KILLS || (hits[0] < KILLS && attempt % 2 == 0) { 0 } else { 1 };
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
        assert!(attempt < ATTEMPTS, "of {attempt} kills {hits:?} fell into batches and saves");
    }
    let mut resumed = Run::new();
    resumed.resume(&path);
    let (epoch, batch) = resumed.next;
    assert!((epoch, batch) > (0, 0), "nothing was ever saved");
    resumed.train(20, |_, _| {});
    let mut never_stopped = Run::new();
    never_stopped.train(epoch as usize * BATCHES + batch + 20, |_, _| {});
    assert_eq!(resumed.next, never_stopped.next);
    let bits = |run: &Run| {
        let all = run.model.named_parameters().into_iter().chain(run.model.named_buffers());
        all.map(|(name, p)| (name, p.with(|p| p.iter().map(|x| x.to_bits()).collect::<Vec<_>>()))).collect::<Vec<_>>()
    };
    assert!(bits(&resumed) == bits(&never_stopped), "other bits than those of the run that was never stopped");
    assert!(resumed.checkpoint() == never_stopped.checkpoint(), "other memory of optimizer, scheduler or generators");
    // What the killed processes left of files that were not yet whole is removed by the next save.
    resumed.checkpoint().save(&path).unwrap();
    let names: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["run.safetensors"]);
    fs::remove_dir_all(directory).unwrap();
}

/// Schedule and optimizer may be loaded in either order, also before the scheduler is made.
#[test]
fn parts_are_loaded_in_any_order() {
    let mut never_stopped = Run::new();
    never_stopped.train(30, |_, _| {});
    let mut stopped = Run::new();
    stopped.train(10, |_, _| {});
    let checkpoint = stopped.checkpoint();
    for order in [["scheduler", "optimizer"], ["optimizer", "scheduler"], ["optimizer", "make"]] {
        let mut run = Run::new();
        run.model.load_state(&checkpoint.part("model").unwrap()).unwrap();
        run.model.load_generators(&checkpoint.part("generators").unwrap()).unwrap();
        for part in order {
            if part == "optimizer" {
                run.optimizer.load_state(&run.named, &checkpoint.part("optimizer").unwrap()).unwrap();
                continue;
            }
            if part == "make" {
                run.scheduler = Scheduler::new(&mut run.optimizer, CosineAnnealingLr::new(60));
            }
            run.scheduler.load_state(&checkpoint.part("scheduler").unwrap()).unwrap();
        }
        run.next = (checkpoint.epoch(), checkpoint.batch());
        run.train(20, |_, _| {});
        assert!(run.model.state() == never_stopped.model.state(), "{order:?}");
        assert!(run.checkpoint() == never_stopped.checkpoint(), "{order:?}");
    }
}

/// The test above that kills can fail: each part that is left out changes the bits.
#[test]
fn every_part_of_a_checkpoint_counts() {
    let mut never_stopped = Run::new();
    never_stopped.train(30, |_, _| {});
    let mut stopped = Run::new();
    stopped.train(10, |_, _| {});
    let checkpoint = stopped.checkpoint();
    let resumed = |without: &str| {
        let mut run = Run::new();
        let part = |name: &str| (name != without).then(|| checkpoint.part(name).unwrap());
        part("model").inspect(|s| run.model.load_state(s).unwrap());
        part("generators").inspect(|s| run.model.load_generators(s).unwrap());
        part("scheduler").inspect(|s| run.scheduler.load_state(s).unwrap());
        part("optimizer").inspect(|s| run.optimizer.load_state(&run.named, s).unwrap());
        run.next = (checkpoint.epoch(), if without == "position" { 0 } else { checkpoint.batch() });
        run.train(20, |_, _| {});
        run.model.state()
    };
    assert!(resumed("") == never_stopped.model.state());
    for part in ["model", "generators", "scheduler", "optimizer", "position"] {
        assert!(resumed(part) != never_stopped.model.state(), "{part}");
    }
}
