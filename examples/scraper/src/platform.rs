//! The embedded platform: a web site with faults, on loopback.
