//! The example of the README, so that it compiles and runs.

use rondel::time::{Duration, sleep};

#[rondel::main]
async fn main() {
    let slow = rondel::spawn(async {
        sleep(Duration::from_millis(200)).await;
        "world"
    });
    let fast = rondel::spawn(async { "hello" });
    println!("{}, {}!", fast.await.unwrap(), slow.await.unwrap());
}
