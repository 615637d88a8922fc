//! Judges stacked limits: what one level refuses, no other level may count.

use super::answer::Limits;
use rondel_exercises::{Judge, ensure};

fn passed(limits: &mut Limits, client: &str, attempts: u32) -> u32 {
    (0..attempts).filter(|_| limits.try_pass(client)).count() as u32
}

pub fn judge(judge: &mut Judge) {
    judge.check("both limits hold").plain(|_log| {
        let mut limits = Limits::new(10, 3);
        let of_one = passed(&mut limits, "ann", 5);
        ensure!(of_one == 3, "one client may make 3 requests, and {of_one} passed");
        let mut limits = Limits::new(10, 30);
        let of_all = passed(&mut limits, "ann", 20);
        ensure!(of_all == 10, "10 requests may pass in all, and {of_all} passed");
        Ok(())
    });

    judge.check("a refused request costs nobody anything").plain(|log| {
        let mut limits = Limits::new(100, 10);
        let of_ann = passed(&mut limits, "ann", 500);
        log.note(format!("ann makes 500 requests, {of_ann} pass"));
        log.note(format!("left for everybody: {}", limits.left()));
        ensure!(of_ann == 10, "ann may make 10 requests, and {of_ann} passed");
        let of_bob = passed(&mut limits, "bob", 10);
        log.note(format!("bob makes 10 requests, {of_bob} pass"));
        ensure!(
            of_bob == 10,
            "490 requests of ann were refused, and used up what all clients share: bob, who asked \
             for 10, got {of_bob}"
        );
        ensure!(limits.left() == 80, "20 of 100 have passed, and {} are left", limits.left());
        Ok(())
    });

    judge.check("a request that the shared limit refuses costs the client nothing").plain(|log| {
        let mut limits = Limits::new(5, 3);
        let (of_ann, of_bob) = (passed(&mut limits, "ann", 3), passed(&mut limits, "bob", 3));
        log.note(format!("ann: {of_ann}, bob: {of_bob}, then the shared limit is reached"));
        ensure!((of_ann, of_bob) == (3, 2), "ann got {of_ann} and bob {of_bob} of 5");
        ensure!(limits.left() == 0, "5 of 5 have passed, and {} are left", limits.left());
        Ok(())
    });
}
