//! The life of a connection: losing it, counting, ending it.

use nuncio::Event;

use super::{Result, Tour, next};

pub(super) async fn events(tour: &mut Tour<'_>) -> Result {
    tour.title("events and a forced reconnect");
    let mut events = tour.nc.events();
    let mut news = tour.nc.subscribe(tour.at("news")).await?;
    // What the server has confirmed cannot be in doubt afterwards.
    tour.nc.flush().await?;
    tour.nc.force_reconnect();
    while let Some(event) = events.next().await {
        match event {
            Event::Disconnected { cause, lost, maybe_lost, kept, .. } => {
                tour.say(format!("disconnected: {cause}; {lost} lost, {maybe_lost} maybe lost, {kept} kept"));
            }
            Event::Reconnected { .. } => {
                tour.say("reconnected");
                break;
            }
            Event::Closed { reason } => return Err(format!("closed: {reason}").into()),
            _ => {}
        }
    }
    tour.nc.publish(tour.at("news"), "the subscription lives on").await?;
    let message = next(&mut news).await?;
    tour.say_message(&message)?;
    let reply = tour.nc.request(tour.at("time"), "").await?;
    tour.say(format!("and so does the responder: {}", reply.text()?));
    Ok(())
}

pub(super) async fn statistics(tour: &mut Tour<'_>) -> Result {
    tour.title("statistics");
    tour.nc.flush().await?;
    let s = tour.nc.statistics();
    tour.say(format!(
        "{} published = {} written + {} buffered + {} lost + {} maybe lost",
        s.published, s.written, s.buffered, s.lost, s.maybe_lost
    ));
    tour.say(format!("{} received, {} of them dropped; {} connections", s.received, s.dropped, s.connects));
    tour.say_varying(format!("{} bytes out, {} bytes in", s.out_bytes, s.in_bytes));
    Ok(())
}

pub(super) async fn drain(tour: &mut Tour<'_>) -> Result {
    tour.title("drain");
    let mut work = tour.nc.subscribe(tour.at("work")).await?;
    for n in 1..=5 {
        tour.nc.publish(tour.at("work"), n.to_string()).await?;
    }
    let done = tour.at("done");
    let nc = tour.nc.clone();
    let worker = tokio::spawn(async move {
        let mut handled = 0;
        while let Some(message) = work.next().await {
            // While handlers finish their work, they can still publish.
            if nc.publish(&done, message.payload()).await.is_ok() {
                handled += 1;
            }
        }
        handled
    });
    let report = tour.nc.drain().await?;
    tour.say(format!(
        "{} undelivered, {} unanswered, flushed: {}",
        report.undelivered, report.unanswered, report.flushed
    ));
    tour.say(format!("the worker handled {} of 5", worker.await?));
    if let Some(clock) = tour.clock.take() {
        tour.say(format!("the responder answered {}", clock.await?));
    }
    tour.say(format!("closed: {}", tour.nc.closed().await));
    if let Err(error) = tour.nc.publish(tour.at("late"), "").await {
        tour.say(format!("error: {error}"));
    }
    Ok(())
}
