//! HTTP answers, as a far side may send them that is broken or wants to break.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lagdoctor_runtime::{HttpRequest, Network, Reach, Transport, Url};

use super::{Input, Target};
use crate::Seed;
use crate::mutate::mutate;

/// Bytes that a body may have.
const MAX_BODY: usize = 64 << 10;

const GOOD: [&[u8]; 5] = [
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 17\r\n\r\n{\"status\":\"fine\"}",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\ntrailer: z\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.0 404 Not Found\r\n\r\nuntil the end",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
];
const WORDS: [&[u8]; 12] = [
    b"\r\n",
    b"\r\n\r\n",
    b"content-length: 18446744073709551615\r\n",
    b"content-length: -1\r\n",
    b"transfer-encoding: gzip, chunked\r\n",
    b"content-encoding: gzip\r\n",
    b"ffffffffffffffff\r\n",
    b"0\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\n",
    b"\0",
    b":",
    b" ",
];

pub(super) struct Http {
    runtime: tokio::runtime::Runtime,
    network: Network,
    port: u16,
    answer: Arc<Mutex<Vec<u8>>>,
}

impl Http {
    pub(super) fn new() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let answer: Arc<Mutex<Vec<u8>>> = Arc::default();
        let given = answer.clone();
        // Ends with the process.
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let answer = given.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let mut asked = [0; 4096];
                // The other side may be gone already; then the next one is served.
                let _ = stream.read(&mut asked);
                let _ = stream.write_all(&answer);
                let _ = stream.shutdown(Shutdown::Both);
            }
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { runtime, network: Network::new(), port, answer })
    }
}

impl Target for Http {
    fn generate(&self, seed: &mut Seed) -> Vec<Input> {
        let good = seed.pick(&GOOD).copied().unwrap_or_default();
        vec![Input::new("answer.http", mutate(seed, good, &WORDS))]
    }

    fn run(&mut self, inputs: &[Input]) -> Result<(), String> {
        for input in inputs {
            self.answer.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&input.bytes);
            let request = HttpRequest {
                method: "GET".to_owned(),
                url: Url::parse(&format!("http://127.0.0.1:{}/", self.port)).map_err(|error| error.to_string())?,
                headers: vec![],
                body: vec![],
                timeout: Duration::from_secs(5),
                max_body: MAX_BODY,
                reach: Reach::Private,
            };
            match self.runtime.block_on(self.network.send(request)) {
                Ok(response) if response.body.len() > MAX_BODY => {
                    return Err("a body is larger than allowed".to_owned());
                }
                Ok(response) if response.status < 200 && response.status != 101 => {
                    return Err(format!("{} is no final answer", response.status));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
