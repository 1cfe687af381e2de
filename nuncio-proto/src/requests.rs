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
}

/// Who is told of the end.
#[derive(Debug)]
enum Owner {
    Alone(Option<Waker>),
    InGroup(Member),
}

/// Small, since each request puts one in its place and takes it out again.
#[derive(Debug)]
struct Request<M, F> {
    /// Orders requests by age: a refused subject concerns the oldest request for it.
    age: u64,
    subject: u64,
    /// Of the whole request.
    total: Option<Instant>,
    /// Of what is awaited now; the next reply puts that of the whole request back.
    deadline: Option<Instant>,
    owner: Owner,
    /// The one reply, or why there are no more.
    end: Option<Result<M, F>>,
    /// The replies to a request that wants many.
    #[expect(
        clippy::box_collection,
        reason = "most requests have none, and should not have the room for it"
    )]
    many: Option<Box<VecDeque<M>>>,
    /// The next [`Requests::fail_until`] leaves it out.
    spared: bool,
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
        self.enter(subject, many, deadline, Owner::Alone(waker))
    }

    #[inline]
    fn enter(&mut self, subject: u64, many: bool, deadline: Option<Instant>, owner: Owner) -> Token {
        self.opened += 1;
        self.slots.insert(Request {
            age: self.opened,
            subject,
            total: deadline,
            deadline,
            owner,
            end: None,
            many: many.then(Box::default),
            spared: false,
        })
    }

    /// A group, whose waker is woken when something has ended in it and nothing had since the last look.
    pub fn open_group(&mut self, waker: Waker) -> Token {
        self.groups.insert(Group { ended: Vec::new(), waker })
    }

    /// Ends a group and frees the slots of all that is open in it.
    pub fn close_group(&mut self, group: Token) {
        self.groups.remove(group);
        let is_member = |owner: &Owner| matches!(owner, Owner::InGroup(member) if member.group == group);
        let members = self.slots.iter_mut().filter(|(_, request)| is_member(&request.owner));
        let open: Vec<_> = members.map(|(token, _)| token).collect();
        for token in open {
            self.slots.discard(token);
        }
    }

    /// Opens a slot for one reply in a group. `tag` tells it from the others there.
    pub fn open_in(&mut self, group: Token, tag: u64, subject: u64, deadline: Instant) -> Token {
        self.enter(subject, false, Some(deadline), Owner::InGroup(Member { group, tag }))
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

    /// Requests that still wait for replies. Looks at every open slot.
    pub fn waiting(&mut self) -> usize {
        if self.is_empty() { 0 } else { self.slots.iter_mut().filter(|(_, r)| !r.is_over()).count() }
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
        if request.is_over() {
            return None;
        }
        match &mut request.owner {
            Owner::Alone(waker) => {
                request.deadline = request.total;
                match &mut request.many {
                    None => request.end = Some(Ok(reply)),
                    Some(replies) => replies.push_back(reply),
                }
                waker.take()
            }
            Owner::InGroup(member) => {
                let member = *member;
                self.slots.discard(token);
                end(&mut self.groups, token, member, Ok(reply))
            }
        }
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
            request.deadline = Some(request.total.map_or(deadline, |total| total.min(deadline)));
        }
    }

    /// Lets a request wait again until `deadline` after it has failed, for what is sent a second time under the same token.
    /// `waker` is woken as one that [`poll`](Self::poll) registers.
    pub fn reopen(&mut self, token: Token, deadline: Instant, waker: Option<Waker>) {
        if let Some(request) = self.slots.get_mut(token) {
            if let Some(Err(_)) = request.end {
                request.end = None;
            }
            if let Owner::Alone(place) = &mut request.owner {
                *place = waker;
            }
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
    pub fn poll(&mut self, token: Token, cx: &mut Context<'_>) -> Poll<Result<M, F>>
    where
        F: Clone,
    {
        let Some(request) = self.slots.get_mut(token) else { return Poll::Pending };
        if let Some(reply) = request.many.as_mut().and_then(|replies| replies.pop_front()) {
            return Poll::Ready(Ok(reply));
        }
        match request.end.take() {
            Some(Ok(reply)) => {
                self.slots.discard(token);
                return Poll::Ready(Ok(reply));
            }
            Some(Err(failure)) => {
                request.end = Some(Err(failure.clone()));
                return Poll::Ready(Err(failure));
            }
            None => {}
        }
        if let Owner::Alone(place) = &mut request.owner {
            match place {
                Some(waker) => waker.clone_from(cx.waker()),
                empty => *empty = Some(cx.waker().clone()),
            }
        }
        Poll::Pending
    }
}

impl<M, F> Request<M, F> {
    /// Whether nothing more is awaited.
    fn is_over(&self) -> bool {
        self.end.is_some()
    }

    /// Whether nothing has come that was not handed out.
    fn is_unanswered(&self) -> bool {
        !self.is_over() && self.many.as_ref().is_none_or(|replies| replies.is_empty())
    }
}

fn fail<M, F: Clone>(
    groups: &mut Slots<Group<M, F>>,
    token: Token,
    request: &mut Request<M, F>,
    failure: F,
) -> Option<Waker> {
    request.end = Some(Err(failure.clone()));
    match &mut request.owner {
        Owner::Alone(waker) => waker.take(),
        Owner::InGroup(member) => end(groups, token, *member, Err(failure)),
    }
}

fn end<M, F>(
    groups: &mut Slots<Group<M, F>>,
    token: Token,
    member: Member,
    result: Result<M, F>,
) -> Option<Waker> {
    let group = groups.get_mut(member.group)?;
    group.ended.push(Ended { tag: member.tag, token, result });
    // The first since the last look; the waker sees to the others as well.
    (group.ended.len() == 1).then(|| group.waker.clone())
}

#[cfg(test)]
mod tests;
