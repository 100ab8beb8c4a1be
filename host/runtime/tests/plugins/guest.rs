//! Builds small guests from WebAssembly text, so that each test shows the very instructions that misbehave, and the
//! tests need no other toolchain. Records are laid out by hand, by the canonical ABI of the component model.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Where the image of a guest's constant data begins.
const BASE: u32 = 1024;

/// Constant data of a guest, as it grows.
#[derive(Default)]
pub(crate) struct Image {
    bytes: Vec<u8>,
}

impl Image {
    /// Places bytes at a multiple of eight and says where.
    pub(crate) fn place(&mut self, bytes: &[u8]) -> u32 {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let at = BASE + self.bytes.len() as u32;
        self.bytes.extend_from_slice(bytes);
        at
    }

    /// Pointer and length of a text, as the eight bytes that a record holds.
    pub(crate) fn text(&mut self, text: &str) -> Vec<u8> {
        self.list(text.len(), text.as_bytes())
    }

    /// Pointer and length of a list of so many elements.
    pub(crate) fn list(&mut self, count: usize, elements: &[u8]) -> Vec<u8> {
        let at = self.place(elements);
        [at, count as u32].into_iter().flat_map(u32::to_le_bytes).collect()
    }

    /// A list of texts.
    pub(crate) fn texts(&mut self, texts: &[&str]) -> Vec<u8> {
        let elements: Vec<u8> = texts.iter().flat_map(|text| self.text(text)).collect();
        self.list(texts.len(), &elements)
    }

    /// An empty list.
    pub(crate) fn none(&self) -> Vec<u8> {
        vec![0; 8]
    }

    /// The `err` of a result: code and message.
    pub(crate) fn error(&mut self, code: &str, message: &str) -> u32 {
        let record = [vec![1, 0, 0, 0], self.text(code), self.text(message), self.none()].concat();
        self.place(&record)
    }

    /// One finding about the first node, with this score, signal, class and statement.
    pub(crate) fn finding(&mut self, score: f64, signal: &str, class: &str, statement: &str) -> Vec<u8> {
        let (signal, class, statement) = (self.text(signal), self.text(class), self.text(statement));
        let number = |number: f64| number.to_le_bytes().to_vec();
        [
            vec![0; 4],
            signal,
            vec![0; 4],
            number(score),
            number(3.5),
            vec![0; 16],
            class,
            number(4.0),
            number(f64::NAN),
            vec![0; 16],
            statement,
            self.none(),
        ]
        .concat()
    }

    /// The `ok` of a scorer: these findings.
    pub(crate) fn findings(&mut self, findings: &[Vec<u8>]) -> u32 {
        let list = self.list(findings.len(), &findings.concat());
        self.place(&[vec![0; 4], list].concat())
    }
}

/// A guest in the making. Bodies are instructions that leave the address of the result on the stack.
pub(crate) struct Guest {
    pub(crate) wit: String,
    pub(crate) world: &'static str,
    pub(crate) image: Image,
    pub(crate) name: String,
    pub(crate) signals: Vec<&'static str>,
    pub(crate) schema: String,
    pub(crate) grants: Vec<(&'static str, &'static str)>,
    /// Imports, globals and functions.
    pub(crate) top: String,
    /// What comes after the guest's own memory: further memories, tables, functions.
    pub(crate) bottom: String,
    pub(crate) describe: String,
    pub(crate) configure: String,
    pub(crate) job: String,
}

impl Guest {
    /// A scorer whose job is this body; `scorer` may be replaced by another world.
    pub(crate) fn new(world: &'static str, job: &str) -> Self {
        Self {
            wit: format!("{}\n{}", lagdoctor_wit::TYPES, without_package(lagdoctor_wit::WORLDS)),
            world,
            image: Image::default(),
            name: "sample".to_owned(),
            signals: vec!["*"],
            schema: String::new(),
            grants: vec![],
            top: String::new(),
            bottom: String::new(),
            describe: String::new(),
            configure: String::new(),
            job: job.to_owned(),
        }
    }

