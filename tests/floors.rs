//! Does every import go down? The rooms of `src` are floors: what is on one may import from its own and from those below. Read from the `use`
//! lines and paths of all code that is not compiled for tests alone.

mod sources;

use std::collections::{BTreeMap, BTreeSet};

/// The rooms, from the ground up, and what each answers.
const FLOORS: [(&str, &str); 5] = [
    ("array", "what is an array? numbers, shapes, and where the elements lie"),
    ("kernels", "how is it computed?"),
    ("tape", "what is recorded, and how is it differentiated?"),
    ("ops", "which primitives are there?"),
    ("kit", "what does training take beside gradients?"),
];
/// The one circle: rules are written in `Var`s of the tape that holds the op.
const KNOT: [&str; 4] = ["tape/mod.rs", "tape/op.rs", "tape/record.rs", "tape/var.rs"];

/// What the kit may not name: it stands on the public API alone.
const ENGINE: [&str; 4] = ["array", "kernels", "tape", "ops"];

/// A module by its path: `["tape", "op"]`.
type Module = Vec<String>;

/// One file.
struct Source {
    file: String,
    /// What it imports or names, as paths from the root of the crate.
    uses: Vec<Module>,
}

/// The whole crate.
#[derive(Default)]
struct Crate {
    sources: BTreeMap<Module, Source>,
    /// Where a name of a module comes from, if that says `pub use`.
    exports: BTreeMap<Module, BTreeMap<String, Module>>,
}

/// The code without comments, texts, and items that are compiled for tests alone.
fn plain(text: &str) -> String {
    let (mut code, bytes, mut i) = (String::new(), text.as_bytes(), 0);
    while i < bytes.len() {
        let rest = &text[i..];
        if rest.starts_with("//") {
            i += rest.find('\n').unwrap_or(rest.len());
        } else if let Some(hashes) = rest.strip_prefix('r').map(|r| r.chars().take_while(|c| *c == '#').count())
            && rest[1 + hashes..].starts_with('"')
            && !code.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        {
            let end = format!("\"{}", "#".repeat(hashes));
            i += 2 + hashes + rest[2 + hashes..].find(&end).expect("a text that ends") + end.len();
        } else if let Some(inside) = rest.strip_prefix('"') {
            let mut escaped = false;
            let end = inside.find(|c| {
                let is_end = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                is_end
            });
            i += 2 + end.expect("a text that ends");
        } else if rest.starts_with("'{'") || rest.starts_with("'}'") || rest.starts_with("'\"'") || rest.starts_with("'\\\"'") {
            i += 1 + rest[1..].find('\'').expect("a letter that ends") + 1;
            // (An escaped quote.)
        } else {
            let c = rest.chars().next().expect("there is more");
            code.push(c);
            i += c.len_utf8();
        }
    }
    without_tests(&code)
}

fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let Some(at) = code.find(MARK) else { return code.into() };
    let rest = &code[at + MARK.len()..];
    let begin = rest.find([';', '{']).expect("an item");
    let mut end = begin + 1;
    if rest[begin..].starts_with('{') {
        let mut depth = 1;
        while depth > 0 {
            depth += match rest.as_bytes()[end] {
                b'{' => 1,
                b'}' => -1,
                _ => 0,
            };
            end += 1;
        }
    }
    format!("{}{}", &code[..at], without_tests(&rest[end..]))
}

/// `a::{b, c::d}` as `a::b` and `a::c::d`.
fn paths(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else { return vec![tree.to_string()] };
    let (front, inside) = (&tree[..open], &tree[open + 1..tree.rfind('}').expect("a brace that closes")]);
    let (mut parts, mut depth) = (vec![String::new()], 0);
    for c in inside.chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        match c {
            ',' if depth == 0 => parts.push(String::new()),
            c => parts.last_mut().expect("at least one").push(c),
        }
    }
    let parts = parts.iter().map(|p| p.trim()).filter(|p| !p.is_empty());
    parts.flat_map(|p| paths(p).into_iter().map(|p| format!("{front}{p}"))).collect()
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The files of the crate, from `src` on, with their texts.
fn texts() -> Vec<(String, String)> {
    let src = sources::src();
    let files = sources::files(&src).into_iter().map(|path| {
        let name = path.strip_prefix(&src).expect("in src").to_str().expect("a plain name").replace('\\', "/");
        (name, std::fs::read_to_string(&path).expect("a source file"))
    });
    files.collect()
}

