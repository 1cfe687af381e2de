//! Typed payloads.

use nuncio::{CodecError, Decode, Json, Payload, PublishError, Text};
use serde::{Deserialize, Serialize};

use crate::support::*;
use crate::target::Target;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    id: u64,
    lines: Vec<String>,
    note: Option<String>,
}

#[derive(Debug, PartialEq)]
struct Celsius(f64);

impl From<Celsius> for Payload<'_> {
    fn from(c: Celsius) -> Self {
        c.0.to_be_bytes().to_vec().into()
    }
}

impl Decode for Celsius {
    fn decode(payload: &[u8]) -> Result<Self, CodecError> {
        let bytes = payload.try_into().map_err(|_| CodecError::new("celsius", "needs 8 bytes"))?;
        Ok(Self(f64::from_be_bytes(bytes)))
    }
}

rules! {
    async fn text_round_trips(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        let sent = "grüße 日本 🦀 \0";
        nc.publish(sub.subject(), sent).await.unwrap();
        nc.publish(sub.subject(), Text(sent.into())).await.unwrap();
        assert_eq!(next(&mut sub).await.text(), Ok(sent));
        assert_eq!(next(&mut sub).await.decode::<Text>(), Ok(Text(sent.into())));
    }

    async fn text_that_is_not_utf8_is_an_error_of_its_own_kind(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        nc.publish(sub.subject(), b"\xff").await.unwrap();
        let message = next(&mut sub).await;
        assert_eq!(message.text().unwrap_err().format(), "text");
        assert_eq!(message.payload(), b"\xff", "the bytes are there");
    }

    async fn json_round_trips(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        let order = Order { id: u64::MAX, lines: vec!["a\"b".into(), "ü".into()], note: None };
        nc.publish(sub.subject(), Json(&order)).await.unwrap();
        let message = next(&mut sub).await;
        assert_eq!(message.json::<Order>(), Ok(order.clone()));
        assert_eq!(message.decode::<Json<Order>>(), Ok(Json(order)));
    }

    async fn bad_json_is_an_error_of_its_own_kind(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        for bad in ["", "{", "not json", r#"{"id":"no number","lines":[]}"#, "[1,2"] {
            nc.publish(sub.subject(), bad).await.unwrap();
            let message = next(&mut sub).await;
            let error = message.json::<Order>().unwrap_err();
            assert_eq!(error.format(), "JSON", "{bad:?}");
            assert_eq!(text(&message), bad);
        }
    }

    async fn a_value_that_cannot_be_encoded_is_not_sent(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        let impossible = Json(std::collections::HashMap::from([((1, 2), 3)]));
        let error = nc.publish(sub.subject(), impossible.clone()).await.unwrap_err();
        assert!(matches!(&error, PublishError::Codec(error) if error.format() == "JSON"), "{error:?}");
        let error = nc.request(sub.subject(), impossible).await.unwrap_err();
        assert!(matches!(error, nuncio::RequestError::Publish(PublishError::Codec(_))), "{error:?}");
        settle(&[&nc]).await;
        assert!(sub.try_next().is_none());
        assert_eq!((nc.statistics().published, nc.statistics().requests), (0, 0));
    }

    async fn a_codec_of_ones_own_is_a_type_with_both_directions(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        nc.publish(sub.subject(), Celsius(36.6)).await.unwrap();
        assert_eq!(next(&mut sub).await.decode::<Celsius>(), Ok(Celsius(36.6)));
        nc.publish(sub.subject(), "?").await.unwrap();
        assert_eq!(next(&mut sub).await.decode::<Celsius>().unwrap_err().format(), "celsius");
    }

    async fn requests_and_responses_are_typed_as_well(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        let subject = sub.subject().into_owned();
        let (reply, ()) = tokio::join!(nc.request(&subject, Json([1, 2, 3])).timeout(SOON), async {
            let request = next(&mut sub).await;
            let sum: i32 = request.json::<Vec<i32>>().unwrap().iter().sum();
            request.respond(Json(sum)).await.unwrap();
        });
        assert_eq!(reply.unwrap().json::<i32>(), Ok(6));
    }
}
