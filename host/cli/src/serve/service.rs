//! What a running service tells whoever asks over HTTP: how its plugins stand, its numbers for a Prometheus, and whether
//! it lives. It only tells; nothing can be changed this way. Start at [`Board`], on which the service writes, and
//! [`Listener`].

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use lagdoctor_service::Loaded;
use lagdoctor_service::report::{PluginReport, PluginsReport, ServiceTally, metrics};
use miette::{Result, miette};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::session;

/// Where the service writes what others may read.
pub struct Board {
    loaded: Loaded,
    tally: Mutex<ServiceTally>,
    life: Life,
}

impl Board {
    /// An empty board of these plugins. Nothing that the service does between two signs of life takes as long as
    /// `patience`.
    pub fn new(loaded: Loaded, patience: Duration) -> Self {
        Self { loaded, tally: Mutex::default(), life: Life::new(patience) }
    }

    /// Counts something. Counting is a sign of life.
    pub fn count(&self, change: impl FnOnce(&mut ServiceTally)) {
        self.life.sign();
        change(&mut locked(&self.tally));
    }

    /// How the plugins stand.
    pub fn standings(&self) -> Vec<PluginReport> {
        self.loaded.standings()
    }

    fn metrics(&self) -> String {
        metrics(&locked(&self.tally), &self.standings())
    }
}

/// When the service last gave a sign of life.
struct Life {
    last: Mutex<Instant>,
    /// Without a sign for so long it hangs.
    patience: Duration,
}

impl Life {
    fn new(patience: Duration) -> Self {
        Self { last: Mutex::new(Instant::now()), patience }
    }

    fn sign(&self) {
        *locked(&self.last) = Instant::now();
    }

    fn health(&self) -> (StatusCode, String) {
        let silent = locked(&self.last).elapsed();
        if silent <= self.patience {
            return (StatusCode::OK, "ok\n".to_owned());
        }
        let (silent, patience) = (silent.as_secs(), self.patience.as_secs());
        let said = format!("no sign of life for {silent} s, where {patience} s are plenty: restart it\n");
        (StatusCode::SERVICE_UNAVAILABLE, said)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An address that is taken. Whoever asks before [`Listener::serve`] waits.
pub struct Listener {
    listener: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Takes the address; port 0 is any that is free.
    pub async fn bind(address: SocketAddr) -> Result<Self> {
        let taken = async {
            let listener = TcpListener::bind(address).await?;
            let address = listener.local_addr()?;
            Ok::<_, std::io::Error>(Self { listener, address })
        };
        taken.await.map_err(|error| {
            miette!(
                help = "choose another with --listen, or with `listen` in [service]; port 0 takes any that is free",
                "cannot answer on {address}: {error}"
            )
        })
    }

    /// Where it answers.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers from this board until the program ends.
    pub fn serve(self, board: Arc<Board>) {
        let desk = Desk { board, is_private: self.address.ip().is_loopback() };
        let router = Router::new().fallback(answer).with_state(desk);
        tokio::spawn(async move { axum::serve(self.listener, router).await });
    }
}

#[derive(Clone)]
struct Desk {
    board: Arc<Board>,
    /// Only this machine is meant to ask.
    is_private: bool,
}

async fn answer(State(desk): State<Desk>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    // A page in a browser on this machine could reach loopback under a name of its own and read the answer.
    if desk.is_private && !host.is_none_or(is_this_machine) {
        let said = "this service answers to its address or to `localhost`, not to other names\n";
        return (StatusCode::MISDIRECTED_REQUEST, said).into_response();
    }
    if method != Method::GET && method != Method::HEAD {
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")], "ask with GET\n").into_response();
    }
    match uri.path() {
        "/metrics" => {
            ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], desk.board.metrics()).into_response()
        }
        "/plugins" => match session::wall_clock() {
            Ok(now) => {
                let report = PluginsReport::new(now, desk.board.standings());
                ([(header::CONTENT_TYPE, "application/json")], report.json()).into_response()
            }
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
        },
        "/healthz" => desk.board.life.health().into_response(),
        _ => (StatusCode::NOT_FOUND, "there are /metrics, /plugins and /healthz\n").into_response(),
    }
}

/// Whether a `Host` header names this machine by address, or as `localhost`.
fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_service_is_well_as_long_as_it_gives_signs_of_life() {
        let life = Life::new(Duration::from_secs(60));
        tokio::time::advance(Duration::from_secs(59)).await;
        assert_eq!(life.health().0, StatusCode::OK);
        tokio::time::advance(Duration::from_secs(2)).await;
        let (status, said) = life.health();
        assert!(status == StatusCode::SERVICE_UNAVAILABLE && said.contains("for 61 s"), "{said}");
        life.sign();
        assert_eq!(life.health(), (StatusCode::OK, "ok\n".to_owned()));
    }

    #[test]
    fn a_name_that_somebody_points_at_loopback_is_not_this_machine() {
        for host in ["127.0.0.1:9187", "127.0.0.1", "localhost:9187", "LOCALHOST", "[::1]:9187", "10.0.0.7:80"] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in ["evil.example:9187", "127.0.0.1.evil.example", "localhost.evil.example", "", "[evil]:1"] {
            assert!(!is_this_machine(host), "{host}");
        }
    }
}