impl Crate {
    /// The crate's own.
    fn read() -> Crate {
        Crate::of(&texts())
    }
    fn of(texts: &[(String, String)]) -> Crate {
        let module = |file: &str| -> Module {
            let path = file.trim_end_matches(".rs").trim_end_matches("/mod");
            path.split('/').filter(|&p| p != "lib").map(String::from).collect()
        };
        // Files that are compiled for tests alone.
        let of_tests =
            |part: &str| part == "tests" || part == "samples" || ["samples.rs", "rows.rs"].contains(&part) || part.ends_with("tests.rs");
        let texts = || texts.iter().filter(|(file, _)| !file.split('/').any(of_tests));
        let mut all = Crate::default();
        for (file, _) in texts() {
            all.sources.insert(module(file), Source { file: file.clone(), uses: Vec::new() });
        }
        for (file, text) in texts() {
            all.look(&module(file), &plain(text));
        }
        all
    }
    /// A path as seen from a module, from the root of the crate on; `None` of other crates.
    fn absolute(&self, me: &Module, path: &str) -> Option<Module> {
        let mut parts = path.split("::").map(str::trim).peekable();
        let mut base = me.clone();
        match *parts.peek()? {
            "crate" => {
                base.clear();
                parts.next();
            }
            "self" | "super" => {
                while let Some(&("self" | "super")) = parts.peek() {
                    if parts.next() == Some("super") {
                        base.pop();
                    }
                }
            }
            child => {
                base.push(child.into());
                if !self.sources.contains_key(&base) {
                    return None;
                }
                base.pop();
            }
        }
        base.extend(parts.filter(|p| *p != "*").map(String::from));
        Some(base)
    }
    fn look(&mut self, me: &Module, code: &str) {
        let (mut uses, mut exports) = (Vec::new(), BTreeMap::new());
        let mut rest = String::new();
        for item in code.split_inclusive(';') {
            // A `use` begins its line.
            let start = item.rfind('\n').map_or(0, |_| {
                let lines: Vec<_> = item.match_indices('\n').map(|(i, _)| i + 1).collect();
                lines
                    .into_iter()
                    .find(|&i| item[i..].trim_start().starts_with("use ") || item[i..].trim_start().starts_with("pub"))
                    .unwrap_or(0)
            });
            let line = item[start..].trim_start();
            let (public, tree) = match line.split_once("use ") {
                Some(("", tree)) => (false, tree),
                Some((front, tree)) if front.starts_with("pub") && !front.contains(['{', '=', '\n']) => (true, tree),
                _ => {
                    rest.push_str(item);
                    continue;
                }
            };
            rest.push_str(&item[..start]);
            for path in paths(tree.trim_end_matches(';')) {
                let (path, alias) = path.split_once(" as ").map_or((path.as_str(), None), |(path, alias)| (path, Some(alias.trim())));
                let Some(to) = self.absolute(me, path) else { continue };
                let name = alias.unwrap_or_else(|| path.rsplit("::").next().expect("a path")).to_string();
                // What a module shows of its own parts is no import.
                let own = to.starts_with(me) && to.len() > me.len();
                if !(public && own || me.is_empty()) {
                    uses.push(to.clone());
                }
                if public || me.is_empty() {
                    exports.insert(name, to);
                }
            }
        }
        for front in ["crate::", "super::"] {
            for (at, _) in rest.match_indices(front) {
                if rest[..at].ends_with(|c| is_name(c) || c == ':') {
                    continue;
                }
                let in_macro = rest[..at].ends_with('$');
                let end = rest[at..].find(|c| !is_name(c) && c != ':').map_or(rest.len(), |n| at + n);
                let to = self.absolute(me, rest[at..end].trim_end_matches(':'));
                // An exported macro names what is exported by the root.
                uses.extend(to.filter(|to| !in_macro || to.first().is_some_and(|room| FLOORS.iter().any(|(floor, _)| floor == room))));
            }
        }
        self.sources.get_mut(me).expect("it is there").uses = uses;
        self.exports.entry(me.clone()).or_default().extend(exports);
        // An exported macro is named as one of the root, and written here.
        for macro_rules in code.split("#[macro_export]").skip(1).filter_map(|code| code.trim_start().strip_prefix("macro_rules!")) {
            let name: String = macro_rules.trim_start().chars().take_while(|&c| is_name(c)).collect();
            self.exports.entry(Module::new()).or_default().insert(name, me.clone());
        }
    }
    /// The module in which what a path names is written.
    fn home(&self, path: &Module, depth: usize) -> Option<&Source> {
        assert!(depth < 20, "exports in a circle: {path:?}");
        let n = (0..=path.len()).rev().find(|&n| self.sources.contains_key(&path[..n]))?;
        let module = path[..n].to_vec();
        match path.get(n).and_then(|name| self.exports.get(&module)?.get(name)) {
            Some(to) => self.home(&to.iter().chain(&path[n + 1..]).cloned().collect(), depth + 1),
            None => self.sources.get(&module),
        }
    }
    /// For each file the files that it imports from.
    fn graph(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let to = |source: &Source| source.uses.iter().filter_map(|path| Some(&*self.home(path, 0)?.file)).collect::<BTreeSet<_>>();
        self.sources
            .values()
            .map(|source| {
                let mut to: BTreeSet<&str> = to(source).into_iter().map(|file| &*self.sources[&self.module_of(file)].file).collect();
                to.remove(&*source.file);
                (&*source.file, to)
            })
            .collect()
    }
    fn module_of(&self, file: &str) -> Module {
        self.sources.iter().find(|(_, s)| s.file == file).expect("a file of the crate").0.clone()
    }
}

fn room(file: &str) -> Option<usize> {
    let room = file.split('/').next().expect("a path");
    FLOORS.iter().position(|(name, _)| *name == room)
}

