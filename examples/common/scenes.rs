//! Episodes as animated pictures: SVG that any browser plays, in one file without scripts.

use std::path::Path;
use wengert::rl::{CartPole, Catch, MountainCar};

/// A picture in which things move.
pub struct Scene {
    size: [usize; 2],
    body: String,
    /// How long all frames take, and how many of the last one follow, so that the end is seen.
    seconds: f64,
    rest: usize,
    /// Do things jump from frame to frame, or glide?
    jumps: bool,
}

impl Scene {
    fn new(size: [usize; 2], frames: usize, frames_per_second: f64, jumps: bool) -> Scene {
        let rest = frames_per_second as usize;
        let background = format!(r##"<rect width="{}" height="{}" fill="#f7f8fa"/>"##, size[0], size[1]);
        Scene { size, body: background, seconds: (frames + rest) as f64 / frames_per_second, rest, jumps }
    }
    /// Adds an element.
    fn draw(&mut self, element: &str) -> &mut Scene {
        self.body += element;
        self
    }
    /// Moves or turns (`kind` is `translate` or `rotate`) all that is drawn until the matching [`Scene::end`]: numbers for each frame. The first
    /// is what viewers show that do not animate.
    fn moving<const N: usize>(&mut self, kind: &str, frames: impl IntoIterator<Item = [f64; N]>) -> &mut Scene {
        let tenths = |x: f64| ((x * 10.0).round() / 10.0).to_string();
        let mut values: Vec<String> = frames.into_iter().map(|numbers| numbers.map(tenths).join(",")).collect();
        let [first, last] = [values.first(), values.last()].map(|value| value.cloned().unwrap_or_default());
        values.extend(std::iter::repeat_n(last, self.rest));
        let mode = if self.jumps { r#" calcMode="discrete""# } else { "" };
        let (seconds, values) = (self.seconds, values.join(";"));
        self.draw(&format!(r#"<g transform="{kind}({first})"><animateTransform attributeName="transform" type="{kind}" dur="{seconds:.2}s" repeatCount="indefinite"{mode} values="{values}"/>"#))
    }
    fn end(&mut self) -> &mut Scene {
        self.draw("</g>")
    }
    /// Writes the file.
    pub fn save(&self, path: &Path) -> std::io::Result<()> {
        let ([width, height], body) = (self.size, &self.body);
        let head = format!(r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">"#);
        std::fs::write(path, format!("{head}{body}</svg>\n"))
    }
}

/// A cart on its rail between the bounds of an episode.
pub fn cart_pole(states: &[[f64; 4]]) -> Scene {
    let (scale, rail) = (80.0, 170.0);
    let mut scene = Scene::new([400, 200], states.len(), 50.0, false);
    scene.draw(&format!(r##"<path d="M0 {rail}H400" stroke="#9aa3ad"/>"##));
    for end in [-CartPole::FARTHEST, CartPole::FARTHEST] {
        scene.draw(&format!(r##"<path d="M{:.1} {rail}v-12" stroke="#d4604a" stroke-width="2"/>"##, 200.0 + scale * end));
    }
    scene
        .moving("translate", states.iter().map(|s| [200.0 + scale * s[0], rail]))
        .draw(r##"<rect x="-25" y="-22" width="50" height="18" rx="3" fill="#2b3440"/><circle cx="-14" r="5"/><circle cx="14" r="5"/>"##)
        .draw(r#"<g transform="translate(0,-18)">"#)
        .moving("rotate", states.iter().map(|s| [s[2].to_degrees()]))
        .draw(r##"<path d="M0 0V-100" stroke="#de7814" stroke-width="8" stroke-linecap="round"/>"##)
        .end()
        .end()
        .end();
    scene
}

/// Two links, and the height that the free end has to reach.
pub fn acrobot(states: &[[f64; 4]]) -> Scene {
    let link = 60;
    let degrees = |which: usize| unwrapped(states.iter().map(|s| s[which])).into_iter().map(|angle| [-angle.to_degrees()]);
    let mut scene = Scene::new([280, 280], states.len(), 15.0, false);
    scene
        .draw(&format!(r##"<path d="M0 {}H280" stroke="#00946e" stroke-dasharray="6 4"/>"##, 140 - link))
        .draw(r#"<g transform="translate(140,140)">"#)
        .moving("rotate", degrees(0))
        .draw(&format!(r##"<path d="M0 0V{link}" stroke="#1f68b2" stroke-width="10" stroke-linecap="round"/>"##))
        .draw(&format!(r#"<g transform="translate(0,{link})">"#))
        .moving("rotate", degrees(1))
        .draw(&format!(r##"<path d="M0 0V{link}" stroke="#de7814" stroke-width="10" stroke-linecap="round"/>"##))
        .end()
        .draw(r##"<circle r="6" fill="#f7f8fa"/>"##)
        .end()
        .end()
        .draw(r##"<circle r="7" fill="#2b3440"/>"##)
        .end();
    scene
}

/// A car in its valley, and the flag at its goal.
pub fn mountain_car(states: &[[f64; 2]]) -> Scene {
    let at = |place: f64| [20.0 + 200.0 * (place - MountainCar::ENDS[0]), 180.0 - 140.0 * (0.5 + 0.5 * (3.0 * place).sin())];
    let mut scene = Scene::new([400, 200], states.len(), 6.0, false);
    let [left, right] = MountainCar::ENDS;
    let hill: String = (0..=60).map(|i| at(left + (right - left) * f64::from(i) / 60.0)).map(|[x, y]| format!("{x:.1},{y:.1} ")).collect();
    let [x, y] = at(MountainCar::GOAL);
    scene
        .draw(&format!(r##"<polyline points="{hill}" fill="none" stroke="#2b3440" stroke-width="2"/>"##))
        .draw(&format!(r##"<path d="M{x:.1} {y:.1}v-30l14 6l-14 6" fill="#00946e" stroke="#00946e"/>"##))
        .moving("translate", states.iter().map(|s| at(s[0])))
        .draw(r##"<circle cy="-8" r="8" fill="#de7814"/>"##)
        .end();
    scene
}

/// Games one after the other.
pub fn catch(games: &[Catch]) -> Scene {
    let scale = 3;
    let at = |[x, y]: [usize; 2]| [(x * scale) as f64, (y * scale) as f64];
    let side = |pixels: usize| pixels * scale;
    let mut scene = Scene::new([side(Catch::SIZE); 2], games.len(), 20.0, true);
    let [height, width] = Catch::PADDLE.map(side);
    scene
        .draw(&format!(r#"<rect width="{0}" height="{0}"/>"#, side(Catch::SIZE)))
        .moving("translate", games.iter().map(|game| at([game.paddle(), Catch::LINE])))
        .draw(&format!(r##"<rect width="{width}" height="{height}" fill="#808080"/>"##))
        .end()
        .moving("translate", games.iter().map(|game| at(game.ball())))
        .draw(&format!(r##"<rect width="{0}" height="{0}" fill="#fff"/>"##, side(Catch::BALL)))
        .end();
    scene
}

/// Angles without jumps by a full turn.
fn unwrapped(angles: impl Iterator<Item = f64>) -> Vec<f64> {
    let turn = 2.0 * std::f64::consts::PI;
    angles
        .scan(0.0, |last, angle: f64| {
            *last = angle + turn * ((*last - angle) / turn).round();
            Some(*last)
        })
        .collect()
}
