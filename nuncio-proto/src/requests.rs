//! Requests that await replies: token → waiter, with deadlines, failures and wakers.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::inbox::Token;
use crate::slots::Slots;

/// The requests of one connection that have not ended.
///
/// `M` is a reply, `F` why a request failed. A slot lives from [`open`](Self::open) to [`close`](Self::close);
/// whoever opened it closes it, so that no reply, time-out or cancellation leaves anything behind.
#[derive(Debug)]
pub struct Requests<M, F> {
    slots: Slots<Request<M, F>>,
    opened: u64,
}

#[derive(Debug)]
struct Request<M, F> {
    /// Orders requests by age: a refused subject concerns the oldest request for it.
    age: u64,
    subject: u64,
    /// Of the whole request.
    total: Option<Instant>,
    /// Of what is awaited now; the next reply puts that of the whole request back.
    deadline: Option<Instant>,
    first: Option<M>,
    more: VecDeque<M>,
    many: bool,
    failure: Option<F>,
    waker: Option<Waker>,
}

impl<M, F> Default for Requests<M, F> {
    fn default() -> Self {
        Self { slots: Slots::new(), opened: 0 }
    }
}

impl<M, F> Requests<M, F> {
    /// Opens a slot. `subject` is a hash of the subject asked, for [`fail_subject`](Self::fail_subject);
    /// with `many` all replies are kept, otherwise the first one only. `waker` is woken as one that
    /// [`poll`](Self::poll) registers.
    pub fn open(
        &mut self,
        subject: u64,
        many: bool,
        deadline: Option<Instant>,
        waker: Option<Waker>,
    ) -> Token {
        self.opened += 1;
        self.slots.insert(Request {
            age: self.opened,
            subject,
            total: deadline,
            deadline,
            first: None,
            more: VecDeque::new(),
            many,
            failure: None,
            waker,
        })
    }

    /// Frees a slot; replies not taken are dropped. A token that is closed already does nothing.
    pub fn close(&mut self, token: Token) {
        self.slots.remove(token);
    }

    /// The number of the newest request; later ones get higher numbers.
    pub fn newest(&self) -> u64 {
        self.opened
    }

    /// Whether a request up to that number still waits for replies.
    pub fn is_any_open_until(&mut self, age: u64) -> bool {
        self.slots.iter_mut().any(|r| r.age <= age && r.failure.is_none() && (r.many || r.first.is_none()))
    }

    /// Open slots.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether no request is open.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Hands a reply to its request. Late and surplus replies are dropped.
    pub fn deliver(&mut self, token: Token, reply: M) -> Option<Waker> {
        let request = self.slots.get_mut(token)?;
        if request.failure.is_some() {
            return None;
        }
        request.deadline = request.total;
        if request.first.is_none() && request.more.is_empty() {
            request.first = Some(reply);
        } else if request.many {
            request.more.push_back(reply);
        } else {
            return None;
        }
        request.waker.take()
    }

    /// Ends one request with a failure; replies that came before it are still handed out.
    pub fn fail(&mut self, token: Token, failure: F) -> Option<Waker> {
        let request = self.slots.get_mut(token)?;
        if request.failure.is_some() || (!request.many && request.first.is_some()) {
            return None;
        }
        request.failure = Some(failure);
        request.waker.take()
    }

    /// Fails the oldest unanswered request whose subject has this hash; `None` when there is none.
    pub fn fail_subject(&mut self, subject: u64, failure: F) -> Option<Option<Waker>> {
        let request = self
            .slots
            .iter_mut()
            .filter(|r| r.subject == subject && r.failure.is_none() && r.first.is_none())
            .min_by_key(|r| r.age)?;
        request.failure = Some(failure);
        Some(request.waker.take())
    }

    /// Fails every request up to that number that is not answered yet.
    pub fn fail_until(&mut self, age: u64, failure: &F, wakers: &mut Vec<Waker>)
    where
        F: Clone,
    {
        for request in self.slots.iter_mut().filter(|request| request.age <= age) {
            if request.failure.is_some() || (!request.many && request.first.is_some()) {
                continue;
            }
            request.failure = Some(failure.clone());
            wakers.extend(request.waker.take());
        }
    }

    /// Expects the next reply by `deadline`, or by that of the whole request where that is earlier. The next reply
    /// puts the latter in force again.
    pub fn expect_reply_by(&mut self, token: Token, deadline: Instant) {
        if let Some(request) = self.slots.get_mut(token) {
            request.deadline = Some(request.total.map_or(deadline, |total| total.min(deadline)));
        }
    }

    /// Fails what is due and returns the earliest deadline that is left.
    ///
    /// Sweeps the open slots, so a deadline that was met costs nothing afterwards.
    pub fn expire(&mut self, now: Instant, failure: &F, wakers: &mut Vec<Waker>) -> Option<Instant>
    where
        F: Clone,
    {
        let mut next = None;
        for request in self.slots.iter_mut() {
            let Some(deadline) = request.deadline else { continue };
            if request.failure.is_some() || (!request.many && request.first.is_some()) {
                continue;
            }
            if deadline <= now {
                request.deadline = None;
                request.failure = Some(failure.clone());
                wakers.extend(request.waker.take());
            } else {
                next = Some(next.map_or(deadline, |n: Instant| n.min(deadline)));
            }
        }
        next
    }

