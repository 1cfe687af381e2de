//! Drives a consuming machine: hands it what arrives, does what it asks for, and hands out the messages.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use nuncio_proto::js::output::{End, Event, Output};
use nuncio_proto::js::status::PullStatus;

use crate::driver::shared::now;
use crate::driver::wait::Deadline;
use crate::events::{self, Events};
use crate::jetstream::consume_events::ConsumeEvents;
use crate::jetstream::engine::Engine;
use crate::jetstream::ground::{Answer, Ground, Task};
use crate::jetstream::{ConsumeError, JsMessage};
use crate::listen::{Hub, Listener};
use crate::stats::Counters;
use crate::{Message, ServerError, Subscription, SubscriptionEnd};

/// A machine with the subscription that its messages come on.
pub(crate) struct Flow<E: Engine> {
    pub(crate) engine: E,
    pub(crate) ground: Ground,
    subscription: Option<Subscription>,
    connection: Events,
    cluster: Listener<()>,
    /// How many connections there had been when the present one was taken note of.
    connects: u64,
    alarm: Option<(Instant, Deadline)>,
    tasks: Vec<Task>,
    /// Something was asked of the server while messages are queued: the connection gets its turn to write that.
    gives_way: bool,
    events: Arc<Hub<Event>>,
    /// It ends once this has been told.
    ending: Option<Ending>,
    /// The time when something was waited for last.
    now: Instant,
    end: Option<End>,
}

#[derive(Debug)]
enum Ending {
    Engine(End),
    Error(ConsumeError),
    /// The connection is over because the application wanted it.
    Quiet,
}

impl<E: Engine> Flow<E> {
    pub(crate) fn new(mut engine: E, ground: Ground, subscription: Subscription, now: Instant) -> Self {
        let shared = &ground.js.client().handle.shared;
        // Before the look at the connection, so that no change is missed.
        let connection = shared.events.listen();
        let cluster = shared.cluster.listen();
        let connects = Counters::get(&shared.counters.connects);
        let up = shared.core().up;
        if !up {
            engine.disconnected();
        }
        let mut flow = Self {
            engine,
            ground,
            subscription: Some(subscription),
            connection,
            cluster,
            connects,
            alarm: None,
            tasks: Vec::new(),
            gives_way: false,
            events: Arc::default(),
            ending: None,
            now,
            end: None,
        };
        flow.run();
        flow
    }

