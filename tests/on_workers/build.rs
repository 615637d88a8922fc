//! Says by `cfg(on_workers = "…")` which tests are left out here, and why: the reason is the value.
//!
//! | the test says | it is left out on workers, because |
//! |---|---|
//! | `#[cfg(not(on_workers = "order"))]` | it counts on who runs when, which is certain on one loop alone |
//! | `#[cfg(not(on_workers = "one_thread"))]` | it has tasks that are not `Send`, or asks which thread it is on |
//! | `#[cfg(not(on_workers = "one_loop"))]` | it asks for what only a loop that is alone can know or promise |

fn main() {
    for reason in ["order", "one_thread", "one_loop"] {
        println!("cargo::rustc-cfg=on_workers=\"{reason}\"");
    }
    println!("cargo::rerun-if-changed=build.rs");
}