    /// The next reply or the failure, else registers the waker.
    ///
    /// The one reply of a request that wants no more frees its slot at once. A token that is not open is pending for ever: the owner of a slot does not poll it after closing it.
    pub fn poll(&mut self, token: Token, cx: &mut Context<'_>) -> Poll<Result<M, F>>
    where
        F: Clone,
    {
        let Some(request) = self.slots.get_mut(token) else { return Poll::Pending };
        if let Some(reply) = request.first.take().or_else(|| request.more.pop_front()) {
            if !request.many {
                self.slots.remove(token);
            }
            return Poll::Ready(Ok(reply));
        }
        if let Some(failure) = &request.failure {
            return Poll::Ready(Err(failure.clone()));
        }
        match &mut request.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            empty => *empty = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    type Table = Requests<u32, &'static str>;

    fn poll(table: &mut Table, token: Token) -> Poll<Result<u32, &'static str>> {
        table.poll(token, &mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn the_first_of_many_replies_wins_and_the_rest_goes_to_no_one() {
        let mut table = Table::default();
        let a = table.open(1, false, None, None);
        table.deliver(a, 1);
        table.deliver(a, 2);
        assert_eq!(poll(&mut table, a), Poll::Ready(Ok(1)));
        table.close(a);
        let b = table.open(1, false, None, None);
        table.deliver(a, 3);
        assert_eq!(poll(&mut table, b), Poll::Pending);
    }

    #[test]
    fn many_hands_out_all_replies_in_order_before_the_failure() {
        let mut table = Table::default();
        let a = table.open(1, true, None, None);
        for i in 0..3 {
            table.deliver(a, i);
        }
        table.fail(a, "gone");
        table.deliver(a, 9);
        for i in 0..3 {
            assert_eq!(poll(&mut table, a), Poll::Ready(Ok(i)));
        }
        assert_eq!(poll(&mut table, a), Poll::Ready(Err("gone")));
    }

    #[test]
    fn a_refused_subject_fails_the_oldest_request_for_it() {
        let mut table = Table::default();
        let other = table.open(7, false, None, None);
        let old = table.open(8, false, None, None);
        let new = table.open(8, false, None, None);
        assert!(table.fail_subject(8, "denied").is_some());
        assert_eq!(poll(&mut table, old), Poll::Ready(Err("denied")));
        assert_eq!(poll(&mut table, new), Poll::Pending);
        assert_eq!(poll(&mut table, other), Poll::Pending);
        assert!(table.fail_subject(9, "denied").is_none());
    }

    #[test]
    fn expiry_fails_what_is_due_and_tells_the_next_deadline() {
        let now = Instant::now();
        let at = |ms| now + Duration::from_millis(ms);
        let mut table = Table::default();
        let a = table.open(1, false, Some(at(10)), None);
        let b = table.open(1, false, Some(at(20)), None);
        let answered = table.open(1, false, Some(at(5)), None);
        table.deliver(answered, 1);
        assert_eq!(table.expire(at(10), &"late", &mut Vec::new()), Some(at(20)));
        assert_eq!(poll(&mut table, a), Poll::Ready(Err("late")));
        assert_eq!(poll(&mut table, b), Poll::Pending);
        assert_eq!(poll(&mut table, answered), Poll::Ready(Ok(1)));
        table.close(b);
        assert_eq!(table.expire(at(30), &"late", &mut Vec::new()), None);
    }

    #[test]
    fn a_reply_puts_the_deadline_of_the_whole_request_in_force_again() {
        let now = Instant::now();
        let at = |ms| now + Duration::from_millis(ms);
        let mut table = Table::default();
        let a = table.open(1, true, Some(at(100)), None);
        table.expect_reply_by(a, at(10));
        assert_eq!(table.expire(at(5), &"late", &mut Vec::new()), Some(at(10)));
        table.deliver(a, 1);
        assert_eq!(table.expire(at(20), &"late", &mut Vec::new()), Some(at(100)));
        table.expect_reply_by(a, at(500));
        assert_eq!(table.expire(at(20), &"late", &mut Vec::new()), Some(at(100)));
    }

    #[test]
    fn requests_up_to_a_number_fail_and_later_ones_go_on() {
        let mut table = Table::default();
        let [answered, old] = [(); 2].map(|()| table.open(1, false, None, None));
        let newest = table.newest();
        let new = table.open(1, false, None, None);
        table.deliver(answered, 7);
        table.fail_until(newest, &"gone", &mut Vec::new());
        assert_eq!(poll(&mut table, answered), Poll::Ready(Ok(7)));
        assert_eq!(poll(&mut table, old), Poll::Ready(Err("gone")));
        assert_eq!(poll(&mut table, new), Poll::Pending);
    }

    #[test]
    fn a_reply_that_came_in_time_survives_failure_of_all() {
        let mut table = Table::default();
        let a = table.open(1, false, None, None);
        table.deliver(a, 5);
        table.fail_until(u64::MAX, &"disconnected", &mut Vec::new());
        assert_eq!(poll(&mut table, a), Poll::Ready(Ok(5)));
    }
}
