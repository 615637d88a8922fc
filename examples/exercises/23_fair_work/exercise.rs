//! A long computation beside other tasks.

/// The sum of the squares of `numbers`, with a `step` for each of them.
pub async fn sum_of_squares(numbers: &[u64], step: impl Fn()) -> u64 {
    let mut sum = 0;
    for number in numbers {
        step();
        sum += number * number;
    }
    sum
}
