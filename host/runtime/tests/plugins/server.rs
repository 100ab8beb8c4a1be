//! A server on loopback that answers as a test wants, also in ways that no server should.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A server, gone when it is dropped.
pub(crate) struct Server {
    pub(crate) port: u16,
    /// The requests that it was sent, head and body.
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// How a server answers: pieces that are sent one by one, and whether the last is sent for ever.
pub(crate) struct Answer {
    pub(crate) pieces: Vec<Vec<u8>>,
    pub(crate) end: End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Closed,
    /// Nothing more comes, and the connection stays.
    Silence,
    /// The last piece again and again.
    Again,
}

impl Answer {
    /// An answer of status 200 with this body.
    pub(crate) fn ok(body: &[u8]) -> Self {
        Self::with("200 OK", "", body)
    }

    pub(crate) fn with(status: &str, headers: &str, body: &[u8]) -> Self {
        let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n", body.len());
        Self { pieces: vec![head.into_bytes(), body.to_vec()], end: End::Closed }
    }

    /// One chunk for each byte.
    pub(crate) fn chunks(body: &[u8]) -> Self {
        let mut pieces = vec![b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec()];
        pieces.extend(body.iter().map(|byte| [b"1\r\n", &[*byte][..], b"\r\n"].concat()));
        pieces.push(b"0\r\n\r\n".to_vec());
        Self { pieces, end: End::Closed }
    }
}

/// Serves until it is dropped.
pub(crate) async fn serve(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = asked.clone();
    let task = tokio::spawn(async move {
        let answer = Arc::new(answer);
        let mut connections = tokio::task::JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            connections.spawn(speak(stream, answer.clone(), seen.clone()));
        }
    });
    Server { port, asked, task }
}

async fn speak(mut stream: TcpStream, answer: Arc<impl Fn(&str) -> Answer>, seen: Arc<Mutex<Vec<String>>>) {
    let mut sent = Vec::new();
    let mut buffer = [0; 4096];
    let whole = |sent: &[u8]| {
        let text = String::from_utf8_lossy(sent).to_ascii_lowercase();
        let (head, body) = text.split_once("\r\n\r\n")?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
        (body.len() >= length).then_some(())
    };
    while whole(&sent).is_none() {
        match stream.read(&mut buffer).await {
            Ok(read) if read > 0 => sent.extend_from_slice(&buffer[..read]),
            _ => return,
        }
    }
    let request = String::from_utf8_lossy(&sent).into_owned();
    seen.lock().unwrap().push(request.clone());
    let Answer { pieces, end } = answer(&request);
    for piece in &pieces {
        if stream.write_all(piece).await.is_err() {
            return;
        }
    }
    match end {
        End::Closed => {}
        End::Silence => {
            // Until the other side has had enough.
            let _ = stream.read(&mut buffer).await;
        }
        End::Again => while stream.write_all(pieces.last().unwrap()).await.is_ok() {},
    }
}
