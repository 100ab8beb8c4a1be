//! Asks a running service. Whoever answers may be anybody, so what comes back is read with care and shown without
//! control characters. Start at [`plugins`].

use std::time::Duration;

use lagdoctor_runtime::{HttpRequest, Network, Reach, Transport, Url};
use lagdoctor_service::report::PluginsReport;
use miette::{Result, miette};

/// A service answers from memory.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Far more than a service with a thousand plugins says.
const MAX_BODY: usize = 16 << 20;

/// How the plugins of the service at this address stand.
pub async fn plugins(server: &str) -> Result<PluginsReport> {
    let url = address(server)?;
    let request = HttpRequest {
        method: "GET".to_owned(),
        url,
        headers: vec![("accept".to_owned(), "application/json".to_owned())],
        body: vec![],
        timeout: TIMEOUT,
        max_body: MAX_BODY,
        reach: Reach::Private,
    };
    let response = Network::new().send(request).await.map_err(|error| {
        miette!(
            help = "check the address, and that `lagdoctor run` was started there with --listen, or with `listen` in [service]",
            "no service answers: {error}"
        )
    })?;
    let stranger = |what: &str| {
        miette!(
            help = "check host and port: something else listens there, or a proxy is in between",
            "what answers at {server} is no running lagdoctor: {what}"
        )
    };
    if response.status != 200 {
        return Err(stranger(&format!("it says {}", response.status)));
    }
    PluginsReport::read(&response.body).ok_or_else(|| stranger("its answer is no list of plugins"))
}

fn address(server: &str) -> Result<Url> {
    let bad = |why: &str| {
        miette!(
            help = "write the address that the service says it answers on, such as http://127.0.0.1:9187",
            "`{server}` is no address of a service: {why}"
        )
    };
    if !server.starts_with("http://") && !server.starts_with("https://") {
        return Err(bad("it begins with neither http:// nor https://"));
    }
    let mut url = Url::parse(server).map_err(|error| bad(&error.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("a service asks nobody who they are, so it takes no user and no password"));
    }
    let path = format!("{}/plugins", url.path().trim_end_matches('/'));
    url.set_path(&path);
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_with_and_without_a_path() {
        for (server, url) in [
            ("http://127.0.0.1:9187", "http://127.0.0.1:9187/plugins"),
            ("http://127.0.0.1:9187/", "http://127.0.0.1:9187/plugins"),
            ("https://ops.example/lagdoctor/?x=1#y", "https://ops.example/lagdoctor/plugins"),
        ] {
            assert_eq!(address(server).unwrap().as_str(), url);
        }
    }

    #[test]
    fn what_is_no_address_is_answered_with_one() {
        for server in ["127.0.0.1:9187", "localhost:9187", "", "ftp://x", "http://", "http://me:pw@host"] {
            let said = address(server).unwrap_err();
            assert!(said.help().unwrap().to_string().contains("http://127.0.0.1:9187"), "{server}: {said}");
        }
    }
}
