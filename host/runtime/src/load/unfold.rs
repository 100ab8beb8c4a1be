//! How large does a component become once it is unfolded? A component may hold components and make several instances of
//! each, which hold components in turn: a page of text can stand for more instances than there is memory, and the
//! compiler unfolds them all before anybody can count. So they are counted first. Start at [`check`].

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind, ComponentTypeRef, Encoding,
    Parser, Payload,
};

/// Most instances, of modules and of components. An interpreter for another language comes with about a hundred.
const MAX_INSTANCES: u64 = 1000;
/// Most components within components within components.
const MAX_DEPTH: usize = 32;

/// A component that is being read.
#[derive(Default)]
struct Frame {
    /// What an instance of each component in the index space would add.
    components: Vec<u64>,
    /// What an instance of this one adds.
    instances: u64,
}

/// Why a component is refused, or nothing. What cannot be read is left to the compiler, which says so better.
pub(super) fn check(wasm: &[u8]) -> Result<(), String> {
    let mut frames: Vec<Frame> = Vec::new();
    // Modules have frames of their own to end with, but nothing in them counts.
    let mut is_component: Vec<bool> = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let Ok(payload) = payload else { return Ok(()) };
        match payload {
            Payload::Version { encoding, .. } => {
                is_component.push(encoding == Encoding::Component);
                if encoding == Encoding::Component {
                    frames.push(Frame::default());
                }
                if frames.len() > MAX_DEPTH {
                    return Err(format!("it holds components within components more than {MAX_DEPTH} deep"));
                }
            }
            Payload::End(_) => {
                if is_component.pop() == Some(true)
                    && let Some(done) = frames.pop()
                {
                    if done.instances > MAX_INSTANCES {
                        return Err(format!("it unfolds into more than {MAX_INSTANCES} instances"));
                    }
                    if let Some(outer) = frames.last_mut() {
                        outer.components.push(done.instances.saturating_add(1));
                    }
                }
            }
            other => {
                if count(&mut frames, other)?.is_none() {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// Takes in one section; `None` when it cannot be read.
fn count(frames: &mut [Frame], payload: Payload<'_>) -> Result<Option<()>, String> {
    let passed = || Err("it passes components around, which cannot be counted".to_owned());
    let Some((last, outer)) = frames.split_last_mut() else { return Ok(None) };
    match payload {
        Payload::InstanceSection(section) => {
            last.instances = last.instances.saturating_add(u64::from(section.count()));
        }
        Payload::ComponentInstanceSection(section) => {
            for instance in section {
                let added = match instance {
                    Ok(ComponentInstance::Instantiate { component_index, .. }) => {
                        let Some(cost) = last.components.get(component_index as usize) else { return Ok(None) };
                        *cost
                    }
                    Ok(ComponentInstance::FromExports(_)) => 1,
                    Err(_) => return Ok(None),
                };
                last.instances = last.instances.saturating_add(added);
            }
        }
        Payload::ComponentImportSection(section) => {
            for import in section {
                match import.map(|import| import.ty) {
                    Ok(ComponentTypeRef::Component(_)) => return passed(),
                    Ok(_) => {}
                    Err(_) => return Ok(None),
                }
            }
        }
        Payload::ComponentAliasSection(section) => {
            for alias in section {
                match alias {
                    Ok(ComponentAlias::InstanceExport { kind: ComponentExternalKind::Component, .. }) => {
                        return passed();
                    }
                    Ok(ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, count, index }) => {
                        let found = match count.checked_sub(1) {
                            None => last.components.get(index as usize),
                            Some(up) => {
                                let frame = outer.len().checked_sub(1 + up as usize).and_then(|at| outer.get(at));
                                frame.and_then(|frame| frame.components.get(index as usize))
                            }
                        };
                        let Some(cost) = found.copied() else { return Ok(None) };
                        last.components.push(cost);
                    }
                    Ok(_) => {}
                    Err(_) => return Ok(None),
                }
            }
        }
        Payload::ComponentExportSection(section) => {
            for export in section {
                let Ok(export) = export else { return Ok(None) };
                if export.kind == ComponentExternalKind::Component {
                    // An export is a name of its own in the index space.
                    let Some(cost) = last.components.get(export.index as usize).copied() else { return Ok(None) };
                    last.components.push(cost);
                }
            }
        }
        _ => {}
    }
    Ok(Some(()))
}
