//! Floor 5. What one does with a path: read, write, rename, remove, look at.
//!
//! Each is the standard library's function of the same name on the blocking pool, in one trip.
//!
//! **Cancel-safe**, for all of them: a future that is dropped before its closure has started on the
//! pool has done nothing; after that, the call goes on and nobody is told how it ended.
//!
//! An error names what was to be done and the path, and has the kind of the standard library's;
//! that error itself, with the kernel's number, is its `source`.
//!
//! Real world: tokio's functions have the same names and the same fine print, but errors that do
//! not say which file it was; Python's `OSError` has a `filename`.

use crate::io::named::{named, with_path};
use crate::io::offload::offload;
use std::fs::{self, Metadata, Permissions};
use std::io;
use std::path::{Path, PathBuf};

/// Does `work` with a path on the pool. `what` could not be done, if it fails.
async fn at<R, F>(what: &'static str, path: &Path, work: F) -> io::Result<R>
where
    R: Send + 'static,
    F: FnOnce(&Path) -> io::Result<R> + Send + 'static,
{
    let path = path.to_owned();
    offload(move || work(&path).map_err(|error| with_path(what, &path, error))).await
}

/// The same with two paths.
async fn from_to<R, F>(what: &'static str, from: &Path, to: &Path, work: F) -> io::Result<R>
where
    R: Send + 'static,
    F: FnOnce(&Path, &Path) -> io::Result<R> + Send + 'static,
{
    let (from, to) = (from.to_owned(), to.to_owned());
    let wrap = move || {
        let done = work(&from, &to);
        done.map_err(|error| named(what, format_args!("{from:?} to {to:?}"), error))
    };
    offload(wrap).await
}

/// The path without links, `.` and `..`, from the root on.
///
/// Twin of `tokio::fs::canonicalize` and of Python's `os.path.realpath`.
///
/// **Cancel-safe:** yes. It changes nothing.
/// **Cost:** one trip to the pool.
///
/// ```
/// use rondel::fs;
/// # rondel::run(async {
/// # let dir = std::env::temp_dir().join(format!("rondel-canonicalize-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir)?;
/// assert!(fs::canonicalize(dir.join("..")).await?.is_absolute());
/// # std::fs::remove_dir_all(&dir)?;
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub async fn canonicalize(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    at("cannot resolve", path.as_ref(), |path| fs::canonicalize(path)).await
}

/// Copies the contents and the permissions of a file over another one, or to a new one.
///
/// Returns the number of bytes.
///
/// Twin of `tokio::fs::copy` and of Python's `shutil.copy`.
///
/// **Cancel-safe:** no. **Once begun it goes on, and nobody is told how it ended.**
/// **Cost:** one trip to the pool.
///
/// ```
/// use rondel::fs;
/// # rondel::run(async {
/// # let dir = std::env::temp_dir().join(format!("rondel-copy-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir)?;
/// fs::write(dir.join("a"), "hello").await?;
/// assert_eq!(fs::copy(dir.join("a"), dir.join("b")).await?, 5);
/// # std::fs::remove_dir_all(&dir)?;
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub async fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<u64> {
    from_to("cannot copy", from.as_ref(), to.as_ref(), |from, to| fs::copy(from, to)).await
}

/// Makes one directory. Its parent must be there, and it must not.
///
/// Twin of `tokio::fs::create_dir` and of Python's `os.mkdir`.
///
/// **Cancel-safe:** no. **Once begun it goes on, and nobody is told how it ended.**
/// **Cost:** one trip to the pool.
///
/// ```
/// use rondel::fs;
/// # rondel::run(async {
/// # let dir = std::env::temp_dir().join(format!("rondel-create-dir-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir)?;
/// fs::create_dir(dir.join("new")).await?;
/// assert!(dir.join("new").is_dir());
/// # std::fs::remove_dir_all(&dir)?;
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub async fn create_dir(path: impl AsRef<Path>) -> io::Result<()> {
    at("cannot create the directory", path.as_ref(), |path| fs::create_dir(path)).await
}

/// Makes a directory and all its parents, as far as they are not there.
///
/// Twin of `tokio::fs::create_dir_all` and of Python's `os.makedirs`.
///
/// **Cancel-safe:** no. **Once begun it goes on, and nobody is told how it ended.**
/// **Cost:** one trip to the pool.
///
/// ```
/// use rondel::fs;
/// # rondel::run(async {
/// # let dir = std::env::temp_dir().join(format!("rondel-create-dir-all-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir)?;
/// fs::create_dir_all(dir.join("a/b/c")).await?;
/// fs::create_dir_all(dir.join("a/b/c")).await?; // there already, and no error
/// # std::fs::remove_dir_all(&dir)?;
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub async fn create_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    at("cannot create the directory", path.as_ref(), |path| fs::create_dir_all(path)).await
}

/// Gives a file a second name.
///
/// Twin of `tokio::fs::hard_link` and of Python's `os.link`.
///
/// **Cancel-safe:** no. **Once begun it goes on, and nobody is told how it ended.**
/// **Cost:** one trip to the pool.
///
/// ```
/// use rondel::fs;
/// # rondel::run(async {
/// # let dir = std::env::temp_dir().join(format!("rondel-hard-link-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir)?;
/// fs::write(dir.join("a"), "hello").await?;
/// fs::hard_link(dir.join("a"), dir.join("b")).await?;
/// assert_eq!(fs::read(dir.join("b")).await?, b"hello");
/// # std::fs::remove_dir_all(&dir)?;
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub async fn hard_link(original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    from_to("cannot link", original.as_ref(), link.as_ref(), |original, link| {
        fs::hard_link(original, link)
    })
    .await
}

/// Length, kind, times and permissions of what the path leads to, through links.
///
/// Twin of `tokio::fs::metadata` and of Python's `os.stat`.
///
/// **Cancel-safe:** yes. It changes nothing.
/// **Cost:** one trip to the pool.
///
/// ```
/// use rondel::fs;
/// # rondel::run(async {
/// # let dir = std::env::temp_dir().join(format!("rondel-metadata-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir)?;
/// assert!(fs::metadata(&dir).await?.is_dir());
/// # std::fs::remove_dir_all(&dir)?;
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub async fn metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    at("cannot look at", path.as_ref(), |path| fs::metadata(path)).await
}

