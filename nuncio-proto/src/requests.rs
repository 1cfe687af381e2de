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
///
/// Who keeps many requests in flight opens them [in a group](Self::open_in): what ends is collected there, with one wake
/// for all that ends before it is taken, and a slot is free as soon as its reply is there.
#[derive(Debug)]
pub struct Requests<M, F> {
    slots: Slots<Request<M, F>>,
    groups: Slots<Group<M, F>>,
    opened: u64,
}

/// What ended in a group of requests.
#[derive(Debug)]
pub struct Ended<M, F> {
    /// What the request was opened with.
    pub tag: u64,
    /// Its slot. It is closed already if there is a reply, and open after a failure.
    pub token: Token,
    /// The reply, or why there is none.
    pub result: Result<M, F>,
}

#[derive(Debug)]
struct Group<M, F> {
    ended: Vec<Ended<M, F>>,
    waker: Waker,
}

/// The place of a request in a group.
#[derive(Clone, Copy, Debug)]
struct Member {
    group: Token,
    tag: u64,
    token: Token,
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
    member: Option<Member>,
    failure: Option<F>,
    /// The next [`Requests::fail_until`] leaves it out.
    spared: bool,
    waker: Option<Waker>,
}

impl<M, F> Default for Requests<M, F> {
    fn default() -> Self {
        Self { slots: Slots::new(), groups: Slots::new(), opened: 0 }
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
            member: None,
            failure: None,
            spared: false,
            waker,
        })
    }

    /// A group, whose waker is woken when something has ended in it and nothing had since the last look.
    pub fn open_group(&mut self, waker: Waker) -> Token {
        self.groups.insert(Group { ended: Vec::new(), waker })
    }

    /// Ends a group and frees the slots of all that is open in it.
    pub fn close_group(&mut self, group: Token) {
        self.groups.remove(group);
        let members = self.slots.iter_mut().filter_map(|request| request.member);
        let open: Vec<_> = members.filter(|member| member.group == group).collect();
        for member in open {
            self.slots.remove(member.token);
        }
    }

    /// Opens a slot for one reply in a group. `tag` tells it from the others there.
    pub fn open_in(&mut self, group: Token, tag: u64, subject: u64, deadline: Instant) -> Token {
        let token = self.open(subject, false, Some(deadline), None);
        if let Some(request) = self.slots.get_mut(token) {
            request.member = Some(Member { group, tag, token });
        }
        token
    }

    /// Appends what has ended in a group since the last time.
    pub fn take_ended(&mut self, group: Token, ended: &mut Vec<Ended<M, F>>) {
        if let Some(group) = self.groups.get_mut(group) {
            ended.append(&mut group.ended);
        }
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
        self.slots.iter_mut().any(|r| r.age <= age && !r.is_over())
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
        if let Some(member) = request.member {
            self.slots.remove(token);
            return end(&mut self.groups, member, Ok(reply));
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
    pub fn fail(&mut self, token: Token, failure: F) -> Option<Waker>
    where
        F: Clone,
    {
        let request = self.slots.get_mut(token)?;
        if request.is_over() {
            return None;
        }
        fail(&mut self.groups, request, failure)
    }

    /// Fails the oldest unanswered request whose subject has this hash; `None` when there is none.
    pub fn fail_subject(&mut self, subject: u64, failure: F) -> Option<Option<Waker>>
    where
        F: Clone,
    {
        let request = self
            .slots
            .iter_mut()
            .filter(|r| r.subject == subject && r.failure.is_none() && r.first.is_none())
            .min_by_key(|r| r.age)?;
        Some(fail(&mut self.groups, request, failure))
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
        for request in self.slots.iter_mut() {
            let spared = std::mem::take(&mut request.spared);
            if request.age <= age && !spared && !request.is_over() {
                wakers.extend(fail(&mut self.groups, request, failure.clone()));
            }
        }
    }

    /// Expects the next reply by `deadline`, or by that of the whole request where that is earlier. The next reply
    /// puts the latter in force again.
    pub fn expect_reply_by(&mut self, token: Token, deadline: Instant) {
        if let Some(request) = self.slots.get_mut(token) {
            request.deadline = Some(request.total.map_or(deadline, |total| total.min(deadline)));
        }
    }

    /// Lets a request wait again until `deadline` after it has failed, for what is sent a second time under the same token.
    /// `waker` is woken as one that [`poll`](Self::poll) registers.
    pub fn reopen(&mut self, token: Token, deadline: Instant, waker: Option<Waker>) {
        if let Some(request) = self.slots.get_mut(token) {
            request.failure = None;
            request.waker = waker;
            request.total = Some(deadline);
            request.deadline = request.total;
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
            if request.is_over() {
                continue;
            }
            if deadline <= now {
                request.deadline = None;
                wakers.extend(fail(&mut self.groups, request, failure.clone()));
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

impl<M, F> Request<M, F> {
    /// Whether nothing more is awaited.
    fn is_over(&self) -> bool {
        self.failure.is_some() || (!self.many && self.first.is_some())
    }
}

fn fail<M, F: Clone>(
    groups: &mut Slots<Group<M, F>>,
    request: &mut Request<M, F>,
    failure: F,
) -> Option<Waker> {
    request.failure = Some(failure.clone());
    match request.member {
        Some(member) => end(groups, member, Err(failure)),
        None => request.waker.take(),
    }
}

fn end<M, F>(groups: &mut Slots<Group<M, F>>, member: Member, result: Result<M, F>) -> Option<Waker> {
    let group = groups.get_mut(member.group)?;
    group.ended.push(Ended { tag: member.tag, token: member.token, result });
    // The first since the last look; the waker sees to the others as well.
    (group.ended.len() == 1).then(|| group.waker.clone())
}

#[cfg(test)]
mod tests;
