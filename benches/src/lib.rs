//! Bodies shared by every runtime.
