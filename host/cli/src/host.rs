//! On what do the plugins run? One host for each command, which keeps compiled plugins in a folder of this user, so that
//! only the first start after an update compiles. Start at [`host`].

use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};

use lagdoctor_runtime::{Cache, Host, HostOptions, Lines, Transport};
use lagdoctor_service::Sources;
use lagdoctor_service::config::HostSection;
use miette::{IntoDiagnostic, Result, miette};

/// Where compiled plugins are kept: a folder, or `off`.
const PLACE: &str = "LAGDOCTOR_CACHE";
/// How much may be kept there, in MiB.
const SIZE: &str = "LAGDOCTOR_CACHE_MIB";

/// A host with room for the plugins of these sources, which reaches the world through this transport.
pub fn host(transport: Arc<dyn Transport>, sources: &Sources) -> Result<Host> {
    telling(Lines::News, transport, sources)
}

/// The same, of which it is to be said how loud its plugins are.
pub fn telling(lines: Lines, transport: Arc<dyn Transport>, sources: &Sources) -> Result<Host> {
    let (limits, pool, cache) = (sources.limits(), sources.pool(), cache(&sources.host)?);
    Host::new(HostOptions { limits, pool, cache, lines, ..HostOptions::new(transport) }).into_diagnostic()
}

/// The cache of this user. A folder that cannot be trusted is said once, and done without.
pub fn cache(section: &HostSection) -> Result<Option<Cache>> {
    static SAID: Once = Once::new();
    let Some(folder) = folder(section, |name| std::env::var_os(name)) else { return Ok(None) };
    let bytes = bytes(section, std::env::var_os(SIZE).as_deref())?;
    match Cache::open(&folder, bytes) {
        Ok(cache) => Ok(Some(cache)),
        Err(error) => {
            let cause = error.source().map(|source| format!(": {source}")).unwrap_or_default();
            SAID.call_once(|| {
                tracing::warn!(
                    target: "lagdoctor::cache",
                    "plugins are compiled at each start: {error}{cause} ({PLACE}=DIR names another folder, {PLACE}=off ends this warning)"
                );
            });
            Ok(None)
        }
    }
}

/// The folder that `PLACE` names, or else the configuration, or else the one that the system has for such things.
fn folder(section: &HostSection, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    match set(PLACE).or_else(|| Some(section.cache.clone()?.into())) {
        Some(place) if place == OsStr::new("off") => None,
        Some(place) => Some(place.into()),
        None => {
            // A relative path in these is to be ignored, as whoever invented them says.
            let absolute = |name: &str| set(name).map(PathBuf::from).filter(|path| path.is_absolute());
            let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
            Some(caches.join(Path::new("lagdoctor").join("components")))
        }
    }
}

fn bytes(section: &HostSection, size: Option<&OsStr>) -> Result<u64> {
    let Some(size) = size.filter(|size| !size.is_empty()) else {
        return Ok(section.cache_mib.map_or(Cache::DEFAULT_BYTES, |mib| u64::from(mib) << 20));
    };
    let mib = size.to_str().and_then(|text| text.trim().parse::<u64>().ok());
    mib.and_then(|mib| mib.checked_mul(1 << 20)).ok_or_else(|| {
        miette!(help = "write a whole number of MiB, such as 512", "{SIZE} is `{}`", size.to_string_lossy())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(variables: &[(&str, &str)], expected: Option<&str>) {
        let variable = |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| value.into());
        assert_eq!(folder(&HostSection::default(), variable), expected.map(PathBuf::from), "{variables:?}");
    }

    #[test]
    fn compiled_plugins_are_kept_where_the_user_says_or_where_such_things_belong() {
        check(&[("HOME", "/ada")], Some("/ada/.cache/lagdoctor/components"));
        check(&[("HOME", "/ada"), ("XDG_CACHE_HOME", "/fast")], Some("/fast/lagdoctor/components"));
        check(&[("HOME", "/ada"), ("XDG_CACHE_HOME", "fast")], Some("/ada/.cache/lagdoctor/components"));
        check(&[("HOME", "/ada"), (PLACE, "/elsewhere")], Some("/elsewhere"));
        check(&[("HOME", "/ada"), (PLACE, "")], Some("/ada/.cache/lagdoctor/components"));
        check(&[("HOME", "/ada"), (PLACE, "off")], None);
        check(&[], None);
    }

    #[test]
    fn the_environment_wins_over_the_configuration() {
        let section = HostSection { cache: Some("/configured".into()), cache_mib: Some(7), ..HostSection::default() };
        assert_eq!(folder(&section, |_| None), Some("/configured".into()));
        assert_eq!(folder(&section, |name| (name == PLACE).then(|| "off".into())), None);
        assert_eq!(bytes(&section, None).unwrap(), 7 << 20);
        assert_eq!(bytes(&section, Some("8".as_ref())).unwrap(), 8 << 20);
        let off = HostSection { cache: Some("off".into()), ..HostSection::default() };
        assert_eq!(folder(&off, |name| (name == "HOME").then(|| "/ada".into())), None);
    }

    #[test]
    fn the_size_is_a_number_of_mib() {
        let bytes = |size| bytes(&HostSection::default(), size);
        assert_eq!(bytes(None).unwrap(), 512 << 20);
        assert_eq!(bytes(Some("64".as_ref())).unwrap(), 64 << 20);
        for wrong in ["much", "-1", "1.5", "99999999999999999999"] {
            assert!(bytes(Some(wrong.as_ref())).is_err(), "{wrong}");
        }
    }
}