/// The whole file. There is no limit: for a file that may be large, use a [`File`](super::File).
///
/// Twin of `tokio::fs::read` and of Python's `Path.read_bytes`.
///
/// **Cancel-safe:** yes. It changes nothing.
/// **Cost:** one trip to the pool.
///
/// ```
/// use rondel::fs;
/// # rondel::run(async {
/// # let dir = std::env::temp_dir().join(format!("rondel-read-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir)?;
/// fs::write(dir.join("a"), "hello").await?;
/// assert_eq!(fs::read(dir.join("a")).await?, b"hello");
/// # std::fs::remove_dir_all(&dir)?;
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub async fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    at("cannot read", path.as_ref(), |path| fs::read(path)).await
}

/// Where a symbolic link leads to, as it says itself.
///
/// Twin of `tokio::fs::read_link` and of Python's `os.readlink`.
///
/// **Cancel-safe:** yes. It changes nothing.
/// **Cost:** one trip to the pool.
///
/// ```
/// use rondel::fs;
/// # rondel::run(async {
/// # let dir = std::env::temp_dir().join(format!("rondel-read-link-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir)?;
/// fs::symlink("nowhere", dir.join("link")).await?;
/// assert_eq!(fs::read_link(dir.join("link")).await?.to_str(), Some("nowhere"));
/// # std::fs::remove_dir_all(&dir)?;
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub async fn read_link(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    at("cannot read the link", path.as_ref(), |path| fs::read_link(path)).await
}

