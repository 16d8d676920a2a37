//! Parallel work on a stream of jobs whose results come out in the order of the jobs.
//!
//! The reader, the workers and the writer run side by side; the jobs in flight are bounded by
//! permits that the writer gives back, so a slow worker cannot make results pile up behind it.

use std::collections::BTreeMap;

use crossbeam_channel::bounded;

/// Jobs in flight for each worker: one in work, one waiting, two done and waiting for their turn.
const IN_FLIGHT_PER_WORKER: usize = 4;

/// Runs `work` over the jobs that `read` yields, on `workers` threads with a state of their own each,
/// and gives the results to `write` in the order of the jobs. Stops early when `write` fails.
///
/// # Errors
/// The first error of `write`.
///
/// # Panics
/// When a worker panics.
pub fn ordered<Job, State, Done, Error>(
    workers: usize,
    mut read: impl FnMut() -> Option<Job> + Send,
    state: impl Fn() -> State + Sync,
    work: impl Fn(&mut State, Job) -> Done + Sync,
    mut write: impl FnMut(Done) -> Result<(), Error>,
) -> Result<(), Error>
where
    Job: Send,
    Done: Send,
{
    let workers = workers.max(1);
    let in_flight = workers * IN_FLIGHT_PER_WORKER;
    let (job_out, job_in) = bounded::<(u64, Job)>(in_flight);
    let (done_out, done_in) = bounded::<(u64, Done)>(in_flight);
    let (permit_out, permit_in) = bounded::<()>(in_flight);
    for _ in 0..in_flight {
        permit_out.send(()).expect("as many as fit");
    }
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut sequence = 0;
            while permit_in.recv().is_ok() {
                let Some(job) = read() else { break };
                if job_out.send((sequence, job)).is_err() {
                    break;
                }
                sequence += 1;
            }
        });
        for _ in 0..workers {
            let (job_in, done_out) = (job_in.clone(), done_out.clone());
            let (state, work) = (&state, &work);
            scope.spawn(move || {
                let mut state = state();
                for (sequence, job) in job_in {
                    if done_out.send((sequence, work(&mut state, job))).is_err() {
                        break;
                    }
                }
            });
        }
        drop((job_in, done_out));
        // Owned here, so that an early return ends the reader's wait.
        let permit_out = permit_out;
        let mut next = 0;
        let mut waiting = BTreeMap::new();
        for (sequence, done) in done_in {
            waiting.insert(sequence, done);
            while let Some(done) = waiting.remove(&next) {
                write(done)?;
                next += 1;
                // The reader may be gone; then nobody waits for permits.
                let _ = permit_out.try_send(());
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_the_order_of_jobs_whatever_the_workers_do() {
        let mut jobs = 0..5000u64;
        let mut seen = Vec::new();
        ordered::<_, _, _, ()>(
            7,
            || jobs.next(),
            || 0u64,
            |state, job| {
                *state += 1;
                if job % 13 == 0 {
                    std::thread::yield_now();
                }
                job * 2
            },
            |done| {
                seen.push(done);
                Ok(())
            },
        )
        .unwrap();
        assert!(seen.iter().copied().eq((0..5000).map(|job| job * 2)));
    }

    #[test]
    fn a_failing_writer_stops_the_endless_reader() {
        let result = ordered(2, || Some(1), || (), |(), job| job, |_| Err("full"));
        assert_eq!(result, Err("full"));
    }
}
