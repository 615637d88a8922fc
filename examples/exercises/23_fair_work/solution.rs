//! A long computation beside other tasks.

use rondel::task::yield_now;

/// How many numbers may be worked off while the others wait.
const STRETCH: usize = 64;

/// The sum of the squares of `numbers`, with a `step` for each of them.
pub async fn sum_of_squares(numbers: &[u64], step: impl Fn()) -> u64 {
    let mut sum = 0;
    for stretch in numbers.chunks(STRETCH) {
        for number in stretch {
            step();
            sum += number * number;
        }
        yield_now().await;
    }
    sum
}
