//! Publishing and the kinds of subscriptions.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nuncio::{Event, Text};

use super::{Result, Tour, next, queued};

pub(super) async fn publish_subscribe(tour: &mut Tour<'_>) -> Result {
    tour.title("publish and subscribe");
    let mut greetings = tour.nc.subscribe(tour.at("greet.joe")).await?;
    // The server learns of things in the order of the calls: no flush is needed in between.
    tour.nc.publish(tour.at("greet.joe"), "hello").await?;
    tour.nc.publish(tour.at("greet.sue"), "not for joe").await?;
    tour.nc.publish(tour.at("greet.joe"), "and good-bye").await?;
    for _ in 0..2 {
        let message = next(&mut greetings).await?;
        tour.say_message(&message)?;
    }
    Ok(())
}

pub(super) async fn wildcards(tour: &mut Tour<'_>) -> Result {
    tour.title("wildcards");
    let mut one = tour.nc.subscribe(tour.at("orders.*")).await?;
    let mut more = tour.nc.subscribe(tour.at("orders.>")).await?;
    for subject in ["orders.eu", "orders.us", "orders.eu.paris"] {
        tour.nc.publish(tour.at(subject), "").await?;
    }
    // After the flush all that was published before has come back.
    tour.nc.flush().await?;
    for subscription in [&mut one, &mut more] {
        let subjects: Vec<String> = queued(subscription).iter().map(|m| m.subject().into_owned()).collect();
        tour.say(format!("{} gets {}", subscription.subject(), subjects.join(", ")));
    }
    Ok(())
}

pub(super) async fn queue_groups(tour: &mut Tour<'_>) -> Result {
    tour.title("queue groups");
    let mut workers = Vec::new();
    for _ in 0..3 {
        workers.push(tour.nc.subscribe(tour.at("jobs")).queue("workers").await?);
    }
    for job in 1..=30 {
        tour.nc.publish(tour.at("jobs"), job.to_string()).await?;
    }
    tour.nc.flush().await?;
    let shares: Vec<_> = workers.iter_mut().map(queued).collect();
    let mut jobs = Vec::new();
    for message in shares.iter().flatten() {
        jobs.push(message.text()?.parse::<u32>()?);
    }
    jobs.sort_unstable();
    let once = jobs == (1..=30).collect::<Vec<_>>();
    tour.say(format!("3 workers got {} of 30 jobs, each job once: {once}", jobs.len()));
    let shares: Vec<String> = shares.iter().map(|share| share.len().to_string()).collect();
    tour.say_varying(format!("shares of {}", shares.join(", ")));
    Ok(())
}

pub(super) async fn callback(tour: &mut Tour<'_>) -> Result {
    tour.title("callback");
    let bytes = Arc::new(AtomicU64::new(0));
    let sum = Arc::clone(&bytes);
    let subscription = tour
        .nc
        .subscribe(tour.at("ticks"))
        .callback(move |message| {
            sum.fetch_add(message.payload().len() as u64, Ordering::Relaxed);
        })
        .await?;
    for tick in ["one", "two", "three"] {
        tour.nc.publish(tour.at("ticks"), tick).await?;
    }
    tour.nc.flush().await?;
    let calls = subscription.stats().received;
    tour.say(format!("called {calls} times with {} bytes", bytes.load(Ordering::Relaxed)));
    Ok(())
}

pub(super) async fn auto_unsubscribe(tour: &mut Tour<'_>) -> Result {
    tour.title("auto-unsubscribe");
    let mut few = tour.nc.subscribe(tour.at("few")).max(3).await?;
    for n in 1..=5 {
        tour.nc.publish(tour.at("few"), Text(format!("number {n}"))).await?;
    }
    while let Some(message) = few.next().await {
        tour.say_message(&message)?;
    }
    tour.say(format!("ended: {:?}", few.ended()));
    Ok(())
}

pub(super) async fn first_message_timeout(tour: &mut Tour<'_>) -> Result {
    tour.title("first-message timeout");
    let after = Duration::from_millis(50);
    let mut silent = tour.nc.subscribe(tour.at("silence")).first_message_timeout(after).await?;
    if silent.next().await.is_none() {
        tour.say(format!("ended: {:?}", silent.ended()));
    }
    Ok(())
}

pub(super) async fn slow_consumer(tour: &mut Tour<'_>) -> Result {
    tour.title("slow consumer");
    let mut events = tour.nc.events();
    let mut slow = tour.nc.subscribe(tour.at("flood")).limits(2, 1024).await?;
    for n in 1..=5 {
        tour.nc.publish(tour.at("flood"), n.to_string()).await?;
    }
    tour.nc.flush().await?;
    while let Some(event) = events.next().await {
        if let Event::SlowConsumer { subject, .. } = event {
            tour.say(format!("event: slow consumer on {subject}"));
            break;
        }
    }
    let kept = queued(&mut slow).len();
    let stats = slow.stats();
    tour.say(format!("received {}, kept {kept}, dropped {}", stats.received, stats.dropped));
    Ok(())
}

pub(super) async fn mistakes(tour: &mut Tour<'_>) -> Result {
    tour.title("mistakes");
    let nc = tour.nc.clone();
    for outcome in [
        nc.publish("two words", "").await.map_err(|error| error.to_string()),
        nc.publish("a", "").header("na me", "value").await.map_err(|error| error.to_string()),
        nc.subscribe("a.>.b").await.map(drop).map_err(|error| error.to_string()),
        nc.subscribe("a").queue("two words").await.map(drop).map_err(|error| error.to_string()),
    ] {
        match outcome {
            Ok(()) => tour.say("accepted"),
            Err(error) => tour.say(format!("error: {error}")),
        }
    }
    Ok(())
}
