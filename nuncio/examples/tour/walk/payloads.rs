//! What messages carry.

use nuncio::{CodecError, Decode, Json, Payload};
use serde::{Deserialize, Serialize};

use super::{Result, Tour, next};

pub(super) async fn headers(tour: &mut Tour<'_>) -> Result {
    tour.title("headers");
    let mut orders = tour.nc.subscribe(tour.at("order")).await?;
    let order = tour.nc.publish(tour.at("order"), "42");
    order.header("Trace-Id", "abc").header("tag", "new").header("tag", "urgent").await?;
    let message = next(&mut orders).await?;
    let headers = message.headers()?;
    let all: Vec<String> = headers.iter().map(|(name, value)| format!("{name}={value}")).collect();
    tour.say(format!("in order: {}", all.join(" ")));
    tour.say(format!("trace-id in any case: {:?}", headers.get("trace-id")));
    tour.say(format!("trace-id exactly: {:?}", headers.get_exact("trace-id")));
    Ok(())
}

#[derive(Debug, Serialize, Deserialize)]
struct Order {
    item: String,
    pieces: u32,
}

/// A type with a codec of its own.
struct Celsius(f64);

impl From<Celsius> for Payload<'_> {
    fn from(celsius: Celsius) -> Self {
        celsius.0.to_be_bytes().to_vec().into()
    }
}

impl Decode for Celsius {
    fn decode(payload: &[u8]) -> std::result::Result<Self, CodecError> {
        let bytes = payload.try_into().map_err(|_| CodecError::new("Celsius", "needs 8 bytes"))?;
        Ok(Self(f64::from_be_bytes(bytes)))
    }
}

pub(super) async fn typed(tour: &mut Tour<'_>) -> Result {
    tour.title("typed payloads");
    let mut things = tour.nc.subscribe(tour.at("things")).await?;
    tour.nc.publish(tour.at("things"), Json(Order { item: "tea".into(), pieces: 3 })).await?;
    tour.nc.publish(tour.at("things"), Celsius(21.5)).await?;
    tour.nc.publish(tour.at("things"), "{").await?;
    let order = next(&mut things).await?;
    tour.say(format!("{} is {:?}", order.text()?, order.json::<Order>()?));
    let celsius = next(&mut things).await?;
    tour.say(format!("{} bytes are {} °C", celsius.payload().len(), celsius.decode::<Celsius>()?.0));
    if let Err(error) = next(&mut things).await?.decode::<Celsius>() {
        tour.say(format!("error: {error}"));
    }
    Ok(())
}
