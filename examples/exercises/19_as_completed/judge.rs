//! Judges progress: each result has to be shown when it is there, in whatever order they end.

use super::answer::download_all;
use rondel::time::Duration;
use rondel_exercises::{Calls, Judge, ensure};

pub fn judge(judge: &mut Judge) {
    judge.check("each is shown as soon as it has ended").schedules(async |log| {
        let calls = Calls::new(&log, "download");
        let times = [300_u32, 100, 200];
        let downloads = times.map(|ms| {
            let calls = &calls;
            async move {
                calls.call_named(&format!("({ms} ms)"), Duration::from_millis(ms.into())).await;
                ms
            }
        });
        download_all(downloads.into(), |size| log.note(format!("done {size}"))).await;
        if let Some(misconception) = calls.one_after_another() {
            return Err(misconception);
        }
        for ms in times {
            let when = log.when(&format!("done {ms}")).ok_or(format!("{ms} was never shown"))?;
            ensure!(
                when == Duration::from_millis(ms.into()),
                "the download of {ms} ms was shown at {} ms: its result lay there, and waited for \
                 the others",
                when.as_millis()
            );
        }
        Ok(())
    });

    judge.check("no downloads, no progress").schedules(async |log| {
        download_all(Vec::<std::future::Ready<u32>>::new(), |_| log.note("done")).await;
        ensure!(log.count("done") == 0, "there was nothing to do, and something was shown");
        Ok(())
    });
}
