//! `#[rondel::main]` and `#[rondel::test]` in use. What they refuse is tested in their own crate.

#![cfg(feature = "macros")]

use std::cell::Cell;
use std::rc::Rc;

#[rondel::main]
async fn answer() -> u32 {
    rondel::spawn(async { 42 }).await.unwrap()
}

#[rondel::main(flavor = "current_thread", name = "macros", crate = rondel)]
async fn takes_arguments<T: Clone>(value: &T) -> T {
    rondel::task::yield_now().await;
    value.clone()
}

#[rondel::main]
async fn fails() -> Result<(), std::num::ParseIntError> {
    let _number: u32 = "x".parse()?;
    Ok(())
}

#[rondel::main]
async fn returns_early(early: bool) -> &'static str {
    if early {
        return "early";
    }
    "late"
}

#[test]
fn main_runs_the_body_on_a_runtime_and_returns_its_value() {
    assert_eq!(answer(), 42);
    assert_eq!(takes_arguments(&String::from("lent")), "lent");
    assert!(fails().is_err());
    assert_eq!((returns_early(true), returns_early(false)), ("early", "late"));
}

#[rondel::test]
async fn test_bodies_may_hold_what_cannot_be_sent() {
    let cell = Rc::new(Cell::new(1));
    let inner = cell.clone();
    rondel::task::spawn_local(async move { inner.set(2) }).await.unwrap();
    assert_eq!(cell.get(), 2);
}

#[rondel::test]
async fn test_bodies_may_return_a_result() -> Result<(), Box<dyn std::error::Error>> {
    let number: u32 = "7".parse()?;
    assert_eq!(number, 7);
    Ok(())
}

#[rondel::test]
#[should_panic(expected = "as it should")]
async fn other_attributes_stay() {
    rondel::task::yield_now().await;
    panic!("as it should");
}

#[rondel::test(seed = 7)]
async fn a_seed_makes_the_choices_of_select_repeatable() {
    async fn draw() -> Vec<u32> {
        let mut drawn = Vec::new();
        for _ in 0..16 {
            drawn.push(rondel::select! {
                () = async {} => 0,
                () = async {} => 1,
                () = async {} => 2,
            });
        }
        drawn
    }
    let here = draw().await;
    let there = std::thread::spawn(|| {
        // A test with a seed draws lots in the ready queue as well.
        let runtime = rondel::Builder::new().seed(7).shuffle(true).build().unwrap();
        runtime.block_on(draw())
    });
    assert_eq!(here, there.join().unwrap());
}
