//! Floor 5. What the guards of all locks have in common: each is as good as what it guards.
//!
//! A guard is a coat around a hold of `permit_cell.rs`, and behaves as the value that the hold
//! leads to: it dereferences to it and prints as it does. Ten guards would say so in the same four
//! blocks; this macro says it once.
//!
//! Real world: tokio writes the blocks out for each guard; std's guards have the same four.

/// `guard!([T] Guard<'_, T> => T)` for a guard that reads, `guard!(mut …)` for one that writes.
macro_rules! guard {
    (mut [$($param:ident),+] $guard:ty => $target:ty) => {
        guard!([$($param),+] $guard => $target);

        impl<$($param: ?Sized),+> std::ops::DerefMut for $guard {
            #[inline]
            fn deref_mut(&mut self) -> &mut $target {
                &mut self.hold
            }
        }
    };
    ([$($param:ident),+] $guard:ty => $target:ty) => {
        impl<$($param: ?Sized),+> std::ops::Deref for $guard {
            type Target = $target;

            #[inline]
            fn deref(&self) -> &$target {
                &self.hold
            }
        }

        impl<$($param: ?Sized),+> std::fmt::Debug for $guard
        where
            $target: std::fmt::Debug,
        {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(&**self, f)
            }
        }

        impl<$($param: ?Sized),+> std::fmt::Display for $guard
        where
            $target: std::fmt::Display,
        {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(&**self, f)
            }
        }
    };
}
pub(crate) use guard;
