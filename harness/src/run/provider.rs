//! Where peers come from.

use crate::network::lab::{Host, InterfaceSpec};
use crate::peers::implementation::Implementation;
use crate::peers::request::OpenRequest;
use crate::peers::{OpenError, Opened, Surroundings};
use async_trait::async_trait;
use std::sync::Arc;

/// Opens peers.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Opens an implementation for a case.
    ///
    /// # Errors
    /// The machine or the implementation cannot do it, it should have worked and did not, or the implementation failed.
    async fn open(
        &self,
        implementation: &dyn Implementation,
        request: OpenRequest,
    ) -> Result<Opened, OpenError>;

    /// A host of a lab for this implementation, with these interfaces; one that served before, if there is one.
    ///
    /// # Errors
    /// The machine makes none.
    async fn host(
        &self,
        implementation: &Arc<dyn Implementation>,
        surroundings: &Surroundings,
        interfaces: &[InterfaceSpec],
    ) -> Result<Arc<Host>, OpenError>;

    /// Takes a host back when its case is over. One that is not as it was made is not used again.
    async fn give_back(&self, host: Arc<Host>);
}