    #[inline]
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<JsMessage, ConsumeError>>> {
        loop {
            if self.ending.is_some() {
                return Poll::Ready(self.finish());
            }
            if std::mem::take(&mut self.gives_way) {
                // Else the server would learn of it only when all that is queued has been handled.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let Some(subscription) = &mut self.subscription else { return Poll::Ready(None) };
            match subscription.poll_message(cx) {
                Poll::Ready(Some(message)) => {
                    if self.take(&message) {
                        return Poll::Ready(Some(Ok(JsMessage::new(message, self.ground.terms))));
                    }
                }
                Poll::Ready(None) => self.unsubscribed(),
                Poll::Pending => {
                    if !self.poll_quiet(cx) {
                        return Poll::Pending;
                    }
                }
            }
        }
    }

    /// Whether the message is one for the application.
    #[inline]
    fn take(&mut self, message: &Message) -> bool {
        if message.has_headers() && self.take_status(message) {
            return false;
        }
        let taken = self.engine.message(message, &self.ground, self.now);
        if taken.due {
            self.now = now();
            self.check_connection();
            self.run();
            self.gives_way = true;
        }
        taken.hand_out
    }

    /// A status has no payload and comes on a subject of the client's own, so that no message of a stream is taken for one.
    fn take_status(&mut self, message: &Message) -> bool {
        if !message.payload().is_empty() || !message.subject_bytes().starts_with(&self.ground.inbox) {
            return false;
        }
        let Some(status) = message.raw_headers().and_then(PullStatus::classify) else { return false };
        self.now = now();
        self.engine.status(message, &self.ground, &status, self.now);
        self.run();
        true
    }

    /// Nothing is queued: looks at everything else. False if there is nothing but to wait.
    #[cold]
    fn poll_quiet(&mut self, cx: &mut Context<'_>) -> bool {
        self.now = now();
        self.engine.waiting(self.now);
        let changed = self.poll_connection(cx) | self.poll_tasks(cx) | self.poll_alarm(cx);
        if changed {
            self.run();
        }
        changed
    }

    /// A pull must not wait in the outgoing buffer for another connection than that of the messages which are queued: while
    /// the connection is another one, nothing is asked for before the queue is empty.
    fn check_connection(&mut self) {
        let shared = &self.ground.js.client().handle.shared;
        let up = shared.core().up;
        if !up || Counters::get(&shared.counters.connects) != self.connects {
            self.engine.disconnected();
        }
    }

    fn note_connection(&mut self) {
        self.connects = Counters::get(&self.ground.js.client().handle.shared.counters.connects);
        self.engine.connected(self.now);
    }

    fn poll_connection(&mut self, cx: &mut Context<'_>) -> bool {
        let mut changed = false;
        while let Poll::Ready(Some(event)) = self.connection.poll_event(cx) {
            match event {
                events::Event::Disconnected { .. } => self.engine.disconnected(),
                events::Event::Connected { .. } | events::Event::Reconnected { .. } => self.note_connection(),
                events::Event::Missed(_) => {
                    self.engine.disconnected();
                    let up = self.ground.js.client().handle.shared.core().up;
                    if up {
                        self.note_connection();
                    }
                }
                events::Event::ServerError(ServerError::PublishViolation { subject })
                    if subject == self.ground.next.as_bytes() =>
                {
                    let subject = self.ground.next.clone();
                    self.ending = Some(Ending::Error(ConsumeError::Denied { subject }));
                }
                _ => continue,
            }
            changed = true;
        }
        while let Poll::Ready(Some(_)) = self.cluster.poll(cx) {
            self.engine.servers_changed(self.now);
            changed = true;
        }
        changed
    }

    fn poll_tasks(&mut self, cx: &mut Context<'_>) -> bool {
        let mut answers = Vec::new();
        self.tasks.retain_mut(|task| match task.as_mut().poll(cx) {
            Poll::Ready(answer) => {
                answers.push(answer);
                false
            }
            Poll::Pending => true,
        });
        let changed = !answers.is_empty();
        for answer in answers {
            match answer {
                Answer::Presence(presence) => self.engine.probed(presence),
                Answer::Made(made) => self.engine.made(made, &mut self.ground, self.now),
                Answer::Deleted(serial) => self.engine.deleted(serial),
            }
        }
        changed
    }

    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(want) = self.engine.deadline() else {
            self.alarm = None;
            return false;
        };
        loop {
            // One that is armed for an earlier time does; it is armed anew when it rings.
            if self.alarm.as_ref().is_none_or(|(armed, _)| *armed > want) {
                self.alarm = Some((want, Deadline::at(&self.ground.js.client().handle.shared, want)));
            }
            if !self.alarm.as_ref().is_some_and(|(_, alarm)| alarm.poll(cx).is_ready()) {
                return false;
            }
            self.alarm = None;
            self.now = now();
            if want <= self.now {
                self.engine.tick(self.now);
                return true;
            }
        }
    }

    /// Does what the machine asks for.
    pub(crate) fn run(&mut self) {
        while let Some(output) = self.engine.poll(self.now) {
            match output {
                Output::Event(event) => {
                    tracing::debug!(consumer = self.ground.consumer, ?event, "consumer event");
                    self.events.emit(&event, false);
                }
                Output::End(end) => self.ending = Some(Ending::Engine(end)),
                output => self.tasks.extend(self.engine.perform(output, &self.ground)),
            }
        }
    }

    /// The subscription has ended.
    fn unsubscribed(&mut self) {
        let end = self.subscription.as_ref().and_then(Subscription::ended);
        match end {
            Some(SubscriptionEnd::Drained) | None => {
                self.engine.drained();
                self.run();
                self.ending.get_or_insert(Ending::Quiet);
            }
            Some(SubscriptionEnd::Closed(reason)) if reason.is_wanted() => self.ending = Some(Ending::Quiet),
            Some(end) => self.ending = Some(Ending::Error(self.lost(end))),
        }
    }

