use super::*;

fn inspect_text(module: &str) -> Result<Constructors, ConstructorError> {
    inspect(&wat::parse_str(module).unwrap())
}

#[test]
fn one_call_in_the_start_function_is_right() {
    // An import first, so that a wrong numbering of functions shows.
    let found = inspect_text(
        r#"(module
            (import "js" "log" (func $log))
            (func $__wasm_call_ctors nop)
            (func $page::start call $__wasm_call_ctors)
            (func $step call $log)
            (export "start" (func $page::start))
            (export "step" (func $step)))"#,
    );
    assert_eq!(
        found.unwrap(),
        Constructors::CalledOnce {
            caller: "page::start".to_owned()
        }
    );
}

#[test]
fn a_module_without_constructors_is_right() {
    assert_eq!(
        inspect_text("(module (func $add nop) (export \"add\" (func $add)))").unwrap(),
        Constructors::None
    );
}

#[test]
fn wrappers_are_found_by_their_names() {
    let error = inspect_text(
        r#"(module
            (func $__wasm_call_ctors nop)
            (func $step nop)
            (func $step.command_export call $__wasm_call_ctors call $step)
            (func $act.command_export call $__wasm_call_ctors)
            (export "step" (func $step.command_export)))"#,
    )
    .unwrap_err();
    let ConstructorError::Wrapped { count, first } = &error else {
        panic!("{error}")
    };
    assert_eq!((*count, first.as_str()), (2, "act.command_export"));
}

#[test]
fn two_calls_are_one_too_many() {
    let error = inspect_text(
        r"(module
            (func $__wasm_call_ctors nop)
            (func $start call $__wasm_call_ctors)
            (func $other return_call $__wasm_call_ctors))",
    )
    .unwrap_err();
    let message = error.to_string();
    assert!(
        matches!(error, ConstructorError::CalledOften { count: 2, .. }),
        "{message}"
    );
    assert!(message.contains("`start`, `other`"), "{message}");
}

#[test]
fn constructors_that_never_run_are_an_error() {
    let error = inspect_text("(module (func $__wasm_call_ctors nop) (func $start nop))").unwrap_err();
    assert!(matches!(error, ConstructorError::NeverCalled), "{error}");
}

#[test]
fn an_ordinary_export_may_not_run_them() {
    let error = inspect_text(
        r#"(module
            (func $__wasm_call_ctors nop)
            (func $step call $__wasm_call_ctors)
            (export "step" (func $step)))"#,
    )
    .unwrap_err();
    assert!(
        matches!(&error, ConstructorError::CalledByExport { export } if export == "step"),
        "{error}"
    );
}

#[test]
fn a_module_without_names_cannot_be_judged() {
    // Without `$names` the assembler writes no name section.
    let error = inspect_text("(module (func nop) (func call 0) (export \"start\" (func 1)))").unwrap_err();
    assert!(matches!(error, ConstructorError::NoNames), "{error}");
}

#[test]
fn other_bytes_are_refused() {
    for bytes in [&b""[..], b"<html>", b"\0asm\x01\0\0\0\x0a\xff"] {
        let error = inspect(bytes).unwrap_err();
        assert!(
            matches!(error, ConstructorError::Module(_) | ConstructorError::NoNames),
            "{error}"
        );
    }
}

#[test]
fn start_functions_are_known_by_name() {
    // The first is what wasm-bindgen 0.2.130 makes of `fn start()`.
    for export in [
        "start_1398ce180bbc0dd3",
        "run_constructors_1398ce180bbc0dd3",
        "start",
        "main",
        "_start",
    ] {
        assert!(is_start(export), "{export}");
    }
    for export in [
        "restart_1398ce180bbc0dd3",
        "start_training",
        "step_1398ce180bbc0dd3",
        "start_1398",
    ] {
        assert!(!is_start(export), "{export}");
    }
}

#[test]
fn vector_instructions_are_readable() {
    // The project compiles with simd128, which the reader knows only with a feature of its own.
    let found = inspect_text("(module (func $f (result v128) v128.const i32x4 1 2 3 4))");
    assert_eq!(found.unwrap(), Constructors::None);
}
