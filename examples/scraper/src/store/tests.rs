//! The store against files on disk.

use super::*;

fn page(url: &str, title: &str) -> Change {
    Change::Page(PageRow {
        url: url.into(),
        status: 200,
        content_type: "text/html".into(),
        title: title.into(),
        depth: 1,
        fetched_at_ms: 1,
        latency: Duration::from_millis(3),
        attempts: 1,
        bytes: 5,
        body: Some("hello".into()),
    })
}

fn found(url: &str) -> Change {
    Change::Found { url: url.into(), kind: Kind::Page, depth: 1 }
}

fn settle(url: &str, state: State) -> Change {
    Change::Settle { url: url.into(), state, note: String::new() }
}

/// Writes the batches on the thread of the test.
fn write(store: &mut Store, batches: &[Vec<Change>]) -> Written {
    let mut written = Written::default();
    for batch in batches {
        write_batch(&mut store.db, batch, &mut written).unwrap();
    }
    written
}

/// Goal: a page is stored once, whatever is sent (rule 3).
/// Method: the same address twice in one batch and once in the next.
#[test]
fn the_first_page_of_an_address_stays() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, past) = Store::open(&dir.path().join("s.sqlite"), "job", false).unwrap();
    assert_eq!(past.pages, 0);
    let batches =
        [vec![page("u", "first"), page("u", "second")], vec![page("u", "third"), page("v", "")]];
    let written = write(&mut store, &batches);
    assert_eq!((written.pages, written.doubles, written.batches), (2, 2, 2));
    let title: String = store
        .db
        .query_row("SELECT title FROM pages WHERE url = 'u'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(title, "first");
}

/// Goal: what was under way or failed is queued again, what is settled is not.
/// Method: one address of each state, then open again.
#[test]
fn resuming_finds_what_is_left_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.sqlite");
    let (mut store, _) = Store::open(&path, "job", false).unwrap();
    let mut batch: Vec<Change> = ["a", "b", "c", "d", "e"].map(found).into();
    batch.extend([page("a", ""), settle("a", State::Done), settle("b", State::Failed)]);
    batch.extend([settle("c", State::Redirect), settle("d", State::Skipped)]);
    write(&mut store, &[batch]);
    drop(store);
    let (_, past) = Store::open(&path, "job", true).unwrap();
    assert_eq!(past.pages, 1);
    assert_eq!(past.settled, ["a", "c", "d"]);
    assert_eq!(past.queued, [("b".into(), Kind::Page, 1), ("e".into(), Kind::Page, 1)]);
}

/// Goal: a store is never mixed up: not with another job, not with another program's file.
/// Method: each wrong opening must be refused in one line that names the file.
#[test]
fn a_store_that_is_not_for_us_is_refused_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.sqlite");
    let (mut store, _) = Store::open(&path, "job one", false).unwrap();
    write(&mut store, &[vec![page("u", "")]]);
    drop(store);
    let refused = |path: &Path, job: &str, resume: bool| {
        let text = Store::open(path, job, resume).unwrap_err().to_string();
        assert!(!text.contains('\n') && text.contains(&*path.to_string_lossy()), "{text}");
        text
    };
    assert!(refused(&path, "job one", false).contains("add --resume"));
    assert!(refused(&path, "job two", true).contains("belongs to \"job one\""));
    assert!(refused(dir.path(), "job", false).contains("it is a directory"));
    let text = dir.path().join("notes.txt");
    std::fs::write(&text, "no database at all, and long enough to be read as one".repeat(40))
        .unwrap();
    assert!(refused(&text, "job", false).contains("no SQLite file"));
    let other = dir.path().join("other.sqlite");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE mine (x)").unwrap();
    assert!(refused(&other, "job", false).contains("other tables"));
    assert!(refused(&dir.path().join("no/such/dir.sqlite"), "job", false).contains("cannot open"));
}

/// Goal: a batch is all or nothing (rule 1).
/// Method: a transaction that is never committed leaves no trace.
#[test]
fn an_open_batch_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.sqlite");
    let (mut store, _) = Store::open(&path, "job", false).unwrap();
    write(&mut store, &[vec![found("a")]]);
    let transaction = store.db.transaction().unwrap();
    if let Change::Page(row) = page("a", "") {
        insert_page(&transaction, &row).unwrap();
    }
    drop(transaction);
    drop(store);
    let (_, past) = Store::open(&path, "job", true).unwrap();
    assert_eq!((past.pages, past.queued.len()), (0, 1));
}

/// Goal: a run that stored nothing (a mistyped name) does not stand in the way of the next.
/// Method: open for one job, note an address, open for another.
#[test]
fn a_store_without_pages_is_taken_over() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.sqlite");
    let (mut store, _) = Store::open(&path, "job one", false).unwrap();
    write(&mut store, &[vec![found("a"), settle("a", State::Failed)]]);
    drop(store);
    drop(Store::open(&path, "job two", false).unwrap());
    let (_, past) = Store::open(&path, "job two", true).unwrap();
    assert_eq!((past.pages, past.queued.len(), past.settled.len()), (0, 0, 0));
}
