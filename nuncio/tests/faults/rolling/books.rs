//! What a rolling restart cost, and whether it may have.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use nuncio::{Event, RequestError, Statistics};

use super::MOST_DIALS;
use super::load::{Ended, PATIENCE};

/// A failure is told this soon after the deadline, on however busy a machine.
const SLACK: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    LameDuck,
    Kill,
}

/// A time of trouble, until all was well again.
struct Time {
    trouble: Trouble,
    /// At the server concerned.
    clients: usize,
    began: Instant,
    over: Instant,
    /// How many jobs the publisher was told of meanwhile as lost or in doubt.
    told: u64,
}

impl Time {
    /// Whether something that began and ended then may have met it.
    fn meets(&self, from: Instant, to: Instant) -> bool {
        from <= self.over && to >= self.began
    }
}

#[derive(Default)]
pub struct Books {
    times: Vec<Time>,
}

impl Books {
    /// That trouble is over now, and the publisher's count of jobs lost or in doubt is now `told`.
    pub fn note(&mut self, trouble: Trouble, clients: usize, began: Instant, told: u64) {
        let told = told - self.times.iter().map(|time| time.told).sum::<u64>();
        self.times.push(Time { trouble, clients, began, over: Instant::now(), told });
    }

    fn met(&self, trouble: Trouble, from: Instant, to: Instant) -> bool {
        self.times.iter().any(|time| time.trouble == trouble && time.meets(from, to))
    }

    /// How long before or after each trouble that was.
    fn when(&self, at: Instant) -> String {
        let apart = |a: Instant, b: Instant| a.saturating_duration_since(b);
        let since = self.times.iter().map(|time| {
            let (trouble, before, after) = (time.trouble, apart(time.began, at), apart(at, time.over));
            format!("{before:?} before or {after:?} after {trouble:?}")
        });
        since.collect::<Vec<_>>().join("; ")
    }

    pub fn account(&self, ended: &Ended) -> String {
        let mut text = String::new();
        let failed = Vec::from_iter(ended.asked.iter().filter(|asked| asked.error.is_some()));
        let longest = ended.asked.iter().map(|asked| asked.took).max().unwrap_or_default();
        writeln!(text, "requests: {}, failed {}, longest {longest:?}", ended.asked.len(), failed.len())
            .unwrap();
        let mut kinds: BTreeMap<String, u32> = BTreeMap::new();
        for asked in &failed {
            let met = if self.met(Trouble::Kill, asked.at, asked.ended()) {
                "on a crash"
            } else if self.met(Trouble::LameDuck, asked.at, asked.ended()) {
                "on lame duck"
            } else {
                "at peace"
            };
            *kinds.entry(format!("{met}: {}", kind(asked.error.as_ref().unwrap()))).or_default() += 1;
        }
        kinds.iter().for_each(|(kind, count)| writeln!(text, "  {count} {kind}").unwrap());
        let sum = |figure: fn(&Statistics) -> u64| ended.requesters.iter().map(figure).sum::<u64>();
        let figures = [
            ("published", sum(|s| s.published)),
            ("written", sum(|s| s.written)),
            ("lost", sum(|s| s.lost)),
            ("maybe lost", sum(|s| s.maybe_lost)),
        ];
        writeln!(text, "requesters: {figures:?}; responders got {}", ended.served.len()).unwrap();
        let missing = ended.jobs.len() - ended.done.len();
        let s = &ended.publisher;
        let figures = (s.published, s.written, s.lost, s.maybe_lost);
        let unseen = unseen(ended);
        let jobs = ended.jobs.len();
        writeln!(text, "jobs: {jobs}, missing {missing}, of which no server had {unseen}").unwrap();
        writeln!(text, "publisher: published, written, lost, maybe lost {figures:?}").unwrap();
        for time in &self.times {
            let Time { trouble, clients, began, over, told } = time;
            let met = failed.iter().filter(|asked| time.meets(asked.at, asked.ended())).count();
            let took = *over - *began;
            write!(text, "{trouble:?} with {clients} clients: {met} requests failed, ").unwrap();
            writeln!(text, "{told} jobs in doubt, well after {took:?}").unwrap();
        }
        let dials = dials(ended);
        let (most, all) = (dials.values().max().unwrap_or(&0), dials.values().sum::<usize>());
        write!(text, "dials: {all}; by one client to one server within a second: {most}").unwrap();
        text
    }

