//! Two tasks take two locks in opposite order, and time is virtual. The README shows this program
//! and what it prints.

use rondel::sync::Mutex;
use rondel::time::{Duration, sleep};
use std::sync::Arc;

async fn transfer(from: Arc<Mutex<i32>>, to: Arc<Mutex<i32>>) {
    let mut from = from.lock().await;
    sleep(Duration::from_secs(1)).await;
    *to.lock().await += 1;
    *from -= 1;
}

fn main() {
    let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
    let outcome = runtime.try_block_on(async {
        let (mine, yours) = (Arc::new(Mutex::new(10)), Arc::new(Mutex::new(10)));
        let there = rondel::spawn(transfer(mine.clone(), yours.clone()));
        let back = rondel::spawn(transfer(yours, mine));
        there.await.unwrap();
        back.await.unwrap();
    });
    println!("{}", outcome.unwrap_err());
}
