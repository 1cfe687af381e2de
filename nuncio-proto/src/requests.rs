//! Requests that await replies: token → waiter, with deadlines, failures and wakers.

mod group;

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

pub use group::Ended;
use group::{Group, Member, end};

use crate::inbox::Token;
use crate::slots::Slots;

/// The requests of one connection that have not ended.
///
/// `M` is a reply, `F` why a request failed. A slot lives from [`open`](Self::open) to [`close`](Self::close);
/// whoever opened it closes it, so that no reply, time-out or cancellation leaves anything behind.
///
/// Who keeps many requests in flight opens them [in a group](Self::open_in): what ends is collected there, with one wake
/// for all that ends before it is taken, and a slot is free as soon as its reply is there.
#[derive(Debug)]
pub struct Requests<M, F> {
    slots: Slots<Request<M, F>>,
    groups: Slots<Group<M, F>>,
    opened: u64,
    /// Requests whose time begins with the next [`start`](Self::start).
    unstarted: Vec<(Token, Duration)>,
}

/// Small, since each request puts one in its place.
#[derive(Debug)]
struct Request<M, F> {
    /// Orders requests by age: a refused subject concerns the oldest request for it.
    age: u64,
    subject: u64,
    /// Of what is awaited now.
    deadline: Option<Instant>,
    state: State<M, F>,
    /// The next [`Requests::fail_until`] leaves it out.
    spared: bool,
}

/// What a request waits for, and who is told of it.
#[derive(Debug)]
enum State<M, F> {
    /// One reply.
    One(Option<Waker>),
    /// Nothing more: it has had its one reply, or has failed.
    Over(Result<M, F>),
    /// One reply, which its group is told of, as it is of a failure.
    InGroup(Member, Option<F>),
    /// Any number of replies. Apart, since most requests should not have the room for it.
    Many(Box<Many<M, F>>),
}

#[derive(Debug)]
struct Many<M, F> {
    /// Of the whole request; that of what is awaited now may be earlier, until the next reply.
    total: Option<Instant>,
    replies: VecDeque<M>,
    /// Why there are no more.
    failure: Option<F>,
    waker: Option<Waker>,
}

impl<M, F> Default for Requests<M, F> {
    fn default() -> Self {
        Self { slots: Slots::new(), groups: Slots::new(), opened: 0, unstarted: Vec::new() }
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
        let state = if many {
            State::Many(Box::new(Many { total: deadline, replies: VecDeque::new(), failure: None, waker }))
        } else {
            State::One(waker)
        };
        self.enter(subject, deadline, state)
    }

    /// Opens a slot for one reply whose time is `after` from the next [`start`](Self::start) on, so that whoever opens it need
    /// not look at a clock. True with the first one since the last start: whoever keeps the time has to be told.
    #[inline]
    pub fn open_for(&mut self, subject: u64, after: Duration, waker: Waker) -> (Token, bool) {
        let first = self.unstarted.is_empty();
        let token = self.enter(subject, None, State::One(Some(waker)));
        self.unstarted.push((token, after));
        (token, first)
    }

    /// Begins the time of what was [opened without a deadline](Self::open_for), and returns the earliest deadline of it.
    pub fn start(&mut self, now: Instant) -> Option<Instant> {
        let mut earliest = None;
        for (token, after) in self.unstarted.drain(..) {
            let Some(request) = self.slots.get_mut(token) else { continue };
            let deadline = *request.deadline.get_or_insert(now + after);
            earliest = Some(earliest.map_or(deadline, |earliest: Instant| earliest.min(deadline)));
        }
        earliest
    }

    #[inline]
    fn enter(&mut self, subject: u64, deadline: Option<Instant>, state: State<M, F>) -> Token {
        self.opened += 1;
        self.slots.insert(Request { age: self.opened, subject, deadline, state, spared: false })
    }

    /// A group, whose waker is woken when something has ended in it and nothing had since the last look.
    pub fn open_group(&mut self, waker: Waker) -> Token {
        self.groups.insert(Group { ended: Vec::new(), waker })
    }

