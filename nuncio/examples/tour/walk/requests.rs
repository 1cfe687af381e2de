//! Requests and those who answer them.

use std::time::Duration;

use super::{Result, Tour};

pub(super) async fn request_reply(tour: &mut Tour<'_>) -> Result {
    tour.title("request and reply");
    let mut times = tour.nc.subscribe(tour.at("time")).await?;
    // It answers until the connection is drained, at the end of the tour.
    tour.clock = Some(tokio::spawn(async move {
        let mut answered = 0;
        while let Some(message) = times.next().await {
            if message.respond("half past nine").await.is_ok() {
                answered += 1;
            }
        }
        answered
    }));
    let reply = tour.nc.request(tour.at("time"), "").await?;
    tour.say(format!("reply: {}", reply.text()?));
    Ok(())
}

pub(super) async fn no_responders(tour: &mut Tour<'_>) -> Result {
    tour.title("no responders, no reply");
    if let Err(error) = tour.nc.request(tour.at("nobody"), "").await {
        tour.say(format!("at once: {error}"));
    }
    let _silent = tour.nc.subscribe(tour.at("silent")).await?;
    let timeout = Duration::from_millis(50);
    if let Err(error) = tour.nc.request(tour.at("silent"), "").timeout(timeout).await {
        tour.say(format!("in the end: {error}"));
    }
    Ok(())
}

pub(super) async fn request_many(tour: &mut Tour<'_>) -> Result {
    tour.title("one request, many replies");
    let mut members = Vec::new();
    for name in ["Ann", "Bob", "Cat"] {
        let member = tour.nc.subscribe(tour.at("who")).callback(move |message| {
            // A callback does not wait; if there is no room, the asker hears of one member less.
            let _ = message.respond(name).try_send();
        });
        members.push(member.await?);
    }
    let mut replies = tour.nc.request(tour.at("who"), "").many().max_messages(3).await?;
    let mut names = Vec::new();
    while let Some(reply) = replies.next().await {
        names.push(reply?.text()?.to_owned());
    }
    names.sort();
    tour.say(format!("until three have come: {}", names.join(", ")));

    let _pages = tour
        .nc
        .subscribe(tour.at("pages"))
        .callback(|message| {
            for page in ["page 1", "page 2", ""] {
                let _ = message.respond(page).try_send();
            }
        })
        .await?;
    let mut replies = tour.nc.request(tour.at("pages"), "").many().until_empty().await?;
    let mut pages = Vec::new();
    while let Some(reply) = replies.next().await {
        pages.push(reply?.text()?.to_owned());
    }
    tour.say(format!("until an empty one: {}", pages.join(", ")));
    Ok(())
}
