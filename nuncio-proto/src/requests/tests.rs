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
fn a_request_that_is_reopened_waits_under_the_same_token() {
    let now = Instant::now();
    let at = |ms| now + Duration::from_millis(ms);
    let mut table = Table::default();
    let a = table.open(1, false, Some(at(10)), None);
    table.fail(a, "lost");
    assert_eq!(poll(&mut table, a), Poll::Ready(Err("lost")));
    table.reopen(a, at(20), None);
    assert_eq!(poll(&mut table, a), Poll::Pending);
    assert_eq!(table.expire(at(15), &"late", &mut Vec::new()), Some(at(20)));
    table.deliver(a, 1);
    assert_eq!(poll(&mut table, a), Poll::Ready(Ok(1)));
}

#[test]
fn a_reply_that_came_in_time_survives_failure_of_all() {
    let mut table = Table::default();
    let a = table.open(1, false, None, None);
    table.deliver(a, 5);
    table.fail_until(u64::MAX, &[], &"disconnected", &mut Vec::new());
    assert_eq!(poll(&mut table, a), Poll::Ready(Ok(5)));
}

fn ended(table: &mut Table, group: Token) -> Vec<(u64, Result<u32, &'static str>)> {
    let mut ended = Vec::new();
    table.take_ended(group, &mut ended);
    ended.into_iter().map(|ended| (ended.tag, ended.result)).collect()
}

#[test]
fn what_ends_in_a_group_is_collected_there_under_its_tag() {
    let now = Instant::now();
    let mut table = Table::default();
    let group = table.open_group(Waker::noop().clone());
    let [a, b, _c] = [1, 2, 3].map(|tag| table.open_in(group, tag, 7, now + Duration::from_secs(tag)));
    let alone = table.open(7, false, None, None);
    assert!(table.deliver(b, 20).is_some(), "the first end wakes");
    assert!(table.fail(a, "gone").is_none(), "one wake is enough until what ended is taken");
    assert!(table.deliver(b, 21).is_none());
    assert_eq!(ended(&mut table, group), [(2, Ok(20)), (1, Err("gone"))]);
    let mut wakers = Vec::new();
    assert_eq!(table.expire(now + Duration::from_secs(3), &"late", &mut wakers), None);
    assert_eq!((wakers.len(), ended(&mut table, group)), (1, vec![(3, Err("late"))]));
    assert_eq!(
        table.len(),
        3,
        "what is answered has no slot any more, what failed has it until it is closed"
    );
    table.close_group(group);
    assert_eq!(table.len(), 1);
    table.close(alone);
    assert!(table.is_empty());
}

#[test]
fn a_failed_member_of_a_group_may_wait_again() {
    let now = Instant::now();
    let mut table = Table::default();
    let group = table.open_group(Waker::noop().clone());
    let a = table.open_in(group, 1, 7, now);
    table.fail_until(u64::MAX, &[], &"lost", &mut Vec::new());
    table.reopen(a, now, None);
    table.deliver(a, 5);
    assert_eq!(ended(&mut table, group), [(1, Err("lost")), (1, Ok(5))]);
    table.fail_until(u64::MAX, &[], &"lost", &mut Vec::new());
    assert_eq!(ended(&mut table, group), []);
    assert!(!table.is_any_open_until(table.newest()));
}

#[test]
fn a_refused_subject_concerns_the_members_of_a_group_too() {
    let mut table = Table::default();
    let group = table.open_group(Waker::noop().clone());
    table.open_in(group, 1, 7, Instant::now());
    assert!(table.fail_subject(7, "denied").is_some());
    assert!(table.fail_subject(7, "denied").is_none());
    assert_eq!(ended(&mut table, group), [(1, Err("denied"))]);
}

#[test]
fn requests_up_to_a_number_fail_and_later_ones_go_on() {
    let mut table = Table::default();
    let [answered, old] = [(); 2].map(|()| table.open(1, false, None, None));
    let newest = table.newest();
    let new = table.open(1, false, None, None);
    table.deliver(answered, 7);
    table.fail_until(newest, &[], &"gone", &mut Vec::new());
    assert_eq!(poll(&mut table, answered), Poll::Ready(Ok(7)));
    assert_eq!(poll(&mut table, old), Poll::Ready(Err("gone")));
    assert_eq!(poll(&mut table, new), Poll::Pending);
}

#[test]
fn requests_that_are_spared_go_on_until_the_next_time() {
    let mut table = Table::default();
    let [kept, lost] = [(); 2].map(|()| table.open(1, false, None, None));
    table.fail_until(u64::MAX, &[kept], &"gone", &mut Vec::new());
    assert_eq!(poll(&mut table, lost), Poll::Ready(Err("gone")));
    assert_eq!(poll(&mut table, kept), Poll::Pending);
    table.fail_until(u64::MAX, &[], &"gone", &mut Vec::new());
    assert_eq!(poll(&mut table, kept), Poll::Ready(Err("gone")));
}

#[test]
fn the_time_of_requests_begins_with_the_next_start_and_only_once() {
    let now = Instant::now();
    let at = |ms| now + Duration::from_millis(ms);
    let mut table = Table::default();
    let open = |table: &mut Table, ms| table.open_for(1, Duration::from_millis(ms), Waker::noop().clone());
    let (long, first) = open(&mut table, 50);
    let (short, second) = open(&mut table, 10);
    let (gone, _) = open(&mut table, 1);
    assert!(first && !second, "the first one is told, and only that");
    table.close(gone);
    assert_eq!(table.expire(at(1000), &"late", &mut Vec::new()), None, "no time has begun");
    assert_eq!(table.start(at(2000)), Some(at(2010)));
    assert_eq!(table.start(at(3000)), None, "nothing was opened in between");
    assert_eq!(table.expire(at(2009), &"late", &mut Vec::new()), Some(at(2010)));
    assert_eq!(table.expire(at(2010), &"late", &mut Vec::new()), Some(at(2050)));
    assert_eq!(poll(&mut table, short), Poll::Ready(Err("late")));
    assert_eq!(poll(&mut table, long), Poll::Pending);
    assert!(open(&mut table, 10).1, "the first one since the last start");
}

#[test]
fn a_deadline_that_was_set_before_the_time_began_stays() {
    let now = Instant::now();
    let at = |ms| now + Duration::from_millis(ms);
    let mut table = Table::default();
    let (token, _) = table.open_for(1, Duration::from_millis(10), Waker::noop().clone());
    table.expect_reply_by(token, at(5));
    assert_eq!(table.start(now), Some(at(5)));
}
