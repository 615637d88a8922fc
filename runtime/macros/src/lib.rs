//! `#[rondel::main]` and `#[rondel::test]`.
