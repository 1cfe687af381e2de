//! What ends in a group of requests.

use std::task::Waker;

use crate::inbox::Token;
use crate::slots::Slots;

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
pub(super) struct Group<M, F> {
    pub(super) ended: Vec<Ended<M, F>>,
    pub(super) waker: Waker,
}

/// The place of a request in a group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub(super) group: Token,
    pub(super) tag: u64,
}

/// Notes an end; the waker is that of a group that nothing had ended in since the last look.
pub(super) fn end<M, F>(
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