/// The whole file as text. Bytes that are no UTF-8 are an error. There is no limit, as with
/// [`read`].
///
/// Twin of `tokio::fs::read_to_string` and of Python's `Path.read_text`.
///
/// **Cancel-safe:** yes. It changes nothing.
/// **Cost:** one trip to the pool.
///
/// ```
/// use rondel::fs;
/// # rondel::run(async {
/// # let dir = std::env::temp_dir().join(format!("rondel-read-to-string-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir)?;
/// fs::write(dir.join("a"), "hello").await?;
/// assert_eq!(fs::read_to_string(dir.join("a")).await?, "hello");
/// # std::fs::remove_dir_all(&dir)?;
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub async fn read_to_string(path: impl AsRef<Path>) -> io::Result<String> {
    at("cannot read", path.as_ref(), |path| fs::read_to_string(path)).await
}

/// Removes a directory that is empty.
///
/// Twin of `tokio::fs::remove_dir` and of Python's `os.rmdir`.
///
/// **Cancel-safe:** no. **Once begun it goes on, and nobody is told how it ended.**
/// **Cost:** one trip to the pool.
///
/// ```
/// use rondel::fs;
/// # rondel::run(async {
/// # let dir = std::env::temp_dir().join(format!("rondel-remove-dir-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir)?;
/// fs::create_dir(dir.join("new")).await?;
/// fs::remove_dir(dir.join("new")).await?;
/// # std::fs::remove_dir_all(&dir)?;
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub async fn remove_dir(path: impl AsRef<Path>) -> io::Result<()> {
    at("cannot remove the directory", path.as_ref(), |path| fs::remove_dir(path)).await
}

/// Removes a directory with all that is in it. Links are removed, not followed. After an error a
/// part may be gone.
///
/// Twin of `tokio::fs::remove_dir_all` and of Python's `shutil.rmtree`.
///
/// **Cancel-safe:** no. **Once begun it goes on, and nobody is told how it ended.**
/// **Cost:** one trip to the pool.
///
/// ```
/// use rondel::fs;
/// # rondel::run(async {
/// # let dir = std::env::temp_dir().join(format!("rondel-remove-dir-all-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir)?;
/// fs::create_dir_all(dir.join("a/b/c")).await?;
/// fs::remove_dir_all(dir.join("a")).await?;
/// # std::fs::remove_dir_all(&dir)?;
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub async fn remove_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    at("cannot remove the directory", path.as_ref(), |path| fs::remove_dir_all(path)).await
}

/// Removes a file's name. Who has it open may go on using it.
///
/// Twin of `tokio::fs::remove_file` and of Python's `os.remove`.
///
/// **Cancel-safe:** no. **Once begun it goes on, and nobody is told how it ended.**
/// **Cost:** one trip to the pool.
///
/// ```
/// use rondel::fs;
/// # rondel::run(async {
/// # let dir = std::env::temp_dir().join(format!("rondel-remove-file-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir)?;
/// fs::write(dir.join("a"), "hello").await?;
/// fs::remove_file(dir.join("a")).await?;
/// # std::fs::remove_dir_all(&dir)?;
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub async fn remove_file(path: impl AsRef<Path>) -> io::Result<()> {
    at("cannot remove", path.as_ref(), |path| fs::remove_file(path)).await
}

/// Gives a file or directory another name, on the same file system; a file that has the new name is
/// replaced, and nobody sees a moment without one.
///
/// Twin of `tokio::fs::rename` and of Python's `os.replace`.
///
/// **Cancel-safe:** no. **Once begun it goes on, and nobody is told how it ended.**
/// **Cost:** one trip to the pool.
///
/// ```
/// use rondel::fs;
/// # rondel::run(async {
/// # let dir = std::env::temp_dir().join(format!("rondel-rename-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir)?;
/// fs::write(dir.join("a"), "hello").await?;
/// fs::rename(dir.join("a"), dir.join("b")).await?;
/// # std::fs::remove_dir_all(&dir)?;
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub async fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
    from_to("cannot rename", from.as_ref(), to.as_ref(), |from, to| fs::rename(from, to)).await
}

