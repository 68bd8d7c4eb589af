//! Starting a program where a peer lives.

use crate::network::lab::Namespace;
use crate::process::{Owned, Spec};
use std::sync::Arc;
use tokio::runtime::Handle;

/// Starts it on this machine or in a namespace: a child is where the thread is that starts it.
pub(super) async fn start_in(spec: Spec, namespace: Option<&Arc<Namespace>>) -> Result<Owned, String> {
    let Some(namespace) = namespace else { return Owned::spawn(&spec).map_err(|error| error.to_string()) };
    let runtime = Handle::current();
    let spawned = namespace.run_async(move || {
        let _entered = runtime.enter();
        Owned::spawn(&spec)
    });
    spawned.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}
