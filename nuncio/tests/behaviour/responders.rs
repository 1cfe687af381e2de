//! Services made of a subscription and responses.

use std::time::Duration;

use nuncio::CloseReason;

use crate::support::*;
use crate::target::Target;

rules! {
    async fn a_response_goes_to_the_reply_subject(t: Target) {
        let (service, nc) = t.clients().await;
        let subject = unique();
        let mut requests = service.subscribe(&subject).await.unwrap();
        service.flush().await.unwrap();
        tokio::spawn(async move {
            while let Some(request) = requests.next().await {
                request.respond("2020-01-01T00:00:00Z").await.unwrap();
            }
        });
        assert_eq!(text(&nc.request(&subject, "").timeout(SOON).await.unwrap()), "2020-01-01T00:00:00Z");
    }

    async fn a_request_can_be_handed_on(t: Target) {
        let nc = t.client().await;
        let mut front = nc.subscribe(unique()).await.unwrap();
        let mut back = nc.subscribe(unique()).await.unwrap();
        let subject = front.subject().into_owned();
        let (reply, ()) = tokio::join!(nc.request(&subject, "hand on").timeout(SOON), async {
            let request = next(&mut front).await;
            nc.publish(back.subject(), request.payload()).reply(request.reply_bytes().unwrap()).await.unwrap();
            next(&mut back).await.respond("from the back").await.unwrap();
        });
        assert_eq!(text(&reply.unwrap()), "from the back");
    }

    async fn a_message_can_be_published_again_as_it_is(t: Target) {
        let nc = t.client().await;
        let (mut first, mut again) = (nc.subscribe(unique()).await.unwrap(), nc.subscribe(unique()).await.unwrap());
        nc.publish(first.subject(), "p").header("a", "1").header("A", "2").reply("r").await.unwrap();
        let message = next(&mut first).await;
        nc.publish(again.subject(), message.payload())
            .headers(message.headers().unwrap().to_map())
            .reply(message.reply_bytes().unwrap())
            .await
            .unwrap();
        let copy = next(&mut again).await;
        assert_eq!((copy.raw_headers(), copy.reply(), copy.payload()), (message.raw_headers(), message.reply(), message.payload()));
    }

    async fn a_response_has_options_as_any_publish(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        let subject = sub.subject().into_owned();
        let (reply, ()) = tokio::join!(nc.request(&subject, "").timeout(SOON), async {
            next(&mut sub).await.respond("p").header("k", "v").reply("next.step").await.unwrap();
        });
        let reply = reply.unwrap();
        assert_eq!((reply.header("k"), reply.reply().as_deref()), (Some("v"), Some("next.step")));
    }

    async fn commands_are_told_apart_by_tokens_until_one_stops_the_service(t: Target) {
        let (service, nc) = t.clients().await;
        let root = unique();
        let mut commands = service.subscribe(format!("{root}.*")).await.unwrap();
        service.flush().await.unwrap();
        let running = tokio::spawn(async move {
            let mut ignored = 0;
            while let Some(command) = commands.next().await {
                match command.subject().split('.').nth(1) {
                    Some("uptime") => command.respond("1h").await.unwrap(),
                    Some("stop") => {
                        command.respond("stopping").await.unwrap();
                        service.drain().await.unwrap();
                    }
                    _ => ignored += 1,
                }
            }
            (ignored, service.closed().await)
        });
        assert_eq!(text(&nc.request(format!("{root}.uptime"), "").timeout(SOON).await.unwrap()), "1h");
        let unknown = nc.request(format!("{root}.dance"), "").timeout(Duration::from_millis(30)).await;
        assert!(unknown.unwrap_err().is_timeout());
        assert_eq!(text(&nc.request(format!("{root}.stop"), "").timeout(SOON).await.unwrap()), "stopping");
        assert_eq!(running.await.unwrap(), (1, CloseReason::Drained));
        assert!(nc.request(format!("{root}.uptime"), "").timeout(SOON).await.unwrap_err().is_no_responders());
    }
}
