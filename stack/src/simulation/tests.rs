//! What is drawn, and which time it is, on a simulation's thread, and off it.

use super::run;
use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What everything that draws or reads the time says on this thread.
async fn drawn() -> (Vec<u8>, Vec<u32>, Vec<u8>, Duration, Duration) {
    let own = rand::random::<[u8; 16]>().to_vec();
    let map: HashMap<u32, ()> = (0..64).map(|n| (n, ())).collect();
    // The nonce of an ECDSA signature comes from `ring`'s own source.
    let crypto = rtc::crypto::default_provider().unwrap();
    let scheme = rtc::crypto::SignatureScheme::EcdsaP256Sha256;
    let key = crypto.crypto().generate_signing_key(scheme).unwrap();
    let signature = key.sign(scheme, b"message").unwrap();
    let began = Instant::now();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    (own, map.into_keys().collect(), signature, began.elapsed(), epoch)
}

#[tokio::test]
async fn everything_that_is_drawn_follows_from_the_seed_and_time_from_the_timers() {
    let one = run(1, drawn).await.unwrap();
    assert_eq!(run(1, drawn).await.unwrap(), one);
    let other = run(2, drawn).await.unwrap();
    assert!(other.0 != one.0 && other.1 != one.1 && other.2 != one.2);
    assert_eq!(one.3, Duration::from_secs(3600));
    assert_eq!(one.4, super::EPOCH + Duration::from_secs(3600));
}

#[tokio::test]
async fn off_its_thread_nothing_changes() {
    let inside = run(1, || async { (rand::random::<u128>(), std::thread::current().id()) }).await.unwrap();
    assert!(!super::is_running() && std::thread::current().id() != inside.1);
    assert_ne!(rand::random::<u128>(), inside.0);
    assert!(SystemTime::now().duration_since(UNIX_EPOCH).unwrap() != super::EPOCH);
}

#[tokio::test]
async fn a_panic_is_reported() {
    let broken = run(1, || async { std::hint::black_box(None::<u8>).unwrap() }).await;
    assert!(matches!(broken, Err(super::SimulationError::Panicked)));
}