/// Changes the permissions of what the path leads to.
///
/// Twin of `tokio::fs::set_permissions` and of Python's `os.chmod`.
///
/// **Cancel-safe:** no. **Once begun it goes on, and nobody is told how it ended.**
/// **Cost:** one trip to the pool.
///
/// ```
/// use rondel::fs;
/// # rondel::run(async {
/// # let dir = std::env::temp_dir().join(format!("rondel-set-permissions-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir)?;
/// fs::write(dir.join("a"), "hello").await?;
/// let mut permissions = fs::metadata(dir.join("a")).await?.permissions();
/// permissions.set_readonly(true);
/// fs::set_permissions(dir.join("a"), permissions).await?;
/// # std::fs::remove_dir_all(&dir)?;
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub async fn set_permissions(path: impl AsRef<Path>, perm: Permissions) -> io::Result<()> {
    at("cannot change the permissions of", path.as_ref(), move |path| {
        fs::set_permissions(path, perm)
    })
    .await
}

/// Makes a symbolic link at `link` that leads to `original`, which need not be there.
///
/// Twin of `tokio::fs::symlink` and of Python's `os.symlink`.
///
/// **Cancel-safe:** no. **Once begun it goes on, and nobody is told how it ended.**
/// **Cost:** one trip to the pool.
///
/// ```
/// use rondel::fs;
/// # rondel::run(async {
/// # let dir = std::env::temp_dir().join(format!("rondel-symlink-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir)?;
/// fs::symlink(&dir, dir.join("here")).await?;
/// assert!(fs::metadata(dir.join("here")).await?.is_dir());
/// # std::fs::remove_dir_all(&dir)?;
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub async fn symlink(original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    from_to("cannot link", original.as_ref(), link.as_ref(), |original, link| {
        std::os::unix::fs::symlink(original, link)
    })
    .await
}

/// As [`metadata`], but of a link itself.
///
/// Twin of `tokio::fs::symlink_metadata` and of Python's `os.lstat`.
///
/// **Cancel-safe:** yes. It changes nothing.
/// **Cost:** one trip to the pool.
///
/// ```
/// use rondel::fs;
/// # rondel::run(async {
/// # let dir = std::env::temp_dir().join(format!("rondel-lstat-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir)?;
/// fs::symlink("nowhere", dir.join("link")).await?;
/// assert!(fs::symlink_metadata(dir.join("link")).await?.is_symlink());
/// # std::fs::remove_dir_all(&dir)?;
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub async fn symlink_metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    at("cannot look at", path.as_ref(), |path| fs::symlink_metadata(path)).await
}

/// Whether the path leads to something. An error means that one cannot know.
///
/// Twin of `tokio::fs::try_exists` and of Python's `os.path.exists`.
///
/// **Cancel-safe:** yes. It changes nothing.
/// **Cost:** one trip to the pool.
///
/// ```
/// use rondel::fs;
/// # rondel::run(async {
/// # let dir = std::env::temp_dir().join(format!("rondel-try-exists-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir)?;
/// assert!(fs::try_exists(&dir).await?);
/// assert!(!fs::try_exists(dir.join("nothing")).await?);
/// # std::fs::remove_dir_all(&dir)?;
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub async fn try_exists(path: impl AsRef<Path>) -> io::Result<bool> {
    at("cannot look at", path.as_ref(), |path| fs::exists(path)).await
}

/// Writes a whole file: a new one, or over all that was in it. The bytes are copied to the pool.
///
/// Twin of `tokio::fs::write` and of Python's `Path.write_bytes`.
///
/// **Cancel-safe:** no. **Once begun it goes on; a part may be written if it fails.**
/// **Cost:** one trip to the pool.
///
/// ```
/// use rondel::fs;
/// # rondel::run(async {
/// # let dir = std::env::temp_dir().join(format!("rondel-write-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir)?;
/// fs::write(dir.join("a"), "hello").await?;
/// assert_eq!(fs::read(dir.join("a")).await?, b"hello");
/// # std::fs::remove_dir_all(&dir)?;
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub async fn write(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> io::Result<()> {
    let contents = contents.as_ref().to_owned();
    at("cannot write", path.as_ref(), move |path| fs::write(path, contents)).await
}
