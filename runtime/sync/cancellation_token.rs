//! Floor 5. "Please stop", down a tree.
//!
//! Dropping a future stops it where it stands. A token asks instead: the task sees the request when
//! it wants to, and can clean up with `.await`. Cancelling a token cancels its children, their
//! children, and so on; never its parent.
//!
//! ```text
//!   token ──▶ Node { reason, waiters, key } ◀──weak── Branch { parent, children, siblings }
//!   clone ──▶   │                                                     ▲
//!               └──▶ Tree: one lock, one slab of branches ────────────┘
//! ```
//!
//! All tokens of a family share one lock and one slab, in which parents and children are linked by
//! number. So there is no order of locks to get wrong, no recursion however deep the family, and
//! no memory of tokens that are gone. Looking (`is_cancelled`) takes no lock.
//!
//! Rules
//! 1. A node is cancelled when its `reason` is set: under the lock, once, and its descendants'
//!    before its own. So who sees it cancelled sees the whole family below it cancelled.
//! 2. A branch is in the slab from the making of its node to its drop. A node that goes leaves its
//!    children to its parent.
//! 3. Nothing is woken, and no node dropped, under the lock.
//!
//! Real world: tokio-util has a lock per node and two counts of references; Go's `context` is the
//! same tree with a reason ("cause"); asyncio has only `Task.cancel(msg)`, and no tree but
//! `TaskGroup`'s.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::hash::{Hash, Hasher};
use std::pin::Pin;
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll};

use slab::Slab;

use crate::leaf::poll_leaf;
use crate::shim::{Mutex, lock};
use crate::wait_list::{Place, WaitList};

/// Asks tasks to stop, and lets tasks wait for being asked.
///
/// Clones are the same token; [children](Self::child_token) are cancelled with it. The twin of
/// `tokio_util::sync::CancellationToken`, and in Python of an `asyncio.Event` called "stop" that is
/// handed to every task. In addition it carries a [reason](Self::reason).
///
/// **Cost:** three heap blocks for a family, one for each child. Looking is one atomic load.
///
/// ```
/// use rondel::sync::CancellationToken;
///
/// rondel::run(async {
///     let token = CancellationToken::new();
///     let asked = token.child_token();
///     let worker = rondel::spawn(async move {
///         asked.cancelled().await;
///         format!("cleaned up: {}", asked.reason().unwrap())
///     });
///     token.cancel_with("shutdown");
///     assert_eq!(worker.await.unwrap(), "cleaned up: shutdown");
/// });
/// ```
#[derive(Clone)]
pub struct CancellationToken {
    node: Arc<Node>,
}

/// What the clones of one token share.
struct Node {
    /// Set: cancelled (rule 1). The inner value is the reason that was given, if any.
    reason: OnceLock<Option<Arc<str>>>,
    /// Never has a permit; closed after `reason` is set.
    waiters: WaitList,
    /// Its place in the family; none if it was made cancelled.
    link: Option<(Arc<Tree>, usize)>,
}

/// A family.
#[derive(Default)]
struct Tree(Mutex<Slab<Branch>>);

/// One member of a family; members are linked by their numbers in the slab.
struct Branch {
    node: Weak<Node>,
    parent: usize,
    first_child: usize,
    next: usize,
    previous: usize,
}

/// No member.
const NOBODY: usize = usize::MAX;

impl CancellationToken {
    /// A token that is not cancelled and has no parent.
    pub fn new() -> Self {
        let tree = Arc::new(Tree::default());
        let node = Node::join(&mut lock(&tree.0), &tree, NOBODY);
        Self { node }
    }

    /// A token that is cancelled when this one is, and can be cancelled alone.
    ///
    /// If this one is cancelled, so is the child, for the same reason. A child lives on when its
    /// parent is dropped; it then belongs to its grandparent.
    pub fn child_token(&self) -> Self {
        let cancelled = |reason: &Option<Arc<str>>| Self {
            node: Arc::new(Node {
                reason: OnceLock::from(reason.clone()),
                waiters: WaitList::new(0),
                link: None,
            }),
        };
        let Some((tree, key)) = &self.node.link else {
            return cancelled(self.node.reason.get().unwrap_or(&None));
        };
        let mut branches = lock(&tree.0);
        match self.node.reason.get() {
            Some(reason) => cancelled(reason),
            None => Self { node: Node::join(&mut branches, tree, *key) },
        }
    }

    /// Cancels this token and all its descendants, and wakes all who wait for that.
    ///
    /// When it returns, all of them are cancelled. Cancelling again does nothing.
    pub fn cancel(&self) {
        self.node.cancel(None);
    }

    /// Cancels like [`cancel`](Self::cancel), and says why.
    ///
    /// The first reason wins: a token that is cancelled keeps what it has. The twin of the `msg` of
    /// `asyncio.Task.cancel`; tokio-util has none.
    pub fn cancel_with(&self, reason: impl Into<Cow<'static, str>>) {
        self.node.cancel(Some(reason.into().into()));
    }