    /// Ends a group and frees the slots of all that is open in it.
    pub fn close_group(&mut self, group: Token) {
        self.groups.remove(group);
        let is_member =
            |state: &State<M, F>| matches!(state, State::InGroup(member, _) if member.group == group);
        let members = self.slots.iter_mut().filter(|(_, request)| is_member(&request.state));
        let open: Vec<_> = members.map(|(token, _)| token).collect();
        for token in open {
            self.slots.discard(token);
        }
    }

    /// Opens a slot for one reply in a group. `tag` tells it from the others there.
    pub fn open_in(&mut self, group: Token, tag: u64, subject: u64, deadline: Instant) -> Token {
        self.enter(subject, Some(deadline), State::InGroup(Member { group, tag }, None))
    }

    /// Appends what has ended in a group since the last time.
    pub fn take_ended(&mut self, group: Token, ended: &mut Vec<Ended<M, F>>) {
        if let Some(group) = self.groups.get_mut(group) {
            ended.append(&mut group.ended);
        }
    }

    /// Frees a slot; replies not taken are dropped. A token that is closed already does nothing.
    pub fn close(&mut self, token: Token) {
        self.slots.discard(token);
    }

    /// The number of the newest request; later ones get higher numbers.
    pub fn newest(&self) -> u64 {
        self.opened
    }

