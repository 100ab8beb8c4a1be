//! From a core module to a component: which world is it for, and what does it import? No external program is needed.

use wit_component::{ComponentEncoder, DecodedWasm};

/// A component and what it says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// The component.
    pub bytes: Vec<u8>,
    /// `collector`, `scorer`, `ranker`, `forecaster` or `notifier`.
    pub world: &'static str,
    /// Interfaces that it imports.
    pub imports: Vec<String>,
}

/// The interface that holds the job of each world, as it stands in an export name.
const WORLDS: [(&str, &str); 5] = [
    ("/collecting@", "collector"),
    ("/scoring@", "scorer"),
    ("/ranking@", "ranker"),
    ("/forecasting@", "forecaster"),
    ("/notifying@", "notifier"),
];

/// Wraps a core module that `wit-bindgen` has prepared, and validates what comes out.
///
/// # Errors
/// Why it does not become a component with one world of the contract, in words for the plugin's author.
pub fn wrap(module: &[u8]) -> Result<Component, String> {
    let encoded = ComponentEncoder::default().validate(true).module(module).and_then(|mut encoder| encoder.encode());
    let bytes = encoded.map_err(|error| format!("{error:#}"))?;
    let (world, imports) = inspect(&bytes)?;
    Ok(Component { bytes, world, imports })
}

fn inspect(component: &[u8]) -> Result<(&'static str, Vec<String>), String> {
    let decoded = wit_component::decode(component).map_err(|error| format!("{error:#}"))?;
    let DecodedWasm::Component(resolve, id) = decoded else { return Err("it decodes as a WIT package".to_owned()) };
    let world = resolve.worlds.get(id).ok_or("it has no world")?;
    let exports: Vec<String> = world.exports.keys().map(|key| resolve.name_world_key(key)).collect();
    let imports = world.imports.keys().map(|key| resolve.name_world_key(key)).collect();
    let jobs: Vec<&str> = WORLDS
        .iter()
        .filter(|(interface, _)| exports.iter().any(|export| export.contains(interface)))
        .map(|(_, world)| *world)
        .collect();
    match jobs[..] {
        [world] if exports.iter().any(|export| export.contains("/lifecycle@")) => Ok((world, imports)),
        [_] => Err("it does not export `lifecycle`; does it have one `export_…!` line of the SDK?".to_owned()),
        [] => Err("it exports no job; does it have one `export_…!` line of the SDK?".to_owned()),
        _ => Err(format!("it exports several jobs ({}); a plugin has one", jobs.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_without_the_contract_is_refused_with_a_reason() {
        let empty_module = b"\0asm\x01\0\0\0";
        let why = wrap(empty_module).unwrap_err();
        assert!(why.contains("exports no job"), "{why}");
        assert!(wrap(b"not wasm").is_err());
    }
}