    pub fn check(&self, ended: &Ended) {
        self.check_failures(ended);
        self.check_queue_groups(ended);
        self.check_doubts(ended);
        for s in ended.requesters.iter().chain([&ended.publisher]).chain(&ended.others) {
            assert_eq!(s.published, s.written + s.lost + s.maybe_lost, "{s:?}");
            assert_eq!((s.buffered, s.requests, s.dropped), (0, 0, 0), "{s:?}");
        }
        for (place, dials) in dials(ended) {
            assert!(dials <= MOST_DIALS, "{dials} dials by {place:?}");
        }
        let missed = |(_, event): &(Instant, Event)| matches!(event, Event::Missed(_));
        assert!(!ended.events.iter().flatten().any(missed));
    }

    fn check_failures(&self, ended: &Ended) {
        for asked in &ended.asked {
            assert!(asked.took < PATIENCE + SLACK, "{:?} after {:?}", asked.error, asked.took);
            let Some(error) = &asked.error else { continue };
            let met = self.met(Trouble::Kill, asked.at, asked.ended());
            assert!(met, "{error} without a crash: {}", self.when(asked.at));
            let typed = matches!(
                error,
                RequestError::Disconnected { .. }
                    | RequestError::Timeout { .. }
                    | RequestError::NoResponders { .. }
            );
            assert!(typed, "{error:?}");
        }
    }

    /// A job that no server had was lost on the way to it, and the publisher is told of each of those; those that a server
    /// took along are for nobody to tell.
    fn check_doubts(&self, ended: &Ended) {
        let s = &ended.publisher;
        let told = s.lost + s.maybe_lost;
        assert!(unseen(ended) as u64 <= told, "{} jobs reached no server, {s:?}", unseen(ended));
        for time in self.times.iter().filter(|time| time.trouble == Trouble::LameDuck) {
            assert_eq!(time.told, 0, "jobs in doubt on lame duck");
        }
    }

    fn check_queue_groups(&self, ended: &Ended) {
        let served = BTreeSet::from_iter(&ended.served);
        assert_eq!(served.len(), ended.served.len(), "a request was served twice");
        for asked in ended.asked.iter().filter(|asked| asked.error.is_none()) {
            assert!(served.contains(&asked.number), "a reply from nowhere");
        }
        let done = BTreeSet::from_iter(&ended.done);
        assert_eq!(done.len(), ended.done.len(), "a job was done twice");
        for (number, at) in ended.jobs.iter().enumerate() {
            let lost = !done.contains(&(number as u64));
            let met = self.met(Trouble::Kill, *at, *at + SLACK);
            assert!(!lost || met, "job {number} is missing without a crash: {}", self.when(*at));
        }
    }
}

/// How many jobs neither a worker got nor anybody else, of whom there is one at each server.
fn unseen(ended: &Ended) -> usize {
    let done = BTreeSet::from_iter(&ended.done);
    let unseen = |number: &u64| !done.contains(number) && !ended.seen.contains(number);
    (0..ended.jobs.len() as u64).filter(unseen).count()
}

fn kind(error: &RequestError) -> String {
    let debug = format!("{error:?}");
    debug.split([' ', '(']).next().unwrap_or_default().to_owned()
}

/// Attempts by client, server and second.
fn dials(ended: &Ended) -> BTreeMap<(usize, String, u64), usize> {
    let began = ended.jobs.first().copied().unwrap_or_else(Instant::now);
    let mut dials = BTreeMap::new();
    for (client, events) in ended.events.iter().enumerate() {
        for (at, event) in events {
            if let Event::Reconnecting { server, .. } = event {
                let second = at.saturating_duration_since(began).as_secs();
                *dials.entry((client, server.clone(), second)).or_default() += 1;
            }
        }
    }
    dials
}
