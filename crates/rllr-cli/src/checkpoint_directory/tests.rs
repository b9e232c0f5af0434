use pollster::block_on;

use super::*;

fn root(name: &str) -> PathBuf {
    let root = std::env::temp_dir().join(format!("rllr-checkpoints-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&root);
    root
}

fn write(store: &mut CheckpointDirectory, name: &str, bytes: &[u8]) {
    block_on(store.begin(name)).unwrap();
    for byte in bytes {
        block_on(store.append("file", &[*byte])).unwrap();
    }
    block_on(store.commit()).unwrap();
}

#[test]
fn a_checkpoint_appears_whole_and_goes_whole() {
    let root = root("whole");
    let mut store = CheckpointDirectory::open(&root).unwrap();
    block_on(store.begin("b")).unwrap();
    block_on(store.append("file", b"12")).unwrap();
    assert_eq!(block_on(store.list()).unwrap(), Vec::<String>::new());
    block_on(store.append("file", b"3")).unwrap();
    block_on(store.commit()).unwrap();
    write(&mut store, "a", b"old");
    write(&mut store, "a", b"new");
    assert_eq!(block_on(store.list()).unwrap(), ["a", "b"]);
    assert_eq!(block_on(store.read("b", "file")).unwrap(), b"123");
    assert_eq!(block_on(store.read("a", "file")).unwrap(), b"new");
    block_on(store.remove("b")).unwrap();
    block_on(store.remove("b")).unwrap();
    assert!(matches!(
        block_on(store.read("b", "file")),
        Err(StoreError::Missing { .. })
    ));
    fs::remove_dir_all(&root).unwrap();
}

#[test]
fn what_a_killed_writer_left_is_removed() {
    let root = root("left");
    let mut store = CheckpointDirectory::open(&root).unwrap();
    write(&mut store, "a", b"whole");
    block_on(store.begin("b")).unwrap();
    block_on(store.append("file", b"half")).unwrap();
    fs::create_dir(root.join(".c.removed")).unwrap();
    drop(store);
    let store = CheckpointDirectory::open(&root).unwrap();
    assert_eq!(block_on(store.list()).unwrap(), ["a"]);
    let mut left: Vec<_> = fs::read_dir(&root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, [LOCK, "a"]);
    fs::remove_dir_all(&root).unwrap();
}

#[test]
fn two_writers_do_not_share_a_directory() {
    let root = root("two");
    let first = CheckpointDirectory::open(&root).unwrap();
    let error = CheckpointDirectory::open(&root).unwrap_err().to_string();
    assert!(
        error.ends_with("cannot be written: another run is writing there"),
        "{error}"
    );
    drop(first);
    CheckpointDirectory::open(&root).unwrap();
    fs::remove_dir_all(&root).unwrap();
}

#[test]
fn a_path_that_is_a_file_is_named() {
    let root = root("file");
    fs::write(&root, "text").unwrap();
    let error = CheckpointDirectory::open(&root).unwrap_err().to_string();
    assert!(error.contains(&root.display().to_string()), "{error}");
    let full = io::Error::from(ErrorKind::StorageFull);
    assert!(matches!(failed(&root, &full), StoreError::Full { .. }));
    fs::remove_file(&root).unwrap();
}