    /// Whether a request up to that number still waits for replies.
    pub fn is_any_open_until(&mut self, age: u64) -> bool {
        self.slots.iter_mut().any(|(_, r)| r.age <= age && !r.is_over())
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
    #[inline]
    pub fn deliver(&mut self, token: Token, reply: M) -> Option<Waker> {
        let request = self.slots.get_mut(token)?;
        if let State::One(waker) = &mut request.state {
            let waker = waker.take();
            request.state = State::Over(Ok(reply));
            return waker;
        }
        self.deliver_otherwise(token, reply)
    }

    #[inline(never)]
    fn deliver_otherwise(&mut self, token: Token, reply: M) -> Option<Waker> {
        let request = self.slots.get_mut(token)?;
        match &mut request.state {
            State::Many(many) if many.failure.is_none() => {
                request.deadline = many.total;
                many.replies.push_back(reply);
                many.waker.take()
            }
            State::InGroup(member, None) => {
                let member = *member;
                self.slots.discard(token);
                end(&mut self.groups, token, member, Ok(reply))
            }
            _ => None,
        }
    }

    /// Ends one request with a failure; replies that came before it are still handed out.
    pub fn fail(&mut self, token: Token, failure: F) -> Option<Waker>
    where
        F: Clone,
    {
        let request = self.slots.get_mut(token).filter(|request| !request.is_over())?;
        fail(&mut self.groups, token, request, failure)
    }

    /// Fails the oldest unanswered request whose subject has this hash; `None` when there is none.
    pub fn fail_subject(&mut self, subject: u64, failure: F) -> Option<Option<Waker>>
    where
        F: Clone,
    {
        let asked = |request: &Request<M, F>| request.subject == subject && request.is_unanswered();
        let unanswered = self.slots.iter_mut().filter(|(_, request)| asked(request));
        let (token, request) = unanswered.min_by_key(|(_, request)| request.age)?;
        Some(fail(&mut self.groups, token, request, failure))
    }

    /// Fails every request up to that number that is not answered yet, but for those in `sparing`.
    pub fn fail_until(&mut self, age: u64, sparing: &[Token], failure: &F, wakers: &mut Vec<Waker>)
    where
        F: Clone,
    {
        for token in sparing {
            if let Some(request) = self.slots.get_mut(*token) {
                request.spared = true;
            }
        }
        for (token, request) in self.slots.iter_mut() {
            let spared = std::mem::take(&mut request.spared);
            if request.age <= age && !spared && !request.is_over() {
                wakers.extend(fail(&mut self.groups, token, request, failure.clone()));
            }
        }
    }

    /// Expects the next reply by `deadline`, or by that of the whole request where that is earlier. The next reply
    /// puts the latter in force again.
    pub fn expect_reply_by(&mut self, token: Token, deadline: Instant) {
        if let Some(request) = self.slots.get_mut(token) {
            let total = if let State::Many(many) = &request.state { many.total } else { request.deadline };
            request.deadline = Some(total.map_or(deadline, |total| total.min(deadline)));
        }
    }

    /// Lets a request wait again until `deadline` after it has failed, for what is sent a second time under the same token.
    /// `waker` is woken as one that [`poll`](Self::poll) registers.
    pub fn reopen(&mut self, token: Token, deadline: Instant, waker: Option<Waker>) {
        let Some(request) = self.slots.get_mut(token) else { return };
        request.deadline = Some(deadline);
        match &mut request.state {
            State::Over(Ok(_)) => {}
            State::Over(Err(_)) | State::One(_) => request.state = State::One(waker),
            State::InGroup(_, failure) => *failure = None,
            State::Many(many) => {
                many.failure = None;
                many.total = Some(deadline);
                many.waker = waker;
            }
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
        for (token, request) in self.slots.iter_mut() {
            let Some(deadline) = request.deadline else { continue };
            if request.is_over() {
                continue;
            }
            if deadline <= now {
                request.deadline = None;
                wakers.extend(fail(&mut self.groups, token, request, failure.clone()));
            } else {
                next = Some(next.map_or(deadline, |n: Instant| n.min(deadline)));
            }
        }
        next
    }

    /// The next reply or the failure, else registers the waker.
    ///
    /// The one reply of a request that wants no more frees its slot at once. A token that is not open is pending for ever:
    /// the owner of a slot does not poll it after closing it.
    #[inline]
    pub fn poll(&mut self, token: Token, cx: &mut Context<'_>) -> Poll<Result<M, F>>
    where
        F: Clone,
    {
        let Some(request) = self.slots.get_mut(token) else { return Poll::Pending };
        let failure = match &mut request.state {
            State::Over(Ok(_)) => return self.take_reply(token),
            State::One(place) => return register(place, cx),
            State::Over(Err(failure)) | State::InGroup(_, Some(failure)) => failure,
            State::InGroup(..) => return Poll::Pending,
            State::Many(many) => match (many.replies.pop_front(), &many.failure) {
                (Some(reply), _) => return Poll::Ready(Ok(reply)),
                (None, Some(failure)) => failure,
                (None, None) => return register(&mut many.waker, cx),
            },
        };
        Poll::Ready(Err(failure.clone()))
    }

    #[inline]
    fn take_reply(&mut self, token: Token) -> Poll<Result<M, F>> {
        match self.slots.remove(token) {
            Some(Request { state: State::Over(result), .. }) => Poll::Ready(result),
            _ => Poll::Pending,
        }
    }
}

fn register<T>(place: &mut Option<Waker>, cx: &Context<'_>) -> Poll<T> {
    match place {
        Some(waker) => waker.clone_from(cx.waker()),
        empty => *empty = Some(cx.waker().clone()),
    }
    Poll::Pending
}

impl<M, F> Request<M, F> {
    /// Whether nothing more is awaited.
    fn is_over(&self) -> bool {
        match &self.state {
            State::One(_) => false,
            State::Over(_) => true,
            State::InGroup(_, failure) => failure.is_some(),
            State::Many(many) => many.failure.is_some(),
        }
    }

    /// Whether nothing has come that was not handed out.
    fn is_unanswered(&self) -> bool {
        let waits = matches!(&self.state, State::Many(many) if !many.replies.is_empty());
        !self.is_over() && !waits
    }
}

/// Ends a request that is not over.
fn fail<M, F: Clone>(
    groups: &mut Slots<Group<M, F>>,
    token: Token,
    request: &mut Request<M, F>,
    failure: F,
) -> Option<Waker> {
    match &mut request.state {
        State::One(waker) => {
            let waker = waker.take();
            request.state = State::Over(Err(failure));
            waker
        }
        State::Many(many) => {
            many.failure = Some(failure);
            many.waker.take()
        }
        State::InGroup(member, place) => {
            *place = Some(failure.clone());
            end(groups, token, *member, Err(failure))
        }
        State::Over(_) => None,
    }
}

#[cfg(test)]
mod tests;
