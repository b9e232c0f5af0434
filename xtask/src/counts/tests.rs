//! The outputs below are real, of cargo 1.95, cargo-nextest 0.9.143 and wasm-bindgen-test-runner 0.2.130,
//! shortened by lines that hold nothing to count.

use super::*;

fn counts(passed: u64, failed: u64, skipped: u64) -> Counts {
    Counts {
        passed,
        failed,
        skipped,
    }
}

fn read(runner: Runner, output: &str) -> (Reader, String) {
    let mut reader = Reader::new(runner);
    let shown: Vec<&str> = output.lines().filter(|line| reader.line(line)).collect();
    let shown = shown.join("\n");
    (reader, shown)
}

const NEXTEST: &str = "
 Nextest run ID 7b29e5a6-5498-4365-b6eb-73f30ab9a60a with nextest profile: default
    Starting 4 tests across 2 binaries (1 test skipped)
        PASS [   0.046s] nx tests::good
  stdout ───

    running 1 test
    test tests::good ... ok

    test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; finished in 0.00s


        PASS [   0.023s] nx tests::skips
  stdout ───

    running 1 test
    SKIPPED: no GPU here
    SKIPPED: second line
    test tests::skips ... ok

    test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; finished in 0.00s


        PASS [   0.032s] nx::other other
  stdout ───

    running 1 test
    SKIPPED: no data
    test other ... ok

    test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.02s


        FAIL [   0.269s] nx tests::bad
  stdout ───

    running 1 test
    test tests::bad ... FAILED

    test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 3 filtered out; finished in 0.23s

  stderr ───

    thread 'tests::bad' (23295) panicked at src/lib.rs:8:24:
    assertion `left == right` failed: numbers

────────────
     Summary [   0.271s] 4 tests run: 3 passed, 1 failed, 1 skipped
        FAIL [   0.269s] nx tests::bad
error: test run failed
";

#[test]
fn nextest_is_counted_once_per_test() {
    // By hand: good passes, two tests skip themselves (one says two lines), bad fails, one is ignored.
    let (reader, shown) = read(Runner::Nextest, NEXTEST);
    assert_eq!(reader.counts(), counts(1, 1, 3));
    assert_eq!(reader.reasons(), ["no GPU here", "no data"]);
    assert!(
        shown.contains("numbers"),
        "a failing test's output is shown: {shown}"
    );
    assert!(
        shown.contains("SKIPPED: no GPU here"),
        "a reason is shown: {shown}"
    );
    assert!(
        !shown.contains("running 1 test\n    test tests::good"),
        "a passing test's output is not: {shown}"
    );
}

const LIBTEST: &str = "
     Running unittests src/lib.rs (target/debug/deps/nx-72ee6507dc2c5010)

running 4 tests
test tests::good ... ok
test tests::ign ... ignored
SKIPPED: no GPU here
test tests::skips ... ok
test tests::bad ... FAILED

test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.19s

     Running tests/other.rs (target/debug/deps/other-f6dfd5d8077918c1)

running 1 test
test other ... SKIPPED: no data
ok

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s

   Doc-tests nx

running 1 test
test src/lib.rs - f (line 1) ... ok

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

#[test]
fn cargo_tests_programs_are_added_up() {
    // By hand: good and the doc test pass, bad fails, ign is ignored, skips and other skip themselves.
    let (reader, _) = read(Runner::Libtest, LIBTEST);
    assert_eq!(reader.counts(), counts(2, 1, 3));
}

#[test]
fn nextests_rarer_words_are_understood() {
    let line = "     Summary [  12.271s] 9/12 tests run: 5 passed (1 slow, 1 leaky), 2 failed, 1 timed out, 1 exec failed, 3 skipped";
    assert_eq!(nextest_summary(line), Some(counts(5, 4, 3)));
    assert_eq!(
        nextest_summary("     Summary [   0.006s] 1 test run: 1 passed, 0 skipped"),
        Some(counts(1, 0, 0))
    );
    assert_eq!(
        nextest_status("        SLOW [> 60.000s] nx tests::slow"),
        Some("SLOW")
    );
    assert_eq!(
        nextest_status("     FLAKY 2/3 [   0.024s] nx tests::flaky"),
        Some("FLAKY")
    );
}

#[test]
fn ordinary_text_is_not_counted() {
    for line in [
        "Summary [of the paper] 5 run: x",
        "test result: unclear",
        "it SKIPPED: in the middle",
        "a [1s] b",
    ] {
        assert_eq!(libtest_summary(line), None, "{line}");
        assert_eq!(nextest_summary(line), None, "{line}");
        assert_eq!(nextest_status(line), None, "{line}");
        assert_eq!(skip_reason(line), None, "{line}");
    }
}

#[test]
fn the_closing_line_is_plain() {
    assert_eq!(counts(3, 0, 0).to_string(), "3 passed, 0 failed");
    assert_eq!(counts(3, 1, 2).to_string(), "3 passed, 1 failed, 2 skipped");
}