    /// Whether it is cancelled. Never waits.
    pub fn is_cancelled(&self) -> bool {
        self.node.is_cancelled()
    }

    /// Why it was cancelled: by [`cancel_with`](Self::cancel_with) on it or on an ancestor. `None`
    /// if it is not cancelled, or if nobody said why.
    pub fn reason(&self) -> Option<&str> {
        self.node.reason.get()?.as_deref()
    }

    /// Waits until it is cancelled; ready at once if it is already.
    ///
    /// **Cancel-safe:** yes.
    /// **Cost:** no allocation of its own; a place in the token's waiting list once it waits.
    pub fn cancelled(&self) -> WaitForCancellationFuture<'_> {
        WaitForCancellationFuture { node: &self.node, place: Place::default() }
    }

    /// [`cancelled`](Self::cancelled) for a future that keeps the token itself.
    ///
    /// **Cancel-safe:** yes.
    pub fn cancelled_owned(self) -> WaitForCancellationFutureOwned {
        WaitForCancellationFutureOwned { token: self, place: Place::default() }
    }

    /// A guard that cancels the token when it is dropped.
    pub fn drop_guard(self) -> DropGuard {
        DropGuard { token: Some(self) }
    }

    /// A guard that borrows the token and cancels it when it is dropped.
    pub fn drop_guard_ref(&self) -> DropGuardRef<'_> {
        DropGuardRef { token: Some(self) }
    }

    /// Runs `future` until it ends (`Some`) or the token is cancelled (`None`).
    ///
    /// If the token is cancelled at the start, `future` is not polled. Later, when both happen at
    /// once, the output wins.
    ///
    /// **Cancel-safe:** as `future`. When the token is cancelled, `future` is dropped.
    pub async fn run_until_cancelled<F: Future>(&self, future: F) -> Option<F::Output> {
        if self.is_cancelled() {
            return None;
        }
        crate::select! {
            biased;
            output = future => Some(output),
            () = self.cancelled() => None,
        }
    }

    /// [`run_until_cancelled`](Self::run_until_cancelled) for a future that keeps the token itself.
    ///
    /// **Cancel-safe:** as `future`. When the token is cancelled, `future` is dropped.
    pub async fn run_until_cancelled_owned<F: Future>(self, future: F) -> Option<F::Output> {
        self.run_until_cancelled(future).await
    }
}

impl Default for CancellationToken {
    fn default() -> Self {
        Self::new()
    }
}

/// Two tokens are equal if they are clones: cancelling one cancels the other.
impl PartialEq for CancellationToken {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.node, &other.node)
    }
}

impl Eq for CancellationToken {}

impl Hash for CancellationToken {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.node).hash(state);
    }
}

impl fmt::Debug for CancellationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("CancellationToken");
        debug.field("is_cancelled", &self.is_cancelled());
        if let Some(reason) = self.reason() {
            debug.field("reason", &reason);
        }
        debug.finish()
    }
}

impl Node {
    /// A new member of a family, as a child of `parent`.
    fn join(branches: &mut Slab<Branch>, tree: &Arc<Tree>, parent: usize) -> Arc<Self> {
        let key = branches.vacant_key();
        let node = Arc::new(Self {
            reason: OnceLock::new(),
            waiters: WaitList::new(0),
            link: Some((tree.clone(), key)),
        });
        branches.insert(Branch {
            node: Arc::downgrade(&node),
            parent: NOBODY,
            first_child: NOBODY,
            next: NOBODY,
            previous: NOBODY,
        });
        adopt(branches, key, parent);
        node
    }

    fn is_cancelled(&self) -> bool {
        self.reason.get().is_some()
    }

    fn cancel(&self, reason: Option<Arc<str>>) {
        let Some((tree, key)) = self.link.as_ref().filter(|_| !self.is_cancelled()) else {
            return;
        };
        let branches = lock(&tree.0);
        let family = family_of(&branches, *key);
        for node in family.iter().rev() {
            // An error means that it is cancelled already, and keeps its reason.
            let _ = node.reason.set(reason.clone());
        }
        drop(branches);
        family.iter().for_each(|node| node.waiters.close()); // rule 3
    }

    fn poll_cancelled(&self, place: &mut Place, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_cancelled() {
            return Poll::Ready(()); // costs no budget
        }
        poll_leaf("CancellationToken::cancelled", cx, |cx| self.poll_free(place, cx))
    }

