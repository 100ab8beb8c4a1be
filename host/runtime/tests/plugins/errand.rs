//! Guests that go out: a collector that sends one request, and says what it was answered.

use crate::guest::Guest;

/// A request, and how often it is sent.
pub(crate) struct Errand<'a> {
    pub(crate) method: &'a str,
    pub(crate) url: &'a str,
    pub(crate) headers: Vec<(&'a str, &'a str)>,
    pub(crate) body: &'a [u8],
    /// Kind, secret, header.
    pub(crate) auth: Option<(&'a str, &'a str, &'a str)>,
    pub(crate) times: u32,
    pub(crate) timeout_ms: u32,
}

impl<'a> Errand<'a> {
    pub(crate) fn get(url: &'a str) -> Self {
        Self { method: "GET", url, headers: vec![], body: b"", auth: None, times: 1, timeout_ms: 5000 }
    }

    /// A collector that does it. The body of the answer, or the message of the error, is logged, and is its one gap.
    pub(crate) fn collector(self) -> Guest {
        let mut guest = Guest::new("collector", "");
        guest.grants = vec![("http", "https://*:*"), ("http", "http://*:*"), ("secret", "token"), ("secret", "hook")];
        guest.top = r#"(import "lagdoctor:plugin/http@0.1.0" "fetch" (func $fetch (param i32 i32)))
            (import "lagdoctor:plugin/log@0.1.0" "write" (func $log (param i32 i32 i32)))"#
            .to_owned();
        let image = &mut guest.image;
        let auth = match self.auth {
            Some((kind, secret, header)) => {
                [vec![1, 0, 0, 0], image.text(kind), image.text(secret), image.text(header), image.none()].concat()
            }
            None => vec![0; 36],
        };
        let mut headers = Vec::new();
        for (name, value) in &self.headers {
            headers.extend([image.text(name), image.text(value)].concat());
        }
        let headers = image.list(self.headers.len(), &headers);
        let body = image.list(self.body.len(), self.body);
        let (method, url) = (image.text(self.method), image.text(self.url));
        let timeout = self.timeout_ms.to_le_bytes().to_vec();
        let request = [method, url, headers, body, auth, timeout, image.none()].concat();
        let (request, response) = (image.place(&request), image.place(&[0; 32]));
        let gap = image.place(&[0; 24]);
        // Of the page only `gaps`, the sixth list, is filled.
        let gaps: Vec<u8> = [gap, 1].into_iter().flat_map(u32::to_le_bytes).collect();
        let page = image.place(&[vec![0; 4], vec![0; 40], gaps, vec![0; 16]].concat());
        let times = self.times;
        // The body of a response stands at 16, the message of an error at 12.
        guest.job = format!(
            "(local $n i32) (local $text i32) (local.set $n (i32.const {times}))
             (loop (call $fetch (i32.const {request}) (i32.const {response}))
                   (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
             (local.set $text (i32.add (i32.const {response})
               (select (i32.const 12) (i32.const 16) (i32.load8_u (i32.const {response})))))
             (call $log (i32.const 9) (i32.load (local.get $text)) (i32.load offset=4 (local.get $text)))
             (i32.store offset=8 (i32.const {gap}) (i32.load (local.get $text)))
             (i32.store offset=12 (i32.const {gap}) (i32.load offset=4 (local.get $text)))
             (i32.const {page})"
        );
        guest
    }
}