    fn lost(&self, end: SubscriptionEnd) -> ConsumeError {
        let Ground { stream, consumer, .. } = &self.ground;
        match end {
            SubscriptionEnd::Closed(reason) => crate::ConnectionClosed { reason }.into(),
            end => ConsumeError::Subscription {
                stream: stream.clone(),
                consumer: consumer.clone(),
                end: Box::new(end),
            },
        }
    }

    fn finish(&mut self) -> Option<Result<JsMessage, ConsumeError>> {
        let ending = self.ending.take()?;
        self.events.end();
        self.alarm = None;
        self.leave();
        let error = match ending {
            Ending::Quiet => None,
            Ending::Error(error) => Some(error),
            Ending::Engine(end) => {
                self.end = Some(end.clone());
                let Ground { stream, consumer, .. } = &self.ground;
                let wanted = end.is_wanted();
                (!wanted).then(|| ConsumeError::Ended {
                    stream: stream.clone(),
                    consumer: consumer.clone(),
                    end,
                })
            }
        };
        // What was not handed out is given back to the server, unless somebody takes the subscription over.
        if error.is_some() || !matches!(self.end, Some(End::Complete)) {
            self.give_back();
        }
        error.map(Err)
    }

    /// Unsubscribes, and has delivered again at once what was not handed out.
    pub(crate) fn give_back(&mut self) {
        let Some(mut subscription) = self.subscription.take() else { return };
        let mut replies = Vec::new();
        if self.ground.terms.acks {
            while let Some(message) = subscription.try_next() {
                replies.extend(
                    message.reply_bytes().filter(|reply| reply.starts_with(b"$JS.ACK.")).map(<[u8]>::to_vec),
                );
            }
        }
        // Before the server takes note of the others, so that it does not deliver them here again.
        drop(subscription);
        for reply in replies {
            if self.ground.js.post(&reply, None, b"-NAK").is_err() {
                return;
            }
        }
    }

    pub(crate) fn stop(&mut self) {
        self.engine.stop();
        self.run();
        if let Some(Ending::Engine(end)) = self.ending.take() {
            self.end = Some(end);
        }
        self.events.end();
        self.give_back();
        self.alarm = None;
        self.leave();
    }

    /// What was asked of the server does not matter any more.
    fn leave(&mut self) {
        self.tasks.clear();
        self.engine.leave(&self.ground);
    }

    pub(crate) fn start_drain(&mut self) {
        if let Some(subscription) = &self.subscription {
            subscription.start_drain();
        }
    }

    pub(crate) fn events(&self) -> ConsumeEvents {
        ConsumeEvents::new(self.events.listen())
    }

    pub(crate) fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    pub(crate) fn buffered(&self) -> usize {
        self.subscription.as_ref().map_or(0, |subscription| subscription.stats().pending)
    }

    /// The subscription, of a flow that has ended.
    pub(crate) fn take_subscription(&mut self) -> Option<Subscription> {
        self.subscription.take()
    }

    /// Waits until `ready` says so of the machine, or it has ended.
    pub(crate) fn poll_until(
        &mut self,
        cx: &mut Context<'_>,
        mut ready: impl FnMut(&mut E) -> bool,
    ) -> Poll<Result<(), ConsumeError>> {
        loop {
            if self.ending.is_some() {
                return Poll::Ready(match self.finish() {
                    Some(Err(error)) => Err(error),
                    _ => Ok(()),
                });
            }
            if ready(&mut self.engine) {
                return Poll::Ready(Ok(()));
            }
            if !self.poll_quiet(cx) {
                return Poll::Pending;
            }
        }
    }
}

impl<E: Engine> Drop for Flow<E> {
    fn drop(&mut self) {
        self.stop();
    }
}

impl<E: Engine> fmt::Debug for Flow<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flow")
            .field("stream", &self.ground.stream)
            .field("consumer", &self.ground.consumer)
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}