/// The graph of files, each with the parts of it in the folder of its name.
fn whole_files<'a>(graph: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let whole = |file: &'a str| -> &'a str {
        let folders = file.match_indices('/').map(|(i, _)| &file[..i]);
        let owner = folders.filter_map(|folder| graph.keys().find(|f| f.strip_suffix(".rs") == Some(folder))).next();
        owner.copied().unwrap_or(file)
    };
    let mut all: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (&from, to) in graph {
        let from = whole(from);
        all.entry(from).or_default().extend(to.iter().map(|to| whole(to)).filter(|to| *to != from));
    }
    all
}

/// The files that can be reached from each.
fn reach<'a>(graph: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let from = |start: &'a str| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![start]);
        while let Some(file) = next.pop() {
            next.extend(graph[file].iter().copied().filter(|to| seen.insert(*to)));
        }
        seen
    };
    graph.keys().map(|&file| (file, from(file))).collect()
}

/// What is wrong with the imports of a crate.
fn wrong_imports(graph: &BTreeMap<&str, BTreeSet<&str>>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (from, to) in graph.iter().flat_map(|(from, all)| all.iter().map(move |to| (from, to))) {
        match (room(from), room(to)) {
            (Some(low), Some(high)) if high > low => wrong.push(format!("{from} imports {to}, which is above")),
            (Some(_), None) => wrong.push(format!("{from} imports {to}, which is in no room")),
            (None, _) if *from != "lib.rs" => wrong.push(format!("{from} is in no room")),
            _ => {}
        }
    }
    let files = whole_files(graph);
    let reach = reach(&files);
    let in_circle = |file: &&str| reach[*file].contains(*file);
    let circle: BTreeSet<&str> = files.keys().copied().filter(in_circle).collect();
    if circle != KNOT.into() {
        wrong.push(format!("files in circles: {circle:?}, where {KNOT:?} are the only ones"));
    }
    wrong
}

#[test]
fn imports_go_down() {
    let all = Crate::read();
    let graph = all.graph();
    for (name, question) in FLOORS.iter().rev() {
        let files = graph.keys().filter(|file| file.split('/').next() == Some(name));
        let imports: BTreeSet<&str> =
            files.clone().flat_map(|f| &graph[f]).filter_map(|to| to.split('/').next()).filter(|to| to != name).collect();
        println!("{name:<8} {:>3} files   imports {:<28} {question}", files.count(), format!("{:?}", imports));
    }
    let wrong = wrong_imports(&graph);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(graph.len() > 150 && graph.values().map(BTreeSet::len).sum::<usize>() > 500, "too little was read");
}

/// Each way to import from above, and a circle, planted in a copy, is found.
#[test]
fn what_is_wrong_is_found() {
    let texts = texts();
    let planted = [
        ("kernels/strided.rs", "use crate::tape::var::Var;"),
        ("kernels/strided.rs", "pub(crate) use crate::tape::var::Var;"),
        ("kernels/conv/flat.rs", "use super::super::super::ops::map::{self, Map};"),
        ("kernels/mod.rs", "use crate::{Layout, array::{shape::Shape, view::View}, Tape};"),
        ("array/shape.rs", "fn planted() { let _ = crate::kernels::strided::lay_out::<f32>; }"),
        ("tape/node.rs", "fn planted() { use crate::nn::Linear; }"),
        ("array/shape.rs", "use super::layout::Layout;"),
        ("kit/io/state.rs", "use super::npy::Format;"),
        ("other.rs", "use crate::Tape;"),
    ];
    for (to, line) in planted {
        let mut copy = texts.clone();
        match copy.iter_mut().find(|(file, _)| file == to) {
            Some((_, text)) => *text = format!("{line}\n{text}"),
            None => copy.push((to.into(), line.into())),
        }
        assert!(!wrong_imports(&Crate::of(&copy).graph()).is_empty(), "{line:?} in {to} is not found");
    }
}

#[test]
fn the_kit_stands_on_the_public_api() {
    let all = Crate::read();
    for source in all.sources.values().filter(|s| s.file.starts_with("kit/")) {
        for path in &source.uses {
            let engine = path.first().is_some_and(|room| ENGINE.contains(&room.as_str()));
            assert!(!engine, "{} names {}, which is not public", source.file, path.join("::"));
        }
    }
}

#[test]
fn there_are_few_rooms() {
    let entries = std::fs::read_dir(sources::src()).expect("src").count();
    assert!(entries <= 11, "{entries} entries in src, `lib.rs` among them");
}

#[test]
fn what_is_compiled_for_tests_alone_is_not_read() {
    let code = plain(
        "use a::b; // use c;\n#[cfg(test)]\nmod tests { use d; fn f() { \"}\"; } }\nconst S: &str = r#\"use e;\"#;\nuse f::{g, h::{i, j}};",
    );
    assert!(
        code.contains("use a::b;")
            && code.contains("use f::")
            && !code.contains("use c")
            && !code.contains("use d")
            && !code.contains("use e")
    );
    assert_eq!(paths("f::{g, h::{i, j}}"), ["f::g", "f::h::i", "f::h::j"]);
}
