#![allow(missing_docs)]
use std::time::Duration;
#[tokio::test]
async fn smoke() {
    let server = nuncio_server::Server::start().await.unwrap();
    let nc = nuncio::connect(server.url()).await.unwrap();
    let t0 = std::time::Instant::now();
    let mut sub = nc.subscribe("a.*").await.unwrap();
    for i in 0..10 {
        nc.publish(format!("a.{i}"), format!("{i}")).header("k", "v").await.unwrap();
    }
    println!("rtt {:?}", nc.flush().await.unwrap());
    for i in 0..10 {
        let m = sub.next().await.unwrap();
        assert_eq!(m.payload(), format!("{i}").as_bytes());
        assert_eq!(m.header("k"), Some("v"));
    }
    println!("pubsub {:?}", t0.elapsed());
    let err = nc.request("nobody", "").await.unwrap_err();
    println!("{err} {:?}", t0.elapsed());
    let nc2 = nc.clone();
    let mut echo = nc.subscribe("echo").await.unwrap();
    let t = tokio::spawn(async move {
        while let Some(m) = echo.next().await {
            m.respond(m.payload()).await.unwrap();
        }
        echo.ended()
    });
    for i in 0..100 {
        let r = nc2.request("echo", format!("{i}")).timeout(Duration::from_secs(5)).await.unwrap();
        assert_eq!(r.text().unwrap(), format!("{i}"));
    }
    println!("reqs {:?}", t0.elapsed());
    println!("{:?}", nc.statistics());
    println!("{:?}", nc.drain().await);
    println!("drain {:?}", t0.elapsed());
    println!("{:?} {:?}", t.await.unwrap(), nc.closed().await);
}
