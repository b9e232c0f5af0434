//! Do a wasm module's constructors run exactly once?
//!
//! Crates that register things before `main` (the GPU kernels' registry is one) leave constructors in the module.
//! When no code calls them, wasm-ld wraps **every** exported function so that it runs all of them again on each
//! call from JavaScript, which made a training step 32 times slower. The cure is one explicit call of
//! `__wasm_call_ctors` at the start; this module checks that the cure is in place.
//!
//! It reads the functions' names, so it must be given what Cargo built, before a tool strips the names.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use wasmparser::{ExternalKind, KnownCustom, Name, Operator, Parser, Payload, TypeRef};

/// The function that runs all constructors. wasm-ld makes it, when there are any.
const CONSTRUCTORS: &str = "__wasm_call_ctors";

/// What wasm-ld appends to the name of an exported function that it wrapped.
const WRAPPER_SUFFIX: &str = ".command_export";

/// What was found in a module that is in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Constructors {
    /// The module has none, so nothing can run them twice.
    None,
    /// They are called from exactly one place.
    CalledOnce {
        /// The name of the function that calls them.
        caller: String,
    },
}

/// What is wrong with a module.
#[derive(Debug, thiserror::Error)]
pub enum ConstructorError {
    /// The bytes are not a wasm module, or not one that this reader knows.
    #[error("not a readable wasm module: {0}")]
    Module(#[from] wasmparser::BinaryReaderError),
    /// Without names nothing can be found.
    #[error(
        "the module has no function names: inspect what Cargo built, before wasm-bindgen or wasm-opt strip them"
    )]
    NoNames,
    /// The linker wrapped exported functions.
    #[error(
        "{count} exported functions run all constructors on every call, `{first}` among them: \
         call `__wasm_call_ctors` once in the program's start function, then the linker leaves them alone"
    )]
    Wrapped {
        /// How many.
        count: usize,
        /// The first one's name.
        first: String,
    },
    /// There are constructors, and nothing runs them.
    #[error(
        "the module has constructors, but nothing calls `__wasm_call_ctors`: call it once in the start function"
    )]
    NeverCalled,
    /// More than one place runs them.
    #[error(
        "`__wasm_call_ctors` is called in {count} places, in `{functions}`: it must be one, the start function"
    )]
    CalledOften {
        /// How many calls there are.
        count: usize,
        /// The calling functions' names.
        functions: String,
    },
    /// An exported function that is not the start function runs them.
    #[error("the exported function `{export}` calls `__wasm_call_ctors`: only the start function may")]
    CalledByExport {
        /// The export's name.
        export: String,
    },
}

/// Checks a module, as Cargo built it.
///
/// # Errors
/// [`ConstructorError`] when constructors run more than once, never, or that cannot be told.
pub fn inspect(wasm: &[u8]) -> Result<Constructors, ConstructorError> {
    let module = Module::read(wasm)?;
    if module.names.is_empty() {
        return Err(ConstructorError::NoNames);
    }
    let name = |index: &u32| module.names.get(index).map_or("(unnamed)", String::as_str);

    let mut wrapped: Vec<&String> = module
        .names
        .values()
        .filter(|name| name.ends_with(WRAPPER_SUFFIX))
        .collect();
    wrapped.sort();
    if let Some(first) = wrapped.first() {
        return Err(ConstructorError::Wrapped {
            count: wrapped.len(),
            first: (*first).clone(),
        });
    }

    let constructors = module.names.iter().find(|(_, name)| *name == CONSTRUCTORS);
    let Some((constructors, _)) = constructors else {
        return Ok(Constructors::None);
    };
    let callers: Vec<u32> = module
        .calls
        .iter()
        .filter(|(_, callee)| callee == constructors)
        .map(|(caller, _)| *caller)
        .collect();
    match callers.as_slice() {
        [] => Err(ConstructorError::NeverCalled),
        [caller] => match module.exports.get(caller) {
            Some(export) if !is_start(export) => Err(ConstructorError::CalledByExport {
                export: export.clone(),
            }),
            _ => Ok(Constructors::CalledOnce {
                caller: name(caller).to_owned(),
            }),
        },
        many => {
            let functions: Vec<&str> = many.iter().map(name).collect();
            Err(ConstructorError::CalledOften {
                count: many.len(),
                functions: functions.join("`, `"),
            })
        }
    }
}

/// Whether an export's name is that of the start function.
/// `#[wasm_bindgen(start)] fn start()` is exported as `start_` and a hash of 16 digits; a program's own is `main`.
/// In the tests it is `run_constructors`, because wasm-bindgen's test runner calls no start function.
fn is_start(export: &str) -> bool {
    let is_hash = |text: &str| text.len() == 16 && text.chars().all(|c| c.is_ascii_hexdigit());
    let name = match export.rsplit_once('_') {
        Some((name, hash)) if is_hash(hash) => name,
        _ => export,
    };
    ["start", "main", "_start", "run_constructors"].contains(&name)
}

/// What matters of a module. Functions are numbered with the imported ones first, as in the format.
#[derive(Default)]
struct Module {
    names: HashMap<u32, String>,
    exports: HashMap<u32, String>,
    /// Caller and callee of each direct call.
    calls: Vec<(u32, u32)>,
}

impl Module {
    fn read(wasm: &[u8]) -> Result<Self, ConstructorError> {
        let mut module = Self::default();
        let mut next_function = 0;
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        if matches!(import?.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)) {
                            next_function += 1;
                        }
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        if export.kind == ExternalKind::Func {
                            module.exports.insert(export.index, export.name.to_owned());
                        }
                    }
                }
                Payload::CodeSectionEntry(body) => {
                    for operator in body.get_operators_reader()? {
                        if let Operator::Call { function_index } | Operator::ReturnCall { function_index } =
                            operator?
                        {
                            module.calls.push((next_function, function_index));
                        }
                    }
                    next_function += 1;
                }
                Payload::CustomSection(section) => {
                    if let KnownCustom::Name(names) = section.as_known() {
                        module.read_names(names)?;
                    }
                }
                _ => {}
            }
        }
        Ok(module)
    }

    fn read_names(&mut self, names: wasmparser::NameSectionReader<'_>) -> Result<(), ConstructorError> {
        for subsection in names {
            if let Name::Function(functions) = subsection? {
                for naming in functions {
                    let naming = naming?;
                    self.names.insert(naming.index, naming.name.to_owned());
                }
            }
        }
        Ok(())
    }
}