    /// A scorer whose job is made with its image.
    pub(crate) fn scorer(job: impl FnOnce(&mut Image) -> String) -> Self {
        let mut guest = Self::new("scorer", "");
        guest.job = job(&mut guest.image);
        guest
    }

    /// The core module.
    pub(crate) fn module(mut self) -> (Vec<u8>, Resolve, wit_parser::WorldId) {
        let manifest = self.manifest();
        let ok = self.image.place(&[0; 16]);
        let constant = |body: &str, at: u32| if body.is_empty() { format!("i32.const {at}") } else { body.to_owned() };
        let describe = constant(&self.describe, manifest);
        let configure = constant(&self.configure, ok);
        // A world of a test's own includes one of the five.
        let included = self.wit.split_once(&format!("world {} {{ include ", self.world));
        let world = included.and_then(|(_, rest)| rest.split(';').next()).unwrap_or(self.world).to_owned();
        let (interface, function, params) = match world.as_str() {
            "collector" => ("collecting", "collect", "i64 i64 i64 i32 i32 i32 i32 i32 i32"),
            "ranker" => ("ranking", "rank", "i32"),
            "forecaster" => ("forecasting", "forecast", "i32"),
            "notifier" => ("notifying", "notify", "i32 i32 i32 i32 i64 i32 i32 i32 i32 i32 i32 i32 i32"),
            _ => ("scoring", "score", "i32"),
        };
        let version = if self.wit.contains("plugin@0.2.0") { "0.2.0" } else { "0.1.0" };
        let export = |interface: &str, function: &str| format!("lagdoctor:plugin/{interface}@{version}#{function}");
        let data: String = self.image.bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
        let heap = (BASE + self.image.bytes.len() as u32).next_multiple_of(8);
        let pages = heap / 65_536 + 1;
        let (job, top, bottom) = (&self.job, &self.top, &self.bottom);
        let text = format!(
            r#"(module
              {top}
              (memory (export "memory") {pages})
              {bottom}
              (global $heap (mut i32) (i32.const {heap}))
              (data (i32.const {BASE}) "{data}")
              (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (local $at i32) (local $end i32)
                (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
                (local.set $end (i32.add (local.get $at) (local.get 3)))
                (global.set $heap (local.get $end))
                (if (i32.gt_u (local.get $end) (i32.mul (memory.size) (i32.const 65536)))
                  (then (if (i32.eq (i32.const -1) (memory.grow (i32.add (i32.const 1) (i32.shr_u (i32.sub (local.get $end)
                    (i32.mul (memory.size) (i32.const 65536))) (i32.const 16))))) (then unreachable))))
                local.get $at)
              (func (export "{describing}") (result i32) {describe})
              (func (export "{configuring}") (param i32 i32) (result i32) {configure})
              (func (export "{doing}") (param {params}) (result i32) {job}))"#,
            describing = export("lifecycle", "describe"),
            configuring = export("lifecycle", "configure"),
            doing = export(interface, function),
        );
        let module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let mut resolve = Resolve::default();
        let package = resolve.push_str("test.wit", &self.wit).unwrap();
        let world = resolve.select_world(&[package], Some(self.world)).unwrap();
        (module, resolve, world)
    }

    /// The component.
    pub(crate) fn build(self) -> Vec<u8> {
        let (mut module, resolve, world) = self.module();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
    }

    fn manifest(&mut self) -> u32 {
        let image = &mut self.image;
        let mut grants = Vec::new();
        for (kind, value) in &self.grants {
            grants.push([image.text(kind), image.text(value), image.text("tests"), image.none()].concat());
        }
        let record = [
            image.text(&self.name),
            image.text("0.1.0"),
            image.text("For tests."),
            image.texts(&self.signals),
            image.texts(&["load.burst"]),
            image.text(&self.schema),
            image.list(self.grants.len(), &grants.concat()),
            image.none(),
        ]
        .concat();
        image.place(&record)
    }
}

/// A WIT file without its package line, to be appended to another of the same package.
fn without_package(wit: &str) -> String {
    wit.lines().filter(|line| !line.starts_with("package ")).collect::<Vec<_>>().join("\n")
}
