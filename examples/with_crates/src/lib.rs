//! Nothing is in here: the lessons in `examples/` are programs of their own. They form a package of
//! their own because they need other crates, and the engine's own lessons do not.