    /// The poll without the budget and without a name.
    fn poll_free(&self, place: &mut Place, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_cancelled() {
            return Poll::Ready(());
        }
        // There are no permits, so the only way out of the list is that it closes.
        self.waiters.poll(place, 1, Some(cx.waker()), || false).map(|_| ())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let Some((tree, key)) = &self.link else { return };
        let mut branches = lock(&tree.0);
        abandon(&mut branches, *key);
        let gone = branches.remove(*key);
        let mut child = gone.first_child;
        while child != NOBODY {
            let next = branches[child].next;
            adopt(&mut branches, child, gone.parent); // rule 2
            child = next;
        }
    }
}

/// Makes `child` the first child of `parent`, which may be nobody.
fn adopt(branches: &mut Slab<Branch>, child: usize, parent: usize) {
    let mut next = NOBODY;
    if parent != NOBODY {
        next = std::mem::replace(&mut branches[parent].first_child, child);
    }
    if next != NOBODY {
        branches[next].previous = child;
    }
    let branch = &mut branches[child];
    (branch.parent, branch.next, branch.previous) = (parent, next, NOBODY);
}

/// Takes `child` out of its parent's children.
fn abandon(branches: &mut Slab<Branch>, child: usize) {
    let Branch { parent, next, previous, .. } = branches[child];
    if next != NOBODY {
        branches[next].previous = previous;
    }
    if previous != NOBODY {
        branches[previous].next = next;
    } else if parent != NOBODY {
        branches[parent].first_child = next;
    }
}

/// A member and its descendants, parents before children. One that is being dropped at this moment
/// is left out, its children are not.
fn family_of(branches: &Slab<Branch>, root: usize) -> Vec<Arc<Node>> {
    let (mut family, mut left) = (Vec::new(), vec![root]);
    while let Some(key) = left.pop() {
        family.extend(branches[key].node.upgrade());
        let mut child = branches[key].first_child;
        while child != NOBODY {
            left.push(child);
            child = branches[child].next;
        }
    }
    family
}

/// Waits for the cancellation of a token; see [`CancellationToken::cancelled`].
#[must_use = "futures do nothing unless polled"]
pub struct WaitForCancellationFuture<'a> {
    node: &'a Node,
    place: Place,
}

impl WaitForCancellationFuture<'_> {
    /// The poll for whoever waits for something else, and only keeps an eye on the token.
    pub(crate) fn poll_free(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.node.poll_free(&mut self.place, cx)
    }
}

impl Future for WaitForCancellationFuture<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.node.poll_cancelled(&mut self.place, cx)
    }
}

impl Drop for WaitForCancellationFuture<'_> {
    fn drop(&mut self) {
        let _ = self.node.waiters.leave(&mut self.place); // there was no permit to hand on
    }
}

impl fmt::Debug for WaitForCancellationFuture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitForCancellationFuture").finish_non_exhaustive()
    }
}

/// Waits for the cancellation of a token; see [`CancellationToken::cancelled_owned`].
#[must_use = "futures do nothing unless polled"]
pub struct WaitForCancellationFutureOwned {
    token: CancellationToken,
    place: Place,
}

impl Future for WaitForCancellationFutureOwned {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.token.node.poll_cancelled(&mut this.place, cx)
    }
}

impl Drop for WaitForCancellationFutureOwned {
    fn drop(&mut self) {
        let _ = self.token.node.waiters.leave(&mut self.place); // there was no permit to hand on
    }
}

impl fmt::Debug for WaitForCancellationFutureOwned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitForCancellationFutureOwned").finish_non_exhaustive()
    }
}

/// Cancels a token when it is dropped; see [`CancellationToken::drop_guard`].
#[derive(Debug)]
pub struct DropGuard {
    /// Some until `disarm`.
    token: Option<CancellationToken>,
}

impl DropGuard {
    /// The token that would be cancelled.
    pub fn token(&self) -> &CancellationToken {
        self.token.as_ref().expect("only `disarm` takes it out, and ends the guard")
    }

    /// Ends the guard without cancelling, and gives the token back.
    pub fn disarm(mut self) -> CancellationToken {
        self.token.take().expect("only `disarm` takes it out, and ends the guard")
    }
}

impl Drop for DropGuard {
    fn drop(&mut self) {
        self.token.iter().for_each(CancellationToken::cancel);
    }
}

/// Cancels a borrowed token when it is dropped; see [`CancellationToken::drop_guard_ref`].
#[derive(Debug)]
pub struct DropGuardRef<'a> {
    /// Some until `disarm`.
    token: Option<&'a CancellationToken>,
}

impl<'a> DropGuardRef<'a> {
    /// The token that would be cancelled.
    pub fn token(&self) -> &CancellationToken {
        self.token.expect("only `disarm` takes it out, and ends the guard")
    }

    /// Ends the guard without cancelling, and gives the token back.
    pub fn disarm(mut self) -> &'a CancellationToken {
        self.token.take().expect("only `disarm` takes it out, and ends the guard")
    }
}

impl Drop for DropGuardRef<'_> {
    fn drop(&mut self) {
        self.token.iter().for_each(|token| token.cancel());
    }
}
